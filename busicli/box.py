"""The part of a mask that holds its lesions: most of a scan is none, and need not be looked at."""

import numpy as np

from busicli.records import Mask

Box = tuple[slice, slice]
"""Rows and columns."""


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
