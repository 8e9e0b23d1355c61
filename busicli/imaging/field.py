"""Where an image without a DICOM header shows the ultrasound image. Arrays only."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from busicli.imaging.arrays import Box
from busicli.types import Image

FLAT_RANGE = 3
"""Grey levels by which the pixels of a uniform margin differ at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSearch:
    """The ultrasound fields of one image."""

    boxes: tuple[Box, ...]
    """Rows and columns of each field, from left to right, then from top to bottom."""
    kind: Literal["whole", "found"]
    """`found` where the boxes are certain; `whole` where the one box is the whole image."""


def find_fields(scan: Image) -> FieldSearch:
    """The ultrasound fields that a (rows, columns, 3) uint8 scan shows."""
    box = _without_margins(scan[..., 1])
    whole = all(side == slice(0, size) for side, size in zip(box, scan.shape[:2], strict=True))
    return FieldSearch(boxes=(box,), kind="whole" if whole else "found")


def field_box(scan: Image) -> Box:
    """The one box that holds every field of a (rows, columns, 3) uint8 scan.

    The whole scan where the search is not certain.
    """
    boxes = find_fields(scan).boxes
    rows, columns = (
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
        for axis in (0, 1)
    )
    return rows, columns


def _without_margins(grey: NDArray[np.uint8]) -> Box:
    """The box that is left of (rows, columns) uint8 without its uniform margins.

    The whole where nothing would be left.
    """
    rows = _not_flat(grey.min(axis=1), grey.max(axis=1))
    columns = _not_flat(grey[rows].min(axis=0), grey[rows].max(axis=0))
    return rows, columns


def _not_flat(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> slice:
    """The lines that are left where uniform ones of one level are cut from either end."""
    first = _flat_lines(low, high)
    if first == low.size:
        return slice(0, low.size)
    return slice(first, low.size - _flat_lines(low[::-1], high[::-1]))


def _flat_lines(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> int:
    """How many lines from the first on stay within FLAT_RANGE levels of each other."""
    spread = np.maximum.accumulate(high).astype(int) - np.minimum.accumulate(low)
    return int(np.count_nonzero(spread <= FLAT_RANGE))
