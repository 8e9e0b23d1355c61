"""Large rough areas of an image, searched on a coarse grid. Arrays only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from busicli.imaging.arrays import Box, bounding_box
from busicli.types import Mask

GRID = 256
"""Points of the coarse grid along the image's longer side."""
WINDOW = 5
"""Side of the square, in grid points, whose roughness is averaged."""
DENSE = 0.6
"""Share of rough neighbours above which a grid point may lie in a field."""
NARROW = 7
"""Grid points: what is narrower, as a grey wedge or a line of text, is no field."""
SMALL = 0.02
"""Share of the image below which the largest dense area is no field."""
FLAT, ALIKE = 2.5, 0.35
"""Width by height above which an area is a trace or a strip of thumbnails, where there is another;
share of the largest field's height and width that another field has at least."""
LANE = 0.1
"""Share of rough points of a grid line at or below which it separates a field from a menu."""
TEXT_GROUND, TEXT_LEVELS = 0.55, 12
"""Share of text that is its ground, which has so many grey levels around the median."""
TEXT_EDGES, TEXT_STEP = 0.08, 60
"""Share of neighbours in text that differ by more than so many grey levels."""
CORNER = 12
"""What part of an area's sides its corners are."""
DENSE_IN_NOISE = 0.45
"""The same on noisy ground, where less of the speckle stands out."""
NOISE_BLOCK, NOISE_SHARE, NOISE_TIMES = 8, 0.05, 3
"""Noise is measured in the quietest share of blocks of so many grid points a side; what differs by
more than so many times as much is rough."""

Grey = NDArray[np.uint8]
Grid = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A large rough area."""

    box: Box
    """To within some 40 pixels of an image of 1024 x 768."""
    curved: bool
    """Whether both upper or both lower corners of the box are flat, as a sector's are."""


def grid_step(grey: Grey) -> int:
    """Pixels from one point of the coarse grid to the next."""
    longer: int = max(grey.shape)
    return max(1, round(longer / GRID))


def rough_areas(grey: Grey, noise: float = 0.0) -> list[Area]:
    """Areas of a (rows, columns) uint8 image where neighbours differ nearly everywhere.

    `noise` is what the neighbours of flat ground differ by. None where the image is flat.
    """
    step = grid_step(grey)
    if min(grey.shape) < NARROW * step:
        return []
    rough = _roughness(grey, step, noise)
    boxes = []
    for part in _large(_opened(_dense(rough, DENSE_IN_NOISE if noise else DENSE))):
        sides = zip(_without_slabs(rough, part), grey.shape, strict=True)
        rows, columns = (slice(s.start * step, min(s.stop * step, size)) for s, size in sides)
        if not _is_text(grey[rows, columns], step):
            boxes.append((rows, columns))
    return [Area(box=box, curved=_is_curved(rough, box, step)) for box in _joined(grey, boxes)]


def noise_level(grey: Grey) -> float:
    """What neighbours differ by, on average, where the image is quietest, in grey levels."""
    across, _ = _differences(grey, grid_step(grey))
    rows, columns = (size // NOISE_BLOCK for size in across.shape)
    if not rows or not columns:
        return 0.0
    whole = across[: rows * NOISE_BLOCK, : columns * NOISE_BLOCK]
    blocks = whole.reshape(rows, NOISE_BLOCK, columns, NOISE_BLOCK).mean(axis=(1, 3))
    return float(np.quantile(blocks, NOISE_SHARE))


def ground_roughness(grey: Grey, boxes: Sequence[Box], noise: float) -> float:
    """The share of neighbours outside the boxes that differ by more than noise; 0 for no ground."""
    step = grid_step(grey)
    ground = np.ones(grey.shape, bool)[:-2:step, :-2:step]
    for rows, columns in boxes:
        ground[
            rows.start // step : rows.stop // step + 1,
            columns.start // step : columns.stop // step + 1,
        ] = False
    rough = _roughness(grey, step, noise)[ground]
    return float(rough.mean()) / 2 if rough.size else 0.0


def around(boxes: Sequence[Box]) -> Box:
    """The box around all boxes."""
    rows, columns = (
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
        for axis in (0, 1)
    )
    return rows, columns


def box_shape(box: Box) -> tuple[int, int]:
    """Height and width."""
    return box[0].stop - box[0].start, box[1].stop - box[1].start


def _differences(grey: Grey, step: int) -> tuple[Grid, Grid]:
    """Of every `step`-th pixel to the second one to its right, and to the second one below."""
    here, right, below = (
        np.ascontiguousarray(grey[rows, columns])  # each is read twice
        for rows, columns in (
            (slice(None, -2, step), slice(None, -2, step)),
            (slice(None, -2, step), slice(2, None, step)),
            (slice(2, None, step), slice(None, -2, step)),
        )
    )
    return (
        np.maximum(here, right) - np.minimum(here, right),
        np.maximum(here, below) - np.minimum(here, below),
    )


def _roughness(grey: Grey, step: int, noise: float) -> Grid:
    """0 to 2: in how many directions a grid point differs from its neighbour by more than noise."""
    across, down = _differences(grey, step)
    least = int(np.ceil(NOISE_TIMES * noise))
    return (across > least).view(np.uint8) + (down > least)


def _dense(rough: Grid, share: float) -> Mask:
    """Where more than this share of the neighbours around differ."""
    framed = np.pad(rough, WINDOW // 2, mode="symmetric")
    return 2 * WINDOW**2 * share < _sums(_sums(framed).T).T


def _sums(grid: Grid) -> Grid:
    """Of WINDOW rows each; at most 50 in a square, which uint8 holds."""
    count = len(grid) - WINDOW + 1
    total = grid[:count].copy()
    for first in range(1, WINDOW):
        total += grid[first : first + count]
    return total


def _opened(dense: Mask) -> Mask:
    """The areas without what is narrower than NARROW points."""
    core = _runs(_runs(dense).T).T
    beside = ~np.pad(core, NARROW - 1)
    return ~_runs(_runs(beside).T).T


def _runs(mask: Mask) -> Mask:
    """Where NARROW rows in a column are true; the result is shorter by NARROW - 1 rows."""
    two = mask[1:] & mask[:-1]
    four = two[2:] & two[:-2]
    return four[3:] & four[:-3]


def _large(areas: Mask) -> list[Box]:
    """Boxes of the largest connected area and of those like it; none where it is too small."""
    labels, _ = ndimage.label(areas)
    pixels = np.bincount(labels.ravel()).tolist()
    found = [
        (count, box)
        for number, count in enumerate(pixels)
        if number and count >= SMALL * areas.size and (box := bounding_box(labels == number))
    ]
    upright = [
        (count, box) for count, box in found if box_shape(box)[1] <= FLAT * box_shape(box)[0]
    ]
    if not found:
        return []
    _, largest = max(upright or found, key=lambda area: area[0])
    height, width = (ALIKE * side for side in box_shape(largest))
    shapes = [(box_shape(box), box) for _, box in upright or found]
    return [box for shape, box in shapes if shape[0] >= height and shape[1] >= width]


def _without_slabs(rough: Grid, part: Box) -> Box:
    """The part without what a flat lane separates from it within a quarter from its borders."""
    sides = []
    for axis in (0, 1):
        line = rough[part].mean(axis=1 - axis) / 2
        start = _after_lane(line)
        stop = line.size - _after_lane(line[::-1])
        sides.append(slice(part[axis].start + start, part[axis].start + stop))
    return sides[0], sides[1]


def _after_lane(line: NDArray[np.floating]) -> int:
    """Where the field begins after a lane in the first quarter; 0 where there is none."""
    lanes = np.flatnonzero(line[: line.size // 4] <= LANE)
    if not lanes.size:
        return 0
    start = int(lanes[-1]) + 1
    return start if line[start + 1 : start + 4].mean() >= DENSE else 0


def _is_text(part: Grey, step: int) -> bool:
    """Whether most of the part has one level, and many neighbours differ by much."""
    counts = np.bincount(part[::step, ::step].ravel(), minlength=256)
    total = int(counts.sum())
    level = int(np.searchsorted(np.cumsum(counts), total / 2))
    near = counts[max(0, level - TEXT_LEVELS) : level + TEXT_LEVELS + 1].sum() / total
    if near <= TEXT_GROUND:
        return False
    across, _ = _differences(part, step)
    return bool((across > TEXT_STEP).mean() > TEXT_EDGES)


def _is_curved(rough: Grid, box: Box, step: int) -> bool:
    rows, columns = (slice(side.start // step, side.stop // step) for side in box)
    part = rough[rows, columns]
    high, wide = (max(1, size // CORNER) for size in part.shape)
    upper, lower = (
        all(corner.mean() < 2 * LANE for corner in (lines[:, :wide], lines[:, -wide:]))
        for lines in (part[:high], part[-high:])
    )
    return upper or lower


def _joined(grey: Grey, boxes: list[Box]) -> list[Box]:
    """The boxes, those joined that no flat line separates: one field with a shadow across it."""
    for index, first in enumerate(boxes):
        for other in boxes[index + 1 :]:
            if not _apart(grey, first, other):
                rest = [box for box in boxes if box is not first and box is not other]
                return _joined(grey, [*rest, around((first, other))])
    return boxes


def _apart(grey: Grey, first: Box, second: Box) -> bool:
    """Whether a flat line lies between two boxes, or they have no row and column in common."""
    for axis in (0, 1):
        low, high = sorted((first[axis], second[axis]), key=lambda side: side.start)
        if low.stop > high.start:
            continue
        one, other = first[1 - axis], second[1 - axis]
        across = slice(max(one.start, other.start), min(one.stop, other.stop))
        if across.start >= across.stop:
            return True
        between = slice(low.stop, high.start + 1)
        gap = grey[between, across] if axis == 0 else grey[across, between].T
        if (np.ptp(gap, axis=1) <= 12).any():
            return True
    return False
