"""Layout of a training image: the scan in a sector, within margins, on a screen, beside another.

A view is a scan's (channels, rows, columns) uint8 planes and its (rows, columns) uint8 mask of 0
and 1. The mask follows the scan. Inputs are not changed.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from busicli.imaging.augment_overlay import drawn_over
from busicli.imaging.augment_params import Rectangle
from busicli.imaging.augment_screen import draw_on_screen, screen_picture

View = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def in_sector(view: View, seed: int) -> View:
    """The view, black and without lesion outside a curved or trapezoid field."""
    planes, mask = view
    field = _sector(mask.shape, np.random.default_rng((seed, 5)))
    return planes * field, mask * field


def _sector(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    """1 inside the field of a probe with spreading beams, else 0; as wide as the image.

    Beams start at a circle around a point above the image and end at a wider one. `top` is the
    width of the top as a fraction of the bottom's. Half of the tops and one bottom in five are
    flat. A top that would reach down a fifth of the image is flat too: no probe is curved so much.
    """
    rows, columns = shape[:2]
    top, half_angle = float(rng.uniform(0.45, 0.9)), np.deg2rad(rng.uniform(12, 38))
    curved_bottom, curved_top = rng.random() < 0.8, rng.random() < 0.5
    far = 0.5 / np.sin(half_angle)
    near = top * far
    start = near * np.cos(half_angle)
    end = far if curved_bottom else far * np.cos(half_angle)
    x = (np.arange(columns, dtype=np.float32) + 0.5) / columns - 0.5
    y = start + (end - start) * (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / rows
    inside = np.abs(x) <= y * np.tan(half_angle)
    squared = x**2 + y**2
    if curved_top and near - start < 0.2 * (end - start):
        inside &= squared >= near**2
    if curved_bottom:
        inside &= squared <= far**2
    field: NDArray[np.uint8] = inside.astype(np.uint8)
    return field


def side_by_side(first: View, second: View, seed: int) -> View:
    """The first view in the left half, the second in the right half, squeezed or letter-boxed.

    A separator of up to 2 % of the columns may stand between them.
    """
    rng = np.random.default_rng((seed, 6))
    _, rows, columns = first[0].shape
    gap = int(rng.integers(0, max(2, columns // 50))) if rng.random() < 0.6 else 0
    line = int(rng.integers(0, 256)) if rng.random() < 0.4 else 0
    width = (columns - gap) // 2
    height = rows if rng.random() < 0.5 else max(1, round(rng.uniform(0.45, 0.75) * rows))
    top = round(rng.choice((0.0, 0.5, rng.random())) * (rows - height))
    channels = max(len(first[0]), len(second[0]))
    planes, mask = np.zeros((channels, rows, columns), np.uint8), np.zeros_like(first[1])
    planes[:, :, width : width + gap] = line
    for view, left in ((first, 0), (second, columns - width)):
        window = slice(top, top + height), slice(left, left + width)
        planes[:, *window], mask[window] = _resized(view, (height, width))
    return planes, mask


def within_margins(view: View, rectangle: Rectangle, grey: int) -> View:
    """The view shrunk into the rectangle, with one grey around it."""
    planes, mask = np.full_like(view[0], grey), np.zeros_like(view[1])
    window = rectangle.slices((mask.shape[0], mask.shape[1]))
    shape = window[0].stop - window[0].start, window[1].stop - window[1].start
    planes[:, *window], mask[window] = _resized(view, shape)
    return planes, mask


def on_screen(view: View, rectangle: Rectangle, seed: int) -> View:
    """The view shrunk into the rectangle of a scanner's screen, with a screen's overlays."""
    shape = view[1].shape[0], view[1].shape[1]
    window = rectangle.slices(shape)
    planes = np.repeat(screen_picture(shape, window, seed)[None], len(view[0]), axis=0)
    mask = np.zeros_like(view[1])
    inner = window[0].stop - window[0].start, window[1].stop - window[1].start
    scan, mask[window] = _resized(view, inner)
    planes[:, *window] = drawn_over(scan, draw_on_screen, seed)
    return planes, mask


def mirrored(view: View) -> View:
    """The view flipped left to right."""
    return view[0][:, :, ::-1], view[1][:, ::-1]


def _resized(view: View, shape: tuple[int, int]) -> View:
    """The view at another (rows, columns); a pixel is lesion if half of its area is."""
    planes, mask = view
    small = [
        np.asarray(
            Pillow.fromarray(np.ascontiguousarray(p)).resize(
                shape[::-1], Pillow.Resampling.BILINEAR
            )
        )
        for p in planes
    ]
    share = Pillow.fromarray(mask * np.uint8(255)).resize(shape[::-1], Pillow.Resampling.BOX)
    return np.stack(small), (np.asarray(share) >= 128).astype(np.uint8)
