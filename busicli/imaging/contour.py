"""The contour of a lesion, as pixels to draw and as a polygon. Arrays only."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from busicli.imaging.arrays import bounding_box
from busicli.types import Mask

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
    width = max(1, round(max(mask.shape, default=0) / PIXELS_A_LINE))
    if box := bounding_box(mask, width):
        line[box] = binary_dilation(mask[box], iterations=width) & ~mask[box]
    return line


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
