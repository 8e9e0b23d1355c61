"""Small array functions: bounding boxes, and grey scans stored as one channel.

Most scans are grey: one channel takes a third of the time and memory of three.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from busicli.types import Image, Mask, View

Box = tuple[slice, slice]
"""Rows and columns."""


def scaled_box(box: Box, shape: tuple[int, int], target: tuple[int, int]) -> Box:
    """A box of an image of `shape` (rows, columns) in the same image at the size `target`.

    Edges are rounded; at least one row and one column remain.

    >>> scaled_box((slice(10, 30), slice(0, 40)), (40, 40), (20, 10))
    (slice(5, 15, None), slice(0, 10, None))
    """
    down, across = (
        _scaled(side, old, new) for side, old, new in zip(box, shape, target, strict=True)
    )
    return down, across


def is_within(box: View, shape: tuple[int, int]) -> bool:
    """Whether a box holds a pixel and lies within an image of (rows, columns)."""
    top, left, bottom, right = box
    return 0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]


def _scaled(side: slice, old: int, new: int) -> slice:
    start = min(round(side.start * new / old), new - 1)
    return slice(start, max(start + 1, round(side.stop * new / old)))


def bounding_box(mask: Mask, margin: int = 0) -> Box | None:
    """The smallest box around a (rows, columns) bool mask; None if the mask is empty.

    It is larger by up to `margin` pixels on each side, within the mask.

    >>> bounding_box(np.array([[0, 0, 0], [0, 1, 1]], bool))
    (slice(1, 2, None), slice(1, 3, None))
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    down, across = (
        slice(max(0, int(found[0]) - margin), int(found[-1]) + 1 + margin)
        for found in (rows, columns)
    )
    return down, across


def as_rgb(channel: NDArray[np.uint8]) -> Image:
    """A read-only (rows, columns, 3) view of a (rows, columns) uint8 channel, without a copy."""
    return np.broadcast_to(channel[..., None], (*channel.shape, 3))


def grey_channel(scan: Image) -> NDArray[np.uint8] | None:
    """The (rows, columns) channel of a grey (rows, columns, 3) scan as a view; None for colours.

    A result of `as_rgb` is recognized at once, any other scan by comparing its channels.

    >>> grey_channel(as_rgb(np.array([[7, 9]], np.uint8)))
    array([[7, 9]], dtype=uint8)
    """
    first = scan[..., 0]
    if scan.strides[2] == 0:
        return first
    alike = np.array_equal(first, scan[..., 1]) and np.array_equal(first, scan[..., 2])
    return first if alike else None


def resized(scan: Image, shape: tuple[int, int], reducing_gap: float | None = None) -> Image:
    """A copy of the scan at another (rows, columns): bilinear, low-pass filtered when shrinking.

    Equal, to the last bit, to Pillow's result for three channels. `reducing_gap` is Pillow's: how
    much larger than the target a quick first step may leave the image.
    """
    grey = grey_channel(scan)
    image = Pillow.fromarray(scan if grey is None else grey)
    small = image.resize(shape[::-1], Pillow.Resampling.BILINEAR, reducing_gap=reducing_gap)
    return np.asarray(small) if grey is None else as_rgb(np.asarray(small))
