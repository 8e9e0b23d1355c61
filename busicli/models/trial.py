"""A network's shapes, worked out before any memory is taken: whether its options make sense."""

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from busicli.errors import InputError
from busicli.models.architecture import Architecture
from busicli.models.keras_backend import load_keras
from busicli.parallel.memory import free_bytes

STORED_BYTES, TRAINED_BYTES = 4, 16
"""Of a parameter: its value; in training also its gradient and the optimizer's two averages."""
_KERAS_FRAME = "Exception encountered when calling"
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*m")


def check_network(
    architecture: Architecture,
    size_px: int,
    options: Mapping[str, Any],
    parameter_bytes: int = STORED_BYTES,
) -> None:
    """Raise InputError where the network cannot be built, answers in another size, or is too large.

    Too large is what needs more than the free memory for its parameters alone. The author's own
    options are taken as sound.
    """
    checked = architecture.checked_options(dict(options))
    if _plain(checked) == _plain(architecture.options):
        return
    with sentence_of_build(architecture, options):
        # what Keras remembers of a build belongs to its thread and is gone with it
        with ThreadPoolExecutor(1) as thread:
            outputs, count = thread.submit(_shapes, architecture, size_px, checked).result()
        if outputs[0] != (None, size_px, size_px, 1):
            _, *shape = outputs[0]
            raise ValueError(f"its output for {size_px} x {size_px} px has the shape {shape}")
    needed, free = parameter_bytes * count, free_bytes()
    if free is not None and needed > free:
        raise InputError(
            f"the model {architecture.name} has {count:,} parameters with the options "
            f"{dict(options)}; they need {needed / 1e9:,.0f} GB of memory and "
            f"{free / 1e9:,.0f} GB are free: give options that make it smaller."
        )


def _plain(options: Mapping[str, Any]) -> str:
    """Options as text: a card's lists are the same as an author's tuples."""
    return json.dumps(options, default=repr)


def _shapes(
    architecture: Architecture, size_px: int, options: dict[str, Any]
) -> tuple[list[tuple[int | None, ...]], int]:
    """The shapes of the outputs, and how many parameters there would be."""
    with load_keras().StatelessScope(initialize_variables=False):
        model = architecture.build((size_px, size_px, 3), **options)
    return [tuple(output.shape) for output in model.outputs], int(model.count_params())


@contextmanager
def sentence_of_build(architecture: Architecture, options: Mapping[str, Any]) -> Iterator[None]:
    """Raise InputError for what a builder or Keras raises within the block."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"the model {architecture.name} cannot be built with the options {dict(options)}: "
            f"{_reason(error)}; see busicli models show {architecture.name}."
        ) from error


def _reason(error: Exception) -> str:
    """The first line that says something: Keras may begin with where it was called."""
    lines = _TERMINAL_CODES.sub("", str(error)).split("\n")
    said = (line.strip().rstrip(".") for line in lines if not line.startswith(_KERAS_FRAME))
    return next(filter(None, said), type(error).__name__)
