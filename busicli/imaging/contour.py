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
        if (top, left, bottom, right) == (0, 0, *shape):
            continue
        box = np.zeros_like(lines)
        box[max(0, top - width) : bottom + width, max(0, left - width) : right + width] = True
        box[top:bottom, left:right] = False
        lines |= box
    return lines


def contour_polygon(component: Mask) -> NDArray[np.float64]:
    """The outer contour of one connected lesion as a closed polygon, (N, 2) of row and column.

    As `outer_contour`, without points within a third of a pixel of the line between their
    neighbours, and with the first point once more at the end. (0, 2) for an empty mask.

    >>> contour_polygon(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], bool)).tolist()
    [[1.5, 1.0], [1.0, 0.5], [0.5, 1.0], [1.0, 1.5], [1.5, 1.0]]
    """
    from skimage.measure import approximate_polygon  # SciPy's signal: slow to load

    rim = outer_contour(component)
    rim = np.concatenate([rim, rim[:1]])
    return np.asarray(approximate_polygon(rim, _LOOSE_PX)) if len(rim) > 5 else rim


_TOP, _LEFT, _RIGHT, _BOTTOM = (0, 1), (1, 0), (1, 2), (2, 1)
"""Where a contour crosses the sides of four neighbouring pixels' square, in half pixels."""
_STEPS = {
    1: ((_TOP, _LEFT),),
    2: ((_RIGHT, _TOP),),
    3: ((_RIGHT, _LEFT),),
    4: ((_LEFT, _BOTTOM),),
    5: ((_TOP, _BOTTOM),),
    6: ((_LEFT, _TOP), (_RIGHT, _BOTTOM)),
    7: ((_RIGHT, _BOTTOM),),
    8: ((_BOTTOM, _RIGHT),),
    9: ((_TOP, _RIGHT), (_BOTTOM, _LEFT)),
    10: ((_BOTTOM, _TOP),),
    11: ((_BOTTOM, _LEFT),),
    12: ((_LEFT, _RIGHT),),
    13: ((_TOP, _RIGHT),),
    14: ((_LEFT, _TOP),),
}
"""From where to where it crosses the square, the lesion on its right, by the pixels of the lesion:
1 upper left, 2 upper right, 4 lower left, 8 lower right. Diagonal neighbours are joined."""


def outer_contour(component: Mask) -> NDArray[np.float64]:
    """The outer contour of one 8-connected lesion, (N, 2) of row and column; (0, 2) for none.

    Centres of pixels are whole numbers; the contour runs halfway between lesion and background. It
    starts below the last row's last pixel. Holes are left out. The points and their order are
    those of scikit-image's `find_contours`, in a tenth of its time: Lorensen and Cline (1987),
    doi:10.1145/37401.37422, with pixels of two values.

    >>> outer_contour(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], bool)).tolist()
    [[1.5, 1.0], [1.0, 0.5], [0.5, 1.0], [1.0, 1.5]]
    """
    framed = np.pad(component, 1).view(np.uint8)
    if not component.any():
        return np.zeros((0, 2))
    squares = framed[:-1, :-1] + 2 * framed[:-1, 1:] + 4 * framed[1:, :-1] + 8 * framed[1:, 1:]
    width = 2 * framed.shape[1]
    following = _following(squares, width)
    row, column = (int(place[-1]) for place in np.nonzero(framed))
    start = (2 * row + 1) * width + 2 * column
    rim, point = [start], following[start]
    while point != start:
        rim.append(point)
        point = following[point]
    return np.stack(np.divmod(rim, width), axis=1) / 2 - 1


def _following(squares: NDArray[np.uint8], width: int) -> dict[int, int]:
    """For each point of all contours the next one; (y, x) in half pixels is y * width + x."""
    kinds = squares.ravel()
    places = np.flatnonzero((kinds > 0) & (kinds < 15))
    rows, columns = np.divmod(places, squares.shape[1])
    corners, kinds = 2 * rows * width + 2 * columns, kinds[places]
    following: dict[int, int] = {}
    for kind, steps in _STEPS.items():
        at = corners[kinds == kind]
        for (y, x), (next_y, next_x) in steps:
            here, there = at + (y * width + x), at + (next_y * width + next_x)
            following.update(zip(here.tolist(), there.tolist(), strict=True))
    return following
