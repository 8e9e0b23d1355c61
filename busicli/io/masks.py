"""Mask files of any tool: reading them, and finding the scan that a mask's name belongs to."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from busicli.errors import InputError
from busicli.io.images import MAX_PIXELS, WIDE, UnreadKindError, check_pixels, only_image, rgb
from busicli.io.kinds import unread_kind
from busicli.types import Mask

_FEW_VALUES = 16
_NPY = b"\x93NUMPY"
"""First bytes of a .npy file."""
_MASK_NAME = re.compile(r"^(?P<scan>.+)_mask(_\d+)?$", re.DOTALL)


def scan_stem_of_mask(path: Path) -> str | None:
    """The stem of the scan that a mask belongs to by its name (`x_mask.png`, `x_mask_1.png`: x)."""
    match = _MASK_NAME.match(path.stem)
    return match["scan"] if match else None


@dataclass(frozen=True, slots=True)
class FoundMask:
    """A mask that was read."""

    mask: Mask
    cut: bool
    """Whether it had many greys and was thresholded at half of the highest, like a map."""


def decode_mask(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Mask:
    """A mask file's bytes as (rows, columns) bool.

    Few different values, or every one from 0 up, are labels: all but 0 are lesion. Many other
    values are a smoothed or JPEG mask: lesion at or above half of the highest. Raises InputError as
    `decode_scan` does, and for NaN or infinite values.
    """
    return _found_mask(_mask_values(only_image(data, max_pixels))).mask


def find_mask(data: bytes, *, max_pixels: int = MAX_PIXELS) -> FoundMask:
    """As `decode_mask`, also for a .npy file, and whether greys were thresholded.

    An array must have two axes, rows and columns, and real numbers; otherwise InputError.
    """
    if data.startswith(_NPY):
        if kind := unread_kind(data):
            raise UnreadKindError(kind)
        return _found_mask(_array_values(data, max_pixels))
    return _found_mask(_mask_values(only_image(data, max_pixels)))


def _mask_values(image: Pillow.Image) -> NDArray[np.generic]:
    """(rows, columns): bits and 16-bit or float values as stored, else the brightest channel."""
    if image.mode == "1" or image.mode.startswith(WIDE):
        return np.asarray(image)
    red, green, blue = np.moveaxis(rgb(image), 2, 0)
    brightest: NDArray[np.uint8] = np.maximum(np.maximum(red, green), blue)
    return brightest


def _array_values(data: bytes, max_pixels: int) -> NDArray[np.generic]:
    try:
        values: NDArray[np.generic] = np.load(io.BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise InputError(
            "is not an array of numbers, or is cut short; store it with np.save."
        ) from error
    check_pixels(values.size, max_pixels)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "buif":
        raise InputError(
            f"is an array of shape {values.shape} and type {values.dtype}; store numbers of "
            "shape (rows, columns)."
        )
    return values


def _found_mask(values: NDArray[Any]) -> FoundMask:
    if values.dtype == np.bool_:
        return FoundMask(values, cut=False)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError("holds NaN or infinite values; store it with finite ones.")
    highest = float(values.max())
    count = _count_of_different(values)
    labels = count <= _FEW_VALUES or count == highest + 1 != 256  # 256: every grey of 8 bits
    return FoundMask(values > (0 if labels else highest / 2), cut=not labels)


def _count_of_different(values: NDArray[Any]) -> int:
    if values.dtype == np.uint8:  # takes half the time of sorting
        return int(np.count_nonzero(np.bincount(values.ravel(), minlength=256)))
    return len(np.unique(values))
