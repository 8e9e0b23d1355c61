"""The part of a mask that holds its lesions: most of a scan is none, and need not be looked at."""

import numpy as np

from busicli.records import Mask

Box = tuple[slice, slice]
"""Rows and columns."""


def scaled_box(box: Box, shape: tuple[int, int], target: tuple[int, int]) -> Box:
    """A box of an image of `shape` (rows, columns) in the same image at the size `target`.

    Edges are rounded; at least one pixel is left each way.

    >>> scaled_box((slice(10, 30), slice(0, 40)), (40, 40), (20, 10))
    (slice(5, 15, None), slice(0, 10, None))
    """
    down, across = (
        _scaled(side, old, new) for side, old, new in zip(box, shape, target, strict=True)
    )
    return down, across


def _scaled(side: slice, old: int, new: int) -> slice:
    start = min(round(side.start * new / old), new - 1)
    return slice(start, max(start + 1, round(side.stop * new / old)))


def bounding_box(mask: Mask, margin: int = 0) -> Box | None:
    """The smallest box around all of a (rows, columns) bool mask, None where it is empty.

    It is wider by `margin` pixels on each side where the mask has so many.

    >>> bounding_box(np.array([[0, 0, 0], [0, 1, 1]], bool))
    (slice(1, 2, None), slice(1, 3, None))
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    down, across = (
        slice(max(0, int(found[0]) - margin), int(found[-1]) + 1 + margin)
        for found in (rows, columns)
    )
    return down, across
