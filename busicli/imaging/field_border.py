"""The borders of an ultrasound field, fitted at full resolution. Arrays only."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from busicli.imaging.arrays import Box
from busicli.imaging.coarse_grid import CoarseGrid
from busicli.imaging.field_grid import Area

CHUNK = 16
"""Pixels of a border that are judged together."""
OUTWARD, INWARD = 10, 8
"""How far a border is searched from where the coarse grid has it, in grid steps."""
ROUGH = 0.5
"""Mean change from pixel to pixel, in grey levels of at most 8, of a chunk that shows tissue."""
GAP = 5
"""Lines: a caliper or the frame of a colour box interrupts tissue by fewer."""
AGREED = 0.4
"""Share of chunks that place a straight border on one line; fewer do on a curved one."""
NOISE_MARGIN = 1.3
"""How many times the noise is taken off a change."""
SHARP = 0.3
"""Change outside a border, as a share of that inside, below which it is sharp."""
FLAT_RANGE = 3
"""Grey levels by which the pixels of a uniform margin differ at most."""

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A field with its borders to the pixel."""

    box: Box
    sharp_sides: int
    """Sides, 0 to 4, where texture ends at once and flat ground begins. A shadow fades instead,
    and at the image's own border nothing can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    step: int
    noise: float
    curved: bool


def fitted(grid: CoarseGrid, area: Area, least_sharp: int = 0) -> Fitted | None:
    """The field of an area that was found on the grid; None where too few sides are sharp.

    A curved field's box touches its ends.
    """
    lines, blurred = [], 0
    for line, sharp in _borders(grid, area):
        lines.append(line)
        blurred += not sharp
        if 4 - blurred < least_sharp:
            return None
    left, right, top, bottom = lines
    return Fitted(box=(slice(top, bottom), slice(left, right)), sharp_sides=4 - blurred)


def without_margins(grey: Grey, box: Box) -> Box:
    """The box without uniform margins: all of it where nothing would be left."""
    rows = without_flat_lines(grey, box, 0)[0]
    if rows.start == rows.stop:
        return box
    return without_flat_lines(grey, (rows, box[1]), 1)


def without_flat_lines(grey: Grey, box: Box, axis: int) -> Box:
    """The box without uniform rows (axis 0) or columns (1) at either end; empty if all are."""
    lines = grey[box] if axis == 0 else grey[box].T
    first = _flat_lines(lines)
    last = _flat_lines(lines[::-1]) if first < len(lines) else 0
    side = slice(box[axis].start + first, box[axis].stop - last)
    return (side, box[1]) if axis == 0 else (box[0], side)


def _borders(grid: CoarseGrid, area: Area) -> Iterator[tuple[int, bool]]:
    """The first column, the one after the last, the same of rows; and whether each is sharp.

    Columns first: a scan without margins has tissue at both ends of its rows.
    """
    search = _Search(step=grid.step, noise=grid.noise, curved=area.curved)
    for axis in (1, 0):
        lines = grid.grey[:, area.box[1]] if axis == 0 else grid.grey[area.box[0]].T
        yield _border(lines, area.box[axis].start, search)
        last, sharp = _border(lines[::-1], len(lines) - area.box[axis].stop, search)
        yield len(lines) - last, sharp


def _border(lines: Grey, near: int, search: _Search) -> tuple[int, bool]:
    """The field's first line, searched around line `near`, and whether the border is sharp."""
    low = max(0, near - OUTWARD * search.step)
    change = _change(lines[low : near + INWARD * search.step])
    if search.noise:
        change = np.maximum(change - NOISE_MARGIN * search.noise, 0)
    start = len(change) - 2 * search.step
    inside = change[start:].mean(axis=0)
    first = _first_lines(change[:start] >= np.maximum(ROUGH / 2, inside / 3))
    shown = (inside >= ROUGH) & (first < start)
    if not shown.any():
        return near, False
    first, inside, change = first[shown], inside[shown], change[:, shown]
    edge = int((first if search.curved else first[_agreed(first)]).min())
    if low + edge <= 2:
        return 0, False
    return low + edge, bool(_sharp(change, first, inside).mean() >= 0.5)


def _change(lines: Grey) -> NDArray[np.floating]:
    """Mean change from pixel to pixel along each line, in grey levels of at most 8, by chunk."""
    lines = np.ascontiguousarray(lines)
    low, high = lines[:, :-1], lines[:, 1:]
    change = np.minimum(np.maximum(low, high) - np.minimum(low, high), 8)
    count = max(1, change.shape[1] // CHUNK)
    starts = np.arange(count) * (change.shape[1] // count)
    sums = np.add.reduceat(change, starts, axis=1)  # of fewer than 2 CHUNK changes of at most 8
    return sums / np.diff(np.append(starts, change.shape[1])).astype(np.float32)


def _first_lines(rough: NDArray[np.bool_]) -> NDArray[np.intp]:
    """For each column of (lines, chunks) bool: the first line of the run that ends in the last.

    GAP lines that are not rough end it, fewer at either end of all lines.
    """
    frame = GAP // 2
    smooth = np.ones((len(rough) + 2 * frame, rough.shape[1]), bool)
    np.logical_not(rough[::-1], out=smooth[frame:-frame])
    gap = smooth[: 1 - GAP].copy()
    for first in range(1, GAP):
        gap &= smooth[first : first + len(gap)]
    run = np.where(gap.any(axis=0), np.maximum(gap.argmax(axis=0) - frame, 0), len(rough))
    return len(rough) - run


def _agreed(first: NDArray[np.intp]) -> NDArray[np.bool_]:
    """The chunks that place a straight border on one line; all of them where it is curved."""
    counts = np.convolve(np.bincount(first, minlength=3), [1, 1, 1], "same")
    usual = int(counts.argmax())
    near: NDArray[np.bool_] = np.abs(first - usual) <= 1
    return near if near.mean() >= AGREED else np.ones(len(first), bool)


def _sharp(
    change: NDArray[np.floating], first: NDArray[np.intp], inside: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """For each chunk: whether the lines 3 to 12 before its first one are nearly flat."""
    total = np.vstack([np.zeros(change.shape[1]), np.cumsum(change, axis=0)])
    chunks = np.arange(change.shape[1])
    begin, end = np.maximum(first - 12, 0), np.maximum(first - 2, 0)
    mean = (total[end, chunks] - total[begin, chunks]) / np.maximum(end - begin, 1)
    sharp: NDArray[np.bool_] = (end > begin) & (mean < SHARP * inside)
    return sharp


def _flat_lines(lines: Grey) -> int:
    """How many lines from the first on stay within FLAT_RANGE grey levels of each other."""
    low, high, count = 255, 0, 0
    for line in lines:
        low, high = min(low, int(line.min())), max(high, int(line.max()))
        if high - low > FLAT_RANGE:
            break
        count += 1
    return count
