"""What of a view is beside its field: flat ground around a sector or trapezoid. Arrays only.

A field is convex but for the probe's arc at its top. So it lies within straight lines, each along
which tissue ends, and below that arc. A black cyst at the border does not move a line: tissue on
both of its sides ends at it. Where no line is certain, nothing is said to be outside.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from busicli.types import Mask

CORNER, FLAT, ALIKE = 8, 6, 3
"""Side of a view's corners; grey levels by which a flat one varies, and two differ, at most."""
CONTRASTS, ENOUGH = (16, 6, 2), 0.9
"""Grey levels by which tissue differs from ground by more: a strong one for JPEG losses, weaker
ones for dark tissue, until so much of the border of tissue lies at lines."""
GRAIN, SMALL = 5, 0.01
"""Side of the square of which half must be tissue; share of the view below which a part is text."""
NEAR = 2.0
"""Pixels from a line within which tissue ends at it."""
LEAST, DENSE = 0.08, 0.5
"""Where tissue ends at a line: how long this part is, as a share of the view's smaller side, and
in what share of its rows or columns, at least."""
BEYOND, BUSY, STEP = 10, 0.2, 12
"""Share of pixels so far beyond a line that may differ from ground, such as text; on a grid."""
TOP_ARC, ARC_DEPTH = 0.125, 2.0
"""Width of the probe's arc, as a share of the view's, and its depth in pixels, at least."""
INSET = 2
"""Pixels by which tissue ends before a line: losses of a JPEG make it seem longer."""
ROUNDING = 1e-6
"""Pixels: a line through a pixel's centre holds it."""

Grey = NDArray[np.uint8]
Points = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FieldShape:
    """Where tissue is in a view that shows more than its field."""

    rows: NDArray[np.intp] = field(repr=False)
    """(2, columns): of each column the first row of tissue, and the one after its last."""
    columns: NDArray[np.intp] = field(repr=False)
    """(2, rows): of each row the same columns. Tissue is within both."""

    @classmethod
    def of(cls, inside: Mask) -> "FieldShape":
        """The shape that has this `inside()`."""
        limits = [
            np.stack([lines.argmax(axis=0), len(lines) - lines[::-1].argmax(axis=0)])
            * lines.any(axis=0)
            for lines in (inside, inside.T)
        ]
        return cls(rows=limits[0], columns=limits[1])

    def inside(self) -> Mask:
        """(rows, columns) bool of the view: tissue."""
        row, column = np.ogrid[: self.columns.shape[1], : self.rows.shape[1]]
        within_rows = (row >= self.rows[0]) & (row < self.rows[1])
        first, stop = self.columns[..., None]
        found: Mask = within_rows & (column >= first) & (column < stop)
        return found

    def rim(self) -> Mask:
        """Tissue beside what is none, or beside the view's border."""
        inside = self.inside()
        found: Mask = inside & ~ndimage.binary_erosion(inside)
        return found


@dataclass(frozen=True, slots=True)
class _Line:
    """Tissue is where `normal` @ (row, column) + `offset` is at most 0."""

    normal: NDArray[np.floating]
    offset: float
    span: slice
    """Columns, or rows of a steep line, where it counts."""

    @property
    def axis(self) -> int:
        """0 where it bounds the rows of each column, 1 for the columns of each row."""
        return int(abs(self.normal[1]) > abs(self.normal[0]))

    def at(self, index: NDArray[np.integer]) -> NDArray[np.floating]:
        """Its row at given columns, or its column at given rows."""
        across = self.normal[1 - self.axis] * index
        found: NDArray[np.floating] = -(self.offset + across) / self.normal[self.axis]
        return found


def field_shape(grey: Grey) -> FieldShape | None:
    """The shape of the field in a (rows, columns) uint8 view; None where all of it may be tissue.

    Two corners at least are flat and of one level where there is ground.
    """
    ground = _ground(grey)
    if ground is None:
        return None
    best, shape = 0.0, None
    for contrast in CONTRASTS:
        share, found = _found(grey, ground, contrast)
        if share > best:
            best, shape = share, found
        if best >= ENOUGH:
            break
    return shape


def _ground(grey: Grey) -> int | None:
    """The level of flat ground."""
    if min(grey.shape) < 8 * CORNER:
        return None
    sides = slice(CORNER), slice(-CORNER, None)
    corners = [grey[rows, columns] for rows in sides for columns in sides]
    ranges = [(int(corner.min()), int(corner.max())) for corner in corners]
    levels = sorted((low + high) // 2 for low, high in ranges if high - low <= FLAT)
    return next((low for low, high in pairwise(levels) if high - low <= ALIKE), None)


def _found(grey: Grey, ground: int, contrast: int) -> tuple[float, FieldShape | None]:
    """The share of the border of tissue that lies at lines, and the shape within all lines."""
    distance = np.maximum(grey, ground) - np.minimum(grey, ground)
    tissue = _large_parts(distance > contrast)
    if not tissue.any():
        return 0.0, None
    points = _border(tissue)
    if np.ptp(points, axis=0).min() < CORNER:
        return 0.0, None
    hull = ConvexHull(points)
    ends = points @ hull.equations[:, :2].T + hull.equations[:, 2] >= -NEAR
    sides = [
        (line, ending)
        for equation, ending in zip(hull.equations, ends.T, strict=True)
        if (line := _line(equation, points[ending], grey.shape))
    ]
    clear = _are_clear([line for line, _ in sides], distance[::STEP, ::STEP] > min(CONTRASTS))
    lines, near = [], np.zeros(len(points), bool)
    for (line, ending), is_clear in zip(sides, clear, strict=True):
        if is_clear:
            lines.append(line)
            near |= ending
    if not lines:
        return 0.0, None
    rows, columns = (_limits(lines, axis, grey.shape) for axis in (0, 1))
    rows[0] = np.maximum(rows[0], _below_arc(tissue.argmax(axis=0), hull))
    shape = FieldShape(
        rows=_inset(_to_tissue(rows, tissue), len(grey)),
        columns=_inset(_to_tissue(columns, tissue.T), grey.shape[1]),
    )
    return float(near.mean()), shape


def _large_parts(rough: Mask) -> Mask:
    """Pixels with as many of their kind around; connected, and no text.

    Parts are told at half the size: labels take four bytes a pixel.
    """
    count = ndimage.uniform_filter(rough * np.uint8(GRAIN**2), GRAIN, mode="nearest")
    found: Mask = rough & (count > GRAIN**2 // 2)
    rows, columns = found.shape
    half = np.zeros(((rows + 1) // 2, (columns + 1) // 2), bool)
    for quarter in (found[row::2, column::2] for row in (0, 1) for column in (0, 1)):
        half[: len(quarter), : quarter.shape[1]] |= quarter
    labels, _ = ndimage.label(half, np.ones((3, 3)))
    large = np.bincount(labels.ravel()) >= SMALL * half.size
    large[0] = False
    found &= large[labels].repeat(2, axis=0).repeat(2, axis=1)[:rows, :columns]
    return found


def _border(tissue: Mask) -> Points:
    """(N, 2) rows and columns: the first and last pixel of each row and each column."""
    found = []
    for lines in (tissue, tissue.T):
        index = np.flatnonzero(lines.any(axis=1))
        first = lines.argmax(axis=1)[index]
        last = lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1)[index]
        pairs = [np.stack([index, end], axis=1) for end in (first, last)]
        found += pairs if lines is tissue else [pair[:, ::-1] for pair in pairs]
    points: Points = np.unique(np.concatenate(found), axis=0).astype(np.float64)
    return points


def _line(equation: NDArray[np.floating], ending: Points, shape: tuple[int, ...]) -> _Line | None:
    """A side of the hull where enough of the tissue ends at it, half as far again at both ends."""
    least = LEAST * min(shape)
    if len(ending) < least:
        return None
    normal, offset = equation[:2], float(equation[2])
    along = ending[:, int(abs(normal[0]) > abs(normal[1]))].astype(int)
    counts = np.bincount(along - along.min())
    if np.count_nonzero(counts) < max(least, DENSE * counts.size):
        return None
    start, stop = along.min() - counts.size // 2, along.max() + 1 + counts.size // 2
    return _Line(normal, offset, slice(max(0, int(start)), int(stop)))


def _are_clear(lines: list[_Line], busy: Mask) -> NDArray[np.bool_]:
    """For each line whether flat ground is beyond it, or the view ends there; `busy` on a grid."""
    if not lines:
        return np.zeros(0, bool)
    places = np.indices(busy.shape).reshape(2, -1) * STEP
    normals, offsets = np.array([line.normal for line in lines]), [line.offset for line in lines]
    beyond = (normals @ places).T + offsets > BEYOND
    along = places[[1 - line.axis for line in lines]].T
    beyond &= along >= [line.span.start for line in lines]
    beyond &= along < [line.span.stop for line in lines]
    found: NDArray[np.bool_] = beyond[busy.ravel()].sum(axis=0) <= BUSY * beyond.sum(axis=0)
    return found


def _limits(lines: list[_Line], axis: int, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """(2, N): where tissue begins and ends along an axis, for each index of the other one."""
    index = np.arange(shape[1 - axis])
    limits = np.stack([np.zeros_like(index), np.full_like(index, shape[axis])])
    for line in lines:
        if line.axis != axis:
            continue
        at = line.at(index[line.span])
        if line.normal[axis] > 0:
            stop = np.floor(at + ROUNDING).astype(int) + 1
            limits[1, line.span] = np.minimum(limits[1, line.span], np.maximum(stop, 0))
        else:
            start = np.ceil(at - ROUNDING).astype(int)
            limits[0, line.span] = np.maximum(limits[0, line.span], start)
    return limits


def _to_tissue(limits: NDArray[np.intp], tissue: Mask) -> NDArray[np.intp]:
    """The limits of each column, moved to its tissue where that is near: a line may be one off."""
    first, stop = tissue.argmax(axis=0), len(tissue) - tissue[::-1].argmax(axis=0)
    start, end = limits
    begins = (start > 0) & (first > start) & (first <= start + NEAR)
    ends = (end < len(tissue)) & (stop < end) & (stop >= end - NEAR)
    return np.stack([np.where(begins, first, start), np.where(ends, stop, end)])


def _inset(limits: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """The limits INSET pixels further in, but at ends where tissue is cut by the view's border."""
    start, stop = limits
    return np.stack([start + INSET * (start > 0).any(), stop - INSET * (stop < size).any()])


def _below_arc(first: NDArray[np.intp], hull: ConvexHull) -> NDArray[np.intp]:
    """The first row below the probe's arc in each column; 0 where there is none.

    `first` is the first row of tissue. The arc is that part of a circle through the ends of the
    hull's upper side at which most tissue begins.
    """
    start = np.zeros_like(first)
    side = _upper_side(hull)
    half = float(np.ptp(side[:, 1])) / 2
    if half < TOP_ARC * first.size / 2:
        return start
    columns = np.arange(int(side[:, 1].min()) + 1, int(side[:, 1].max()))
    chord = np.interp(columns, *side[side[:, 1].argsort()].T[::-1])
    across, below = columns - side[:, 1].mean(), first[columns] - chord
    centre = (across**2 + below**2 - half**2) / (2 * np.maximum(below, 1))
    depths = np.where(below > 0, centre + np.hypot(centre, half), 0)
    tried = np.percentile(depths, np.arange(5, 100, 5))
    arcs = [_arc(depth, half, across) for depth in tried[tried >= ARC_DEPTH]]
    shares = [float((np.abs(below - arc) <= NEAR).mean()) for arc in arcs]
    if not arcs or max(shares) < DENSE:
        return start
    start[columns] = np.ceil(chord + arcs[int(np.argmax(shares))] - ROUNDING)
    return start


def _upper_side(hull: ConvexHull) -> Points:
    """The two ends of the hull's longest side at its top; one point twice where there is none."""
    sides = hull.points[hull.simplices]
    upper = -hull.equations[:, 0] >= np.abs(hull.equations[:, 1])
    found: Points = sides[(np.ptp(sides[..., 1], axis=1) * upper).argmax()]
    return found


def _arc(depth: float, half: float, across: NDArray[np.floating]) -> NDArray[np.floating]:
    """How far a circle is below the middle of a chord, whose half is given, so deep in the middle.

    `across` is the distance from the chord's middle.
    """
    radius = (depth**2 + half**2) / (2 * depth)
    below: NDArray[np.floating] = depth - radius + np.sqrt(np.maximum(radius**2 - across**2, 0))
    return below
