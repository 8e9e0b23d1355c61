"""Coloured calipers and letters over a scan, painted out as it is shrunk. Arrays only.

Ultrasound is grey: what is coloured was drawn over it. Areas of colour, as Doppler's, stay.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from busicli.imaging.arrays import grey_channel, resized
from busicli.types import Image, Mask

COLOURED = 30
"""Grey levels by which green differs from red or blue, in colours, by more."""
MOST = 0.1
"""Share of a scan that marks cover at most: tints and Doppler cover more."""
KNOWN = 0.3
"""Share of a pixel's area that is free of marks from which its own tissue fills it."""
AREA = 7
"""Pixels of the result: what is wider in both directions is an area."""
REACH = (5, 11, 23)
"""Sides of the squares, in pixels of the result, whose tissue fills what marks cover wholly."""


def unmarked(scan: Image, shape: tuple[int, int]) -> Image:
    """As `resized` makes it of a (rows, columns, 3) uint8 scan, without coloured marks."""
    small, marks = resized(scan, shape), coloured(scan)
    if marks is None:
        return small
    covered = _shrunk(marks, shape)
    areas = ndimage.binary_opening(covered > 1 - KNOWN, np.ones((AREA, AREA)))
    covered[ndimage.binary_dilation(areas, iterations=2)] = 0
    if not 0 < covered.mean() <= MOST:
        return small
    tissue = scan.copy()
    tissue[marks] = 0
    filled = _filled(resized(tissue, shape).astype(np.float32), 1 - covered)
    return np.where((covered > 0)[..., None], filled, small)


def coloured(scan: Image) -> Mask | None:
    """Where a (rows, columns, 3) uint8 scan is coloured, and the pixels around; None if nowhere."""
    if grey_channel(scan) is not None:
        return None
    flat = np.ascontiguousarray(scan).reshape(len(scan), -1)
    left, right = flat[:, :-1], flat[:, 1:]
    differs = np.maximum(left, right) - np.minimum(left, right) > COLOURED
    found: Mask = differs[:, ::3] | differs[:, 1::3]
    if not found.any():
        return None
    around: Mask = ndimage.maximum_filter(found, 3)
    return around


def _shrunk(mask: Mask, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The share of each pixel that a mask covers."""
    image = Pillow.fromarray(mask.view(np.uint8) * np.uint8(255))
    small = image.resize(shape[::-1], Pillow.Resampling.BILINEAR)
    return np.asarray(small, np.float32) / np.float32(255)


def _filled(tissue: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Tissue as if marks did not cover it; it is darker where less of a pixel is `known`."""
    filled = tissue / np.maximum(known, KNOWN)[..., None]
    unknown = known < KNOWN
    for side in REACH:
        near = ndimage.uniform_filter(known, side)
        sums = ndimage.uniform_filter(tissue, (side, side, 1))
        now = unknown & (near > 1 / side)
        filled[now] = sums[now] / near[now][:, None]
        unknown &= ~now
    return np.clip(filled + 0.5, 0, 255).astype(np.uint8)
