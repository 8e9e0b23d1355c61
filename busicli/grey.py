"""Grey scans as pictures of three like channels that are stored once. Arrays only.

Most scans are grey: shrinking, drawing and holding one channel takes a third of what three take.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from busicli.records import Image


def as_rgb(channel: NDArray[np.uint8]) -> Image:
    """A (rows, columns) uint8 channel seen as (rows, columns, 3), without a copy; read-only."""
    return np.broadcast_to(channel[..., None], (*channel.shape, 3))


def grey_channel(scan: Image) -> NDArray[np.uint8] | None:
    """The (rows, columns) channel of a grey (rows, columns, 3) scan, as a view; None of colours.

    What `as_rgb` made is told at once, any other scan by comparing its channels.

    >>> grey_channel(as_rgb(np.array([[7, 9]], np.uint8)))
    array([[7, 9]], dtype=uint8)
    """
    first = scan[..., 0]
    if scan.strides[2] == 0:
        return first
    alike = np.array_equal(first, scan[..., 1]) and np.array_equal(first, scan[..., 2])
    return first if alike else None


def resized(scan: Image, shape: tuple[int, int], reducing_gap: float | None = None) -> Image:
    """The scan at another (rows, columns), bilinear, low-pass filtered where it shrinks: what
    Pillow makes of its three channels, to the last bit. The given one stays.

    `reducing_gap` is Pillow's: how much larger than asked for a quick first step may leave it.
    """
    grey = grey_channel(scan)
    picture = Pillow.fromarray(scan if grey is None else grey)
    small = picture.resize(shape[::-1], Pillow.Resampling.BILINEAR, reducing_gap=reducing_gap)
    return np.asarray(small) if grey is None else as_rgb(np.asarray(small))
