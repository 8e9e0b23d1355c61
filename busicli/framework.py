"""Loading Keras with its backend, once, without their chatter."""

import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_log = logging.getLogger(__name__)


def load_keras() -> ModuleType:
    """The keras module. What the backend's libraries write to stderr while loading becomes one
    debug message: no setting of theirs keeps them quiet.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads it while it loads
    with _captured_stderr():
        return importlib.import_module("keras")


@contextmanager
def _captured_stderr() -> Iterator[None]:
    """Keep what C++ code writes to file descriptor 2 while the block runs."""
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
