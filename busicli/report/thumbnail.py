"""Small images of scans with the lesions' contours. Arrays in, JPEG bytes out."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow
from scipy.ndimage import binary_dilation

from busicli.imaging.arrays import bounding_box, resized, scaled_box
from busicli.imaging.contour import contour_mask, view_outline
from busicli.io.images import GREEN, YELLOW, encode_jpeg
from busicli.types import Image, Mask, View

LONGEST_PX = 320
"""The longer side of a small image; a smaller scan keeps its size."""
REFERENCE = (86, 180, 233)
"""Sky blue of Okabe and Ito: distinct from yellow for colour-blind eyes and in grey print."""
DASH_PX = 4
_NEIGHBOURS = np.ones((3, 3), bool)


def encode_thumbnail(scan: Image, mask: Mask, views: Sequence[View] = ()) -> bytes:
    """The scan, at most LONGEST_PX long, with the contour of its mask in yellow.

    `mask` (rows, columns) bool shares the scan's pixel grid; an empty one gives the scan alone.
    Views that are not the whole scan have a green line around them. Scan and mask shrink first and
    the lines are drawn then, so that they are never thinned.
    """
    shape = small_shape(mask.shape)
    image = _shrunk(scan, shape)
    image[view_outline(shape, [_shrunk_view(view, mask.shape, shape) for view in views])] = GREEN
    image[_line(mask, shape)] = YELLOW
    return encode_jpeg(image)


def encode_comparison(scan: Image, predicted: Mask, reference: Mask) -> bytes:
    """As `encode_thumbnail`, with the reference contour in blue and the predicted one in yellow.

    The masks share a grid. Where both lines coincide, they alternate.
    """
    shape = small_shape(predicted.shape)
    image = _shrunk(scan, shape)
    ours, theirs = (_line(mask, shape) for mask in (predicted, reference))
    alternate = np.indices(shape).sum(axis=0) // DASH_PX % 2 == 0
    image[ours] = YELLOW
    image[theirs & (alternate | ~ours)] = REFERENCE
    return encode_jpeg(image)


def small_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a small image in the proportions of (rows, columns).

    >>> small_shape((500, 1000)), small_shape((30, 40)), small_shape((1, 9000))
    ((160, 320), (30, 40), (1, 320))
    """
    factor = min(1.0, LONGEST_PX / max(shape))
    rows, columns = (max(1, round(side * factor)) for side in shape)
    return rows, columns


def _line(mask: Mask, shape: tuple[int, int]) -> Mask:
    """The contour of the shrunk mask, twice as wide as on a scan: cards show it smaller still."""
    small = _shrunk_mask(mask, shape)
    line = contour_mask(small)
    return line | contour_mask(small | line)


def _shrunk(scan: Image, shape: tuple[int, int]) -> Image:
    """A copy of the scan at another size, low-pass filtered where it shrinks."""
    return np.array(resized(scan, shape, reducing_gap=1.0), order="C")


def _shrunk_view(view: View, shape: tuple[int, ...], small: tuple[int, int]) -> View:
    top, left, bottom, right = view
    boxes = scaled_box((slice(top, bottom), slice(left, right)), (shape[0], shape[1]), small)
    return boxes[0].start, boxes[1].start, boxes[0].stop, boxes[1].stop


def _shrunk_mask(mask: Mask, shape: tuple[int, int]) -> Mask:
    """Lesion where half the area is, and wherever else a lesion would vanish."""
    grey = Pillow.fromarray(mask.astype(np.uint8) * np.uint8(255))
    covered = np.asarray(grey.resize(shape[::-1], Pillow.Resampling.BOX))
    small: Mask = covered >= 128
    if box := bounding_box(covered > 0):
        near = binary_dilation(small[box], _NEIGHBOURS)
        small[box] |= (covered[box] > 0) & ~near
    return small
