"""Large rough areas of an image, searched on a coarse grid. Arrays only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from busicli.imaging.arrays import Box, bounding_box
from busicli.imaging.coarse_grid import CoarseGrid, Grey, Grid
from busicli.types import Mask

WINDOW = 5
"""Side of the square, in grid points, whose roughness is averaged."""
DENSE = 0.6
"""Share of rough neighbours above which a grid point may lie in a field."""
NARROW = 7
"""Grid points: what is narrower, as a grey wedge or a line of text, is no field."""
BLOCK = 3
"""Grid points: connected areas are looked for in blocks of this side first."""
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
"""DENSE on noisy ground, where less of the speckle stands out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A large rough area."""

    box: Box
    """To within some 40 pixels of an image of 1024 x 768."""
    curved: bool
    """Whether both upper or both lower corners of the box are flat, as a sector's are."""


def rough_areas(grid: CoarseGrid) -> list[Area]:
    """Areas of an image where neighbours differ nearly everywhere; none where it is flat."""
    grey, step = grid.grey, grid.step
    if min(grey.shape) < NARROW * step:
        return []
    rough = grid.roughness()
    boxes = []
    for part in _large(_opened(_dense(rough, DENSE_IN_NOISE if grid.noise else DENSE))):
        part = _without_slabs(rough, part)
        if not _is_text(grid, part):
            sides = zip(part, grey.shape, strict=True)
            rows, columns = (slice(s.start * step, min(s.stop * step, size)) for s, size in sides)
            boxes.append((rows, columns))
    return [Area(box=box, curved=_is_curved(rough, box, step)) for box in _joined(grey, boxes)]


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


def _dense(rough: Grid, share: float) -> Mask:
    """Where more than this share of the neighbours around differ."""
    framed = _mirrored(rough)
    found: Mask = int(2 * WINDOW**2 * share) < _sums(_sums(framed).T).T
    return found


def _mirrored(grid: Grid) -> Grid:
    """The grid with half a window of itself, mirrored, around it; np.pad takes ten times longer."""
    frame = WINDOW // 2
    framed = np.empty((grid.shape[0] + 2 * frame, grid.shape[1] + 2 * frame), np.uint8)
    framed[frame:-frame, frame:-frame] = grid
    framed[:frame, frame:-frame], framed[-frame:, frame:-frame] = (
        grid[frame - 1 :: -1],
        grid[: -frame - 1 : -1],
    )
    framed[:, :frame] = framed[:, 2 * frame - 1 : frame - 1 : -1]
    framed[:, -frame:] = framed[:, -frame - 1 : -2 * frame - 1 : -1]
    return framed


def _sums(grid: Grid) -> Grid:
    """Of WINDOW rows each; at most 50 in a square, which uint8 holds."""
    count = len(grid) - WINDOW + 1
    total = grid[:count].copy(order="K")
    for first in range(1, WINDOW):
        total += grid[first : first + count]
    return total


def _opened(dense: Mask) -> Mask:
    """The areas without what is narrower than NARROW points."""
    core = _runs(_runs(dense).T).T
    frame = NARROW - 1
    beside = np.ones((core.shape[0] + 2 * frame, core.shape[1] + 2 * frame), bool)
    np.logical_not(core, out=beside[frame:-frame, frame:-frame])
    return ~_runs(_runs(beside).T).T


def _runs(mask: Mask) -> Mask:
    """Where NARROW rows in a column are true; the result is shorter by NARROW - 1 rows."""
    two = mask[1:] & mask[:-1]
    four = two[2:] & two[:-2]
    return four[3:] & four[:-3]


def _large(areas: Mask) -> list[Box]:
    """Boxes of the largest connected area and of those like it; none where it is too small."""
    found = [
        (int(np.count_nonzero(part)), box)
        for part in _connected(areas, SMALL * areas.size)
        if (box := bounding_box(part))
    ]
    upright = [
        (pixels, box) for pixels, box in found if box_shape(box)[1] <= FLAT * box_shape(box)[0]
    ]
    if not found:
        return []
    _, largest = max(upright or found, key=lambda area: area[0])
    height, width = (ALIKE * side for side in box_shape(largest))
    shapes = [(box_shape(box), box) for _, box in upright or found]
    return [box for shape, box in shapes if shape[0] >= height and shape[1] >= width]


def _connected(areas: Mask, least: float) -> Iterator[Mask]:
    """The connected areas of at least so many points, each a union of squares of NARROW points.

    Such a square holds a whole block of BLOCK points: where the blocks are connected, so are the
    areas, and most images have one.
    """
    if np.count_nonzero(areas) < least:
        return
    rows, columns = (size // BLOCK * BLOCK for size in areas.shape)
    lines = np.logical_and.reduce([areas[first:rows:BLOCK, :columns] for first in range(BLOCK)])
    blocks = np.logical_and.reduce([lines[:, first::BLOCK] for first in range(BLOCK)])
    if ndimage.label(blocks)[1] == 1:
        yield areas
        return
    labels, _ = ndimage.label(areas)
    for number in np.flatnonzero(np.bincount(labels.ravel()) >= least):
        if number:
            yield labels == number


def _without_slabs(rough: Grid, part: Box) -> Box:
    """The part without what a flat lane separates from it within a quarter from its borders."""
    sides = []
    for axis in (0, 1):
        line = rough[part].sum(axis=1 - axis, dtype=np.uint16) / (
            2 * (part[1 - axis].stop - part[1 - axis].start)
        )
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


def _is_text(grid: CoarseGrid, part: Box) -> bool:
    """Whether most of the part has one level, and many neighbours differ by much."""
    if (grid.across[part] > TEXT_STEP).mean() <= TEXT_EDGES:
        return False
    counts = np.bincount(grid.points[part].ravel(), minlength=256)
    total = int(counts.sum())
    level = int(np.searchsorted(np.cumsum(counts), total / 2))
    near = counts[max(0, level - TEXT_LEVELS) : level + TEXT_LEVELS + 1].sum() / total
    return bool(near > TEXT_GROUND)


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
