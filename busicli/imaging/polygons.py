"""Lesions as polygons that a person can edit, and polygons as masks. Arrays only.

Points are (x, y) in pixels of the scan. Corners of pixels are whole numbers, so the centre of the
first pixel is (0.5, 0.5).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes
from skimage.measure import label

from busicli.imaging.arrays import bounding_box
from busicli.types import Mask, Polygon

_LOOSEST_PX = (1.0, 0.6, 0.3, 0.0)
"""How far a polygon may leave a contour: the first that keeps the mask."""
_SAME_DICE = 0.998
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
    filled = binary_fill_holes(lesion)
    rim = _rim(filled)
    area = int(filled.sum())
    for loose in _LOOSEST_PX:
        points = np.round(_simplified(rim, loose), 1)
        drawn = polygon_mask([points.tolist()], filled.shape)
        if 2 * int((drawn & filled).sum()) >= _SAME_DICE * (area + int(drawn.sum())):
            break
    return tuple((round(x + left, 1), round(y + top, 1)) for x, y in points.tolist())


def _rim(lesion: Mask) -> NDArray[np.float64]:
    """(N, 2) x and y halfway between lesion and background, first point not repeated."""
    from skimage.measure import find_contours  # SciPy's signal: slow to load

    rims = find_contours(np.pad(lesion, 1).astype(np.float64), 0.5, fully_connected="high")
    rim = max(rims, key=len)[:-1]
    return np.asarray(rim[:, ::-1] - 0.5)  # one pixel of frame, and half a pixel to the corner


def _simplified(rim: NDArray[np.float64], loose: float) -> NDArray[np.float64]:
    """A closed polygon without points within `loose` of it (Douglas and Peucker 1973)."""
    if loose == 0 or len(rim) < 8:
        return rim
    closed = np.concatenate([rim, rim[:1]])
    far = int(np.hypot(*(closed - closed[0]).T).argmax())
    kept = {0, far}
    spans = [(0, far), (far, len(closed) - 1)]
    while spans:
        start, end = spans.pop()
        if end - start < 2:
            continue
        run, rise = closed[end] - closed[start]
        x, y = (closed[start + 1 : end] - closed[start]).T
        off = np.abs(x * rise - y * run) / (np.hypot(run, rise) or 1.0)
        worst = int(off.argmax())
        if off[worst] > loose:
            middle = start + 1 + worst
            kept.add(middle)
            spans += [(start, middle), (middle, end)]
    return rim[sorted(kept)]
