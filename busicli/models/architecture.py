"""A model architecture: one declared object in one file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from busicli.errors import InputError

if TYPE_CHECKING:
    import keras

Shape = tuple[int, int, int]
"""Rows, columns, channels of the network's input."""
PLACEHOLDER = "Decide"
"""Marks what the author of a new plugin replaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A model architecture that busicli can train, evaluate and run.

    A plugin file declares one at its top level, named `ARCHITECTURE`. Keras is imported inside
    `build`, never at the top of the file: listing the plugins must stay fast.
    """

    name: str
    """What users write after `--model`, as `is_name` allows."""
    summary: str
    """One line for the listing."""
    source: str
    """The paper or the people it comes from."""
    build: Callable[..., keras.Model]
    """`build(input_shape, **options)` takes (rows, columns, 3) and returns a model that maps
    (N, rows, columns, 3) float32 in [0, 1] to (N, rows, columns, 1) float32 probabilities. It may
    have a second output: (N, 3) float32 probabilities of normal, benign and malignant."""
    size_multiple: int = 1
    """Rows and columns must be multiples of this."""
    options: dict[str, Any] = field(default_factory=dict)
    """Names and defaults of the keywords that `build` takes."""
    pretrained: str = ""
    """Name of the shipped pre-trained weights that training begins from by default. Their arrays
    fill the variables of the same paths. Empty to begin from random weights."""
    feature_layers: tuple[str, ...] = ()
    """Layers whose (N, rows, columns, channels) output tells scans that are unlike the training
    scans; early ones do it best. Empty: such scans are not recognized."""

    def checked_options(self, given: dict[str, Any]) -> dict[str, Any]:
        """The defaults, replaced by what is given.

        Raises InputError for an unknown name and for a value of another kind than the default.
        """
        if unknown := sorted(set(given) - set(self.options)):
            known = ", ".join(self.options) or "none"
            raise InputError(
                f"the model {self.name} has no option {', '.join(unknown)}; it has: {known}."
            )
        for name, value in given.items():
            if not _is_like(value, self.options[name]):
                came, like = (json.dumps(v, default=repr) for v in (value, self.options[name]))
                raise InputError(
                    f"the option {name} of the model {self.name} is {came}; it must be like {like}."
                )
        return {**self.options, **given}

    def check_size(self, size_px: int) -> None:
        """Raise InputError where the network cannot take a square of that many pixels."""
        if size_px % self.size_multiple:
            raise InputError(
                f"the size is {size_px} x {size_px} px but the model {self.name} needs multiples "
                f"of {self.size_multiple}; run preprocess again with such a --size."
            )

    def placeholders(self) -> list[str]:
        """Fields that still hold the text of `busicli models new`."""
        fields = {"summary": self.summary, "source": self.source}
        return [name for name, text in fields.items() if text.startswith(PLACEHOLDER)]


def _is_like(value: Any, default: Any) -> bool:
    """Whether an option's value is of its default's kind; anything is like None.

    >>> [_is_like(value, 0.2) for value in (1, 0.5, True, "0.5", None, math.nan)]
    [True, True, False, False, False, False]
    >>> [_is_like(value, (8, 16)) for value in ([4], (), 4, ["4"])]
    [True, True, False, False]
    """
    if isinstance(default, list | tuple):
        parts = default[:1]
        listed = isinstance(value, list | tuple)
        return listed and all(_is_like(one, part) for one in value for part in parts)
    if isinstance(default, bool) or isinstance(value, bool):
        return default is None or (isinstance(default, bool) and isinstance(value, bool))
    if isinstance(default, int | float):
        return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return default is None or isinstance(value, type(default))


def is_name(text: str) -> bool:
    """Whether a text can name an architecture.

    It needs words of lower-case letters and digits, a letter first, joined by single hyphens.

    >>> [is_name(text) for text in ("improved-unet", "Unet", "my net", "2net", "net-", "")]
    [True, False, False, False, False, False]
    """
    return re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", text) is not None
