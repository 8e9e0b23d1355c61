"""Lines to draw: contours of lesions, as pixels and as polygons, and boxes. Arrays only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from busicli.imaging.arrays import bounding_box
from busicli.types import Mask, View

_LOOSE_PX = 0.3
PIXELS_A_LINE = 250
"""The line is one pixel wide per this many pixels of the scan's longer side."""


def contour_mask(mask: Mask) -> Mask:
    """The (rows, columns) bool line just outside the mask, so that it hides no lesion pixel.

    Empty for an empty mask. Thicker on larger scans, so that it can be seen.

    >>> contour_mask(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], bool)).astype(int)
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    line = np.zeros_like(mask)
    width = line_width(mask.shape)
    if box := bounding_box(mask, width):
        line[box] = binary_dilation(mask[box], iterations=width) & ~mask[box]
    return line


def line_width(shape: tuple[int, ...]) -> int:
    """Pixels, on an image of (rows, columns)."""
    return max(1, round(max(shape, default=0) / PIXELS_A_LINE))


def view_outline(shape: tuple[int, ...], views: Sequence[View]) -> Mask:
    """The (rows, columns) bool lines just outside the views, half as wide as a contour.

    A view that reaches the image's border has no line there.

    >>> view_outline((4, 5), [(0, 1, 2, 3)]).astype(int)
    array([[1, 0, 0, 1, 0],
           [1, 0, 0, 1, 0],
           [1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0]])
    """
    lines = np.zeros(shape, bool)
    width = max(1, line_width(shape) // 2)
    for top, left, bottom, right in views:
        box = np.zeros_like(lines)
        box[max(0, top - width) : bottom + width, max(0, left - width) : right + width] = True
        box[top:bottom, left:right] = False
        lines |= box
    return lines


def contour_polygon(component: Mask) -> NDArray[np.float64]:
    """The outer contour of one connected lesion as a closed polygon, (N, 2) of row and column.

    Centres of pixels are whole numbers; the contour runs halfway between lesion and background.
    Holes are left out, and so are points within a third of a pixel of the line between their
    neighbours. (0, 2) for an empty mask.

    >>> contour_polygon(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], bool)).tolist()
    [[1.5, 1.0], [1.0, 0.5], [0.5, 1.0], [1.0, 1.5], [1.5, 1.0]]
    """
    from skimage.measure import approximate_polygon, find_contours  # SciPy's signal: slow to load

    if not component.any():
        return np.zeros((0, 2))
    framed = np.pad(component, 1).astype(np.float64)
    rims = find_contours(framed, 0.5, fully_connected="high")
    rim = max(rims, key=_extent)
    return np.asarray(approximate_polygon(rim, _LOOSE_PX) - 1) if len(rim) > 5 else rim - 1


def _extent(rim: NDArray[np.float64]) -> float:
    return float(np.ptp(rim, axis=0).prod())
