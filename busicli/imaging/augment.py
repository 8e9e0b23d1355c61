"""Augmentation of training scans: parameters are drawn first, then applied by plain functions.

`draw_augmentation` draws, `apply_augmentation` applies. Scans are shown as another scanner, archive
or export might show them, so that a network does not learn such differences as signs of a lesion.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from busicli.imaging.arrays import as_rgb, grey_channel, resized
from busicli.imaging.augment_layout import (
    View,
    in_sector,
    mirrored,
    on_screen,
    side_by_side,
    within_margins,
)
from busicli.imaging.augment_overlay import caliper_drawing, draw_body_mark, draw_text, drawn_over
from busicli.imaging.augment_params import AugmentationParams, Rectangle, draw_augmentation
from busicli.imaging.augment_tone import changed_tone, jpeg_compressed, lower_resolution
from busicli.types import Image

__all__ = ["AugmentationParams", "Rectangle", "apply_augmentation", "draw_augmentation"]

_GAP = 0.04
"""Gap between a lesion and a crop without it, as a fraction of the columns."""
_ROOM = 0.3
"""Least width of such a crop, as a fraction of the columns."""


def apply_augmentation(
    image: Image,
    mask: NDArray[np.uint8],
    params: AugmentationParams,
    partner: tuple[Image, NDArray[np.uint8]] | None = None,
) -> tuple[Image, NDArray[np.uint8]]:
    """New (size, size, 3) uint8 image and (size, size) uint8 mask; the inputs are not changed.

    With `params.two_views`, the right view is `partner`, a scan and mask of the same size, or the
    mirrored scan if there is no partner. The partner is moved and toned like the scan, but never
    cropped. Areas from outside the image are black. If the lesion is cropped away, the mask is
    empty. A grey scan is processed as one channel, a third of the work.
    """
    view = _scan(image, mask, params, params.seed)
    if params.two_views:
        second = _scan(*partner, params, params.seed + 1) if partner else mirrored(view)
        view = side_by_side(view, second, params.seed)
    if params.screen:
        view = on_screen(view, params.screen, params.seed)
    elif params.margin:
        view = within_margins(view, params.margin, params.margin_grey)
    planes, changed_mask = view
    if params.low_res_factor > 1:
        planes = lower_resolution(planes, params.low_res_factor, params.seed)
    if params.jpeg_quality is not None:
        planes = jpeg_compressed(planes, params.jpeg_quality)
    return as_rgb(planes[0]) if len(planes) == 1 else np.moveaxis(planes, 0, 2), changed_mask


def _scan(image: Image, mask: NDArray[np.uint8], params: AugmentationParams, seed: int) -> View:
    """One scan moved, toned, cut to a sector and drawn over."""
    if params.lesion_free_crop and seed == params.seed and (window := _lesion_free(mask)):
        rows, columns = mask.shape
        image, mask = resized(image[window], (rows, columns)), np.zeros_like(mask)
    grey = grey_channel(image)
    channels = np.moveaxis(image, 2, 0) if grey is None else [grey]
    planes = changed_tone(np.stack([_move(c, params, smooth=True) for c in channels]), params, seed)
    view = planes, _move(mask, params, smooth=False)
    if params.sector:
        view = in_sector(view, params.seed)
    planes, mask = view
    if params.calipers:
        planes = drawn_over(planes, caliper_drawing(mask), seed)
    if params.burned_in_text:
        planes = drawn_over(planes, draw_text, seed)
    if params.body_mark:
        planes = drawn_over(planes, draw_body_mark, seed)
    return planes, mask


def _lesion_free(mask: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """The columns between the lesion and the farther border, and as many rows from the skin down as
    nearly keep the scan's proportions; None if there is no lesion or no room.

    Tissue above and below the lesion is left out: compression and shadows show that it is there.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    if not columns.size:
        return None
    size, gap = mask.shape[1], round(_GAP * mask.shape[1])
    left, right = columns[0] - gap, columns[-1] + 1 + gap
    strip = slice(0, left) if left >= size - right else slice(right, size)
    width = strip.stop - strip.start
    if width < _ROOM * size:
        return None
    return slice(0, min(mask.shape[0], round(1.6 * width / size * mask.shape[0]))), strip


def _move(
    plane: NDArray[np.uint8], params: AugmentationParams, *, smooth: bool
) -> NDArray[np.uint8]:
    """Flip, rotate, scale and shift a (rows, columns) plane about its centre."""
    rows, columns = plane.shape
    angle = np.deg2rad(params.rotation_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    mirror = -1.0 if params.flip else 1.0
    row_scale, column_scale = params.scale
    # Pillow takes the map from output pixel (x, y) to input pixel
    a, b = mirror * cos / column_scale, mirror * sin / column_scale
    d, e = -sin / row_scale, cos / row_scale
    x, y = columns / 2, rows / 2
    shift_y, shift_x = params.shift[0] * rows, params.shift[1] * columns
    c = x - a * (x + shift_x) - b * (y + shift_y)
    f = y - d * (x + shift_x) - e * (y + shift_y)
    resampling = Pillow.Resampling.BILINEAR if smooth else Pillow.Resampling.NEAREST
    image = Pillow.fromarray(plane)
    moved = image.transform(
        (columns, rows), Pillow.Transform.AFFINE, (a, b, c, d, e, f), resampling
    )
    return np.asarray(moved)
