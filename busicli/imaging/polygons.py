"""Lesions as polygons that a person can edit, and polygons as masks. Arrays only.

Points are (x, y) in pixels of the scan. Corners of pixels are whole numbers, so the centre of the
first pixel is (0.5, 0.5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from busicli.imaging.arrays import bounding_box
from busicli.imaging.contour import outer_contour
from busicli.imaging.topology import fill_holes
from busicli.types import Mask, Polygon

_LOOSEST_PX = (1.0, 0.6, 0.3)
"""How far a polygon may leave a contour: the first that keeps the mask, or else not at all."""
_SAME_DICE = 0.998
_FEW = 24
"""Points that a loop measures faster than NumPy."""
_EDGES_AT_ONCE = 512


def polygon_mask(polygons: Sequence[Polygon], shape: tuple[int, int]) -> Mask:
    """The union of polygons as a (rows, columns) bool mask; empty for none.

    A pixel is set where its centre lies inside a polygon, by the even-odd rule. The page's own
    rule in `raster.js` is the same.

    >>> square = ((1, 0), (3, 0), (3, 2), (1, 2))
    >>> polygon_mask([square], (2, 4)).astype(int)
    array([[0, 1, 1, 0],
           [0, 1, 1, 0]])
    """
    mask = np.zeros(shape, np.bool_)
    for polygon in polygons:
        if len(polygon) > 2:
            _add(mask, np.asarray(polygon, np.float64))
    return mask


def mask_polygons(mask: Mask) -> tuple[Polygon, ...]:
    """The outer contours of a mask's 8-connected lesions, largest first; () for an empty mask.

    Holes are left out. As few points as keep the mask: Dice of `polygon_mask` with it is at least
    0.998 for each lesion. Coordinates are multiples of a tenth of a pixel.
    """
    box = bounding_box(mask)
    if box is None:
        return ()
    lesions = label(mask[box], connectivity=2)
    areas = np.bincount(lesions.ravel())[1:]
    order = np.argsort(-areas, kind="stable") + 1
    top, left = box[0].start, box[1].start
    return tuple(_polygon(lesions == number, top, left) for number in order)


def _add(mask: Mask, points: NDArray[np.float64]) -> None:
    """Set the pixels inside one polygon: each edge flips all that lies to its right."""
    height, width = mask.shape
    left, right = _span(points[:, 0], width)
    top, bottom = _span(points[:, 1], height)
    if left >= right or top >= bottom:
        return
    flips = np.zeros((bottom - top, right - left + 1), np.int32)
    ends = np.roll(points, -1, axis=0)
    for first in range(0, len(points), _EDGES_AT_ONCE):
        several = slice(first, first + _EDGES_AT_ONCE)
        _flip(flips, points[several] - (left, top), ends[several] - (left, top))
    inside = np.cumsum(flips[:, :-1], axis=1) % 2 == 1
    mask[top:bottom, left:right] |= inside


def _span(values: NDArray[np.float64], size: int) -> tuple[int, int]:
    """The pixels that a polygon may touch along one axis, ends exclusive."""
    return max(0, int(np.floor(values.min()))), min(size, int(np.ceil(values.max())))


def _flip(flips: NDArray[np.int32], starts: NDArray[np.float64], ends: NDArray[np.float64]) -> None:
    """Count, in each row, the edges that cross its centre, at the first pixel to their right."""
    rows, columns = flips.shape
    low = np.minimum(starts[:, 1], ends[:, 1])
    high = np.maximum(starts[:, 1], ends[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, rows).astype(np.int64)
    last = np.clip(np.ceil(high - 0.5), 0, rows).astype(np.int64)
    counts = last - first
    edge = np.repeat(np.arange(len(starts)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    run, rise = (ends - starts)[edge].T
    x = starts[edge, 0] + (row + 0.5 - starts[edge, 1]) * run / rise
    column = np.clip(np.ceil(x - 0.5), 0, columns - 1).astype(np.int64)
    np.add.at(flips, (row, column), 1)


def _polygon(lesion: Mask, top: int, left: int) -> Polygon:
    """The polygon of one lesion in a part of the scan that begins at `top` and `left`."""
    filled = fill_holes(lesion, 1)
    rim = outer_contour(filled)[:, ::-1] + 0.5  # from centres of pixels to their corners
    area = int(filled.sum())
    for simple in _simplified(rim):
        points = np.round(simple, 1)
        drawn = polygon_mask([points.tolist()], filled.shape)
        if 2 * int((drawn & filled).sum()) >= _SAME_DICE * (area + int(drawn.sum())):
            break
    return tuple((round(x + left, 1), round(y + top, 1)) for x, y in points.tolist())


def _simplified(rim: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """A closed polygon without points near it, for each of _LOOSEST_PX, then all of it.

    Douglas and Peucker (1973): a stretch keeps its farthest point where that is far enough off, and
    so on with both parts. A smaller distance goes on where a larger one stopped.
    """
    if len(rim) >= 8:
        points = np.append(rim[:, 0] + 1j * rim[:, 1], complex(*rim[0]))
        middle = int(np.abs(points - points[0]).argmax())
        stretches = _Stretches(points, points.tolist())
        kept, waiting = [0, middle], stretches.halves(0, middle, len(rim))
        for loose in _LOOSEST_PX:
            near = []
            while waiting:
                stretch = waiting.pop()
                off, start, middle, end = stretch
                if off > loose:
                    kept.append(middle)
                    waiting += stretches.halves(start, middle, end)
                else:
                    near.append(stretch)
            waiting = near
            yield rim[sorted(kept)]
    yield rim


@dataclass(frozen=True, slots=True)
class _Stretches:
    """The points of a line, x + iy, as an array and as a list: faster where they are few."""

    points: NDArray[np.complex128]
    listed: list[complex]

    def halves(self, start: int, middle: int, end: int) -> list[tuple[float, int, int, int]]:
        """Of both parts: how far its farthest point is off, its start, that point and its end."""
        return [self._farthest(start, middle), self._farthest(middle, end)]

    def _farthest(self, start: int, end: int) -> tuple[float, int, int, int]:
        if end - start < 2:
            return 0.0, start, start, end
        first = self.listed[start]
        line = (self.listed[end] - first).conjugate()
        inner = slice(start + 1, end)
        if end - start < _FEW:
            few = [abs(((point - first) * line).imag) for point in self.listed[inner]]
            area = max(few)
            worst = few.index(area)
        else:
            areas = np.abs(((self.points[inner] - first) * line).imag)
            worst = int(areas.argmax())
            area = float(areas[worst])
        return area / (abs(line) or 1.0), start, start + 1 + worst, end
