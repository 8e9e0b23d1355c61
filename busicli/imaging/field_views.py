"""Views side by side in one ultrasound field: where they meet, and which are grey. Arrays only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from busicli.imaging.arrays import Box
from busicli.imaging.field_border import without_flat_lines
from busicli.types import Image

BLOCKS = 12
"""Blocks along a seam: it shows in three quarters of them."""
JPEG_BLOCK, DISTINCT = 8, 2.2
"""Columns of a JPEG's block; how many times stronger a seam is than the steps between blocks."""
BESIDE = 4
"""How many columns beside a seam the views are compared."""
SMALLEST = 64
"""Pixels: a field that is lower or narrower is one view."""
COLOURED = 40
"""Difference of a pixel's channels above which it is coloured."""

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seam:
    """What a seam is."""

    middle: float
    """How far from the field's middle it lies at most, as a share of the field."""
    step: float
    """How many times stronger than usual the step across it is."""
    unlike: float
    """How many times more than usual its two sides differ. They are alike beside a line that is
    drawn over one view. Rows so far apart always differ."""


BESIDE_EACH_OTHER = _Seam(middle=0.08, step=2.9, unlike=1.1)
STACKED = _Seam(middle=0.05, step=2.6, unlike=0.7)
SECOND = _Seam(middle=0.05, step=2.0, unlike=0.7)
"""Across a first one: four views."""


def views_in(grey: Grey, box: Box) -> tuple[list[Box], bool]:
    """The views in one field of the (rows, columns) uint8 image: 1, 2 or 4; and if that is certain.

    Two scans side by side change abruptly along a whole line near the middle; tissue does not.
    """
    part = grey[box]
    if min(part.shape) < SMALLEST:
        return [box], True
    column, one_column = _seam(part, BESIDE_EACH_OTHER)
    row, one_row = _seam(part.T, SECOND if column else STACKED)
    if column and not row:
        halves = (_seam(half.T, STACKED) for half in (part[:, :column], part[:, column:]))
        row, one_row = max(halves, key=lambda seam: seam[0])
    if row and not column:
        column, one_column = _seam(part, SECOND)
    views = [half for rows in _halves(grey, box, 0, row) for half in _halves(grey, rows, 1, column)]
    return views, one_column and one_row


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


def _halves(grey: Grey, box: Box, axis: int, seam: int) -> list[Box]:
    """The box on both sides of a seam, without the flat lines there; the box for a seam of 0."""
    if not seam:
        return [box]
    middle = box[axis].start + seam
    sides = (slice(box[axis].start, middle), slice(middle, box[axis].stop))
    halves = [(side, box[1]) if axis == 0 else (box[0], side) for side in sides]
    return [without_flat_lines(grey, half, axis) for half in halves]


def _seam(part: Grey, sought: _Seam) -> tuple[int, bool]:
    """The first column after a seam, the one nearest to the middle; 0 where there is none.

    None either where the strongest step is a line drawn over one view: views that happen to be
    alike beside their seam look so too, so that is not certain.
    """
    height, width = part.shape
    low, high = int(width * (0.5 - sought.middle)), int(width * (0.5 + sought.middle)) + 2
    rows = slice(0, height // BLOCKS * BLOCKS)
    steps = np.sort(_steps(part[rows, low:high], 1), axis=0)[BLOCKS // 4]
    found = np.flatnonzero(steps > sought.step)
    if not found.size:
        return 0, True
    beside = _steps(part[rows, low - BESIDE : high + BESIDE], 2 * BESIDE)
    unlike = np.median(beside, axis=0)[found + 1] >= sought.unlike
    if not unlike[steps[found].argmax()]:
        return 0, _is_block_border(steps, int(steps.argmax()))
    seams = [index for index in found[unlike] if not _is_block_border(steps, int(index))]
    nearest = min(
        (low + int(index) + 1 for index in seams), key=lambda at: abs(at - width / 2), default=0
    )
    return nearest, True


def _is_block_border(steps: NDArray[np.floating], index: int) -> bool:
    """Whether a step is one of those between a JPEG's blocks, one in every eight columns."""
    comb = np.delete(steps[index % JPEG_BLOCK :: JPEG_BLOCK], index // JPEG_BLOCK)
    return bool(comb.size and steps[index] < DISTINCT * np.median(comb))


def _steps(band: Grey, distance: int) -> NDArray[np.floating]:
    """(BLOCKS, columns) change over so many columns, as a multiple of the usual one of its block.

    Blocks are of rows; the first column is that of the change from column 0 to `distance`.
    """
    band = np.ascontiguousarray(band)  # it is read four times
    left, right = band[:, :-distance], band[:, distance:]
    change = np.maximum(left, right) - np.minimum(left, right)
    rows = len(band) // BLOCKS
    sums = change.reshape(BLOCKS, rows, -1).sum(axis=1, dtype=np.float32)
    usual = np.maximum(np.median(sums, axis=1, keepdims=True), rows / 2)
    steps: NDArray[np.floating] = sums / usual
    return steps
