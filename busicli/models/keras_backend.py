"""Loading Keras and its backend without their messages."""

import importlib
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from busicli.errors import InputError

MISSING = (
    "{} is not installed, and only segmenting can do without: run pip install 'busicli[train]'."
)
_log = logging.getLogger(__name__)


def require_keras() -> None:
    """Raise InputError where Keras is not installed; nothing is loaded."""
    if importlib.util.find_spec("keras") is None:
        raise InputError(MISSING.format("Keras"))


def load_keras() -> ModuleType:
    """The keras module.

    What the backend's libraries write to stderr while loading becomes one debug message: they have
    no setting that prevents it. Raises InputError where Keras is missing, and for an unknown or
    missing backend.
    """
    require_keras()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it while it loads
    try:
        with _captured_stderr():
            return importlib.import_module("keras")
    except ModuleNotFoundError as error:
        backend = os.environ.get("KERAS_BACKEND")
        if error.name not in ("jax", "torch", "tensorflow"):
            raise
        if backend is None:
            raise InputError(MISSING.format("TensorFlow")) from error
        raise InputError(
            f"KERAS_BACKEND is {backend}, but {error.name} is not installed; install it, or set "
            "another backend."
        ) from error
    except ValueError as error:  # Keras does not know the backend
        raise InputError(f"Keras cannot be loaded: {str(error).partition(chr(10))[0]}") from error


def keras_version() -> str:
    """The version of Keras, and its backend, such as `3.15.1 on tensorflow`."""
    keras = load_keras()
    return f"{keras.__version__} on {keras.backend.backend()}"


def share_among_devices(batch_size: int) -> None:
    """From here on, Keras divides each batch among all accelerators, each with its own model.

    Raises InputError on other backends than JAX, and where the batches cannot be divided evenly.
    """
    keras = load_keras()
    if keras.backend.backend() != "jax":
        raise InputError(
            f"Keras divides batches among devices on JAX, not on {keras.backend.backend()}; "
            "set KERAS_BACKEND=jax, or leave out --devices."
        )
    devices = keras.distribution.list_devices()
    if batch_size % len(devices):
        raise InputError(
            f"batches of {batch_size} cannot be divided among {len(devices)} devices; "
            f"give a --batch-size that is a multiple of {len(devices)}."
        )
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))


@contextmanager
def _captured_stderr() -> Iterator[None]:
    """Capture what C++ code writes to file descriptor 2 within the block."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept:
        saved = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            kept.seek(0)
            _log.debug("while loading Keras: %s", kept.read().decode(errors="replace"))
