"""Views side by side in one ultrasound field: where they meet, and which are grey. Arrays only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from busicli.imaging.arrays import Box
from busicli.imaging.field_border import without_margins
from busicli.types import Image

BLOCKS = 12
"""Blocks along a seam: it shows in three quarters of them."""
MIDDLE_COLUMNS, MIDDLE_ROWS = 0.08, 0.05
"""How far from the middle a seam is searched, as a share of the field."""
STEP_COLUMNS, STEP_ROWS = 2.9, 2.6
"""How much stronger than usual the step across a seam is, where views meet side by side, and
where they are stacked."""
STEP_QUAD = 2.0
"""The same for a second seam across a first one."""
JPEG_BLOCK, DISTINCT = 8, 2.2
"""Columns of a JPEG's block; how many times stronger a seam is than the steps between blocks."""
SMALLEST = 64
"""Pixels: a field that is lower or narrower is one view."""
COLOURED = 40
"""Difference of a pixel's channels above which it is coloured."""

Grey = NDArray[np.uint8]


def views_in(grey: Grey, box: Box) -> list[Box]:
    """The views in one field of the (rows, columns) uint8 image: 1, 2 or 4 boxes.

    Two scans side by side change abruptly along a whole line near the middle; tissue does not.
    """
    part = grey[box]
    if min(part.shape) < SMALLEST:
        return [without_margins(grey, box)]
    column = _seam(part, MIDDLE_COLUMNS, STEP_COLUMNS)
    row = _seam(part.T, MIDDLE_ROWS, STEP_QUAD if column else STEP_ROWS)
    if row and not column:
        column = _seam(part, MIDDLE_ROWS, STEP_QUAD)
    return [
        without_margins(grey, (rows, columns))
        for rows in _halves(box[0], row)
        for columns in _halves(box[1], column)
    ]


def grey_views(scan: Image, views: Sequence[Box]) -> list[Box]:
    """The views without those mostly coloured, as an elastogram beside its B-mode image.

    All of them where none is grey. `scan` is (rows, columns, 3) uint8.
    """
    if len(views) == 1:
        return list(views)
    shares = [_coloured(scan[view][::8, ::8]) for view in views]
    if min(shares) > 0.1:
        return list(views)
    return [view for view, share in zip(views, shares, strict=True) if share < 1 / 3]


def _coloured(pixels: Image) -> float:
    """The share of coloured pixels."""
    return float((pixels.max(axis=2) - pixels.min(axis=2) > COLOURED).mean())


def _halves(side: slice, seam: int) -> list[slice]:
    if not seam:
        return [side]
    return [slice(side.start, side.start + seam), slice(side.start + seam, side.stop)]


def _seam(part: Grey, middle: float, step: float) -> int:
    """The first column after a seam, the one nearest to the middle; 0 where there is none.

    The blocks of a JPEG make steps too, but one in every eight columns.
    """
    height, width = part.shape
    low, high = int(width * (0.5 - middle)), int(width * (0.5 + middle)) + 2
    ratio = _step_ratio(part[: height // BLOCKS * BLOCKS, low:high])
    seams = np.flatnonzero(ratio > step)
    if not seams.size:
        return 0
    seam = int(seams[np.abs(seams + low + 1 - width / 2).argmin()])
    comb = np.delete(ratio[seam % JPEG_BLOCK :: JPEG_BLOCK], seam // JPEG_BLOCK)
    if comb.size and ratio[seam] < DISTINCT * np.median(comb):
        return 0
    return low + seam + 1


def _step_ratio(band: Grey) -> NDArray[np.floating]:
    """The step after each column but the last, as a multiple of the band's usual one.

    It is reached in three quarters of BLOCKS blocks of rows.
    """
    left, right = band[:, :-1], band[:, 1:]
    change = np.maximum(left, right) - np.minimum(left, right)
    rows = len(band) // BLOCKS
    sums = change.reshape(BLOCKS, rows, -1).sum(axis=1, dtype=np.float32)
    usual = np.maximum(np.median(sums, axis=1, keepdims=True), rows / 2)
    ratio: NDArray[np.floating] = np.sort(sums / usual, axis=0)[BLOCKS // 4]
    return ratio
