"""Scan to network input, and the network's map back to the scan's own size. Arrays only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from busicli.imaging.arrays import Box, resized
from busicli.imaging.field import find_fields
from busicli.imaging.field_grid import around
from busicli.imaging.field_shape import FieldShape
from busicli.imaging.marks import unmarked
from busicli.imaging.regions import distinct
from busicli.settings import PreprocessSettings
from busicli.types import Doubt, Image, Mask, Probability, View

_PIXELS_AT_ONCE = 2**22


def view_box(
    scan: Image, settings: PreprocessSettings, tissue: Sequence[View] = ()
) -> tuple[Box, tuple[Doubt, ...]]:
    """Rows and columns of a (rows, columns, 3) scan that reach the network, and what was assumed.

    All of them, or with `views` "auto" the ultrasound field: the regions of tissue that a DICOM
    header describes, else what a search finds. Several views are taken as one.
    """
    rows, columns = scan.shape[:2]
    if settings.views == "whole":
        return (slice(0, rows), slice(0, columns)), ()
    regions = distinct(tissue)
    if regions and (0, 0, rows, columns) not in regions:
        boxes: Sequence[Box] = [(slice(r[0], r[2]), slice(r[1], r[3])) for r in regions]
        certain = True
    else:
        search = find_fields(scan)
        boxes, certain = search.boxes, search.certain or bool(regions)
    holds: dict[Doubt, bool] = {
        "no certain ultrasound field": not certain,
        "several views taken as one": len(boxes) > 1,
    }
    return around(boxes), tuple(doubt for doubt, held in holds.items() if held)


def network_image(
    scan: Image, settings: PreprocessSettings, tissue: FieldShape | None = None
) -> Image:
    """The scan as (size, size, 3) uint8, low-pass filtered when shrinking, black beside tissue.

    Coloured marks are painted out. Pillow's resampling takes a seventh of scikit-image's time with
    the same filter.
    """
    rows, columns = _target(scan.shape[:2], settings)
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    if tissue is not None:
        scan = scan * tissue.inside()[..., None]
    return _in_square(unmarked(scan, shape), (rows, columns), settings)


def network_mask(mask: Mask, settings: PreprocessSettings) -> NDArray[np.uint8]:
    """The mask as (size, size) uint8 of 0 and 1: lesion if half of the pixel's area is."""
    rows, columns = _target(mask.shape, settings)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    grey = Pillow.fromarray(mask.astype(np.uint8) * np.uint8(255))
    small = (np.asarray(grey.resize(size, Pillow.Resampling.BOX)) >= 128).astype(np.uint8)
    return _in_square(small, (rows, columns), settings)


def network_values(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stored images of any shape as float32 in [0, 1]."""
    return images.astype(np.float32) * np.float32(1 / 255)


def native_probability(
    probability: Probability, shape: tuple[int, int], settings: PreprocessSettings
) -> Probability:
    """A (size, size) probability map at the scan's own (rows, columns), bilinear."""
    part = Pillow.fromarray(np.ascontiguousarray(probability[_target(shape, settings)], np.float32))
    values = np.empty(shape, np.float32)
    step, high = max(1, _PIXELS_AT_ONCE // shape[1]), part.height / shape[0]
    for top in range(0, shape[0], step):  # Pillow makes copies, which of a large map are too many
        rows = values[top : top + step]
        box = (0, top * high, part.width, (top + len(rows)) * high)
        enlarged = part.resize(rows.shape[::-1], Pillow.Resampling.BILINEAR, box)
        np.clip(np.asarray(enlarged), 0.0, 1.0, out=rows)
    return values


def native_image(
    image: Image, shape: tuple[int, int], settings: PreprocessSettings, box: Box | None = None
) -> Image:
    """The network's (size, size, 3) input in the scan's own proportions.

    `shape` is (rows, columns) of the result, in the proportions of the scan. `box` is the part of
    the result that the network sees; the result is black outside it. None means all of it.
    """
    inner = shape if box is None else (box[0].stop - box[0].start, box[1].stop - box[1].start)
    part = resized(image[_target(inner, settings)], inner)
    if inner == shape:
        return part
    whole = np.zeros((*shape, 3), np.uint8)
    whole[box] = part
    return whole


def _target(shape: tuple[int, ...], settings: PreprocessSettings) -> tuple[slice, slice]:
    """The rows and columns of the network's square that a (rows, columns) scan fills."""
    size = settings.size_px
    if settings.aspect == "stretch":
        return slice(0, size), slice(0, size)
    sides = [max(1, round(side * size / max(shape))) for side in shape]
    rows, columns = (slice((size - side) // 2, (size - side) // 2 + side) for side in sides)
    return rows, columns


def _in_square(
    image: NDArray[np.uint8], target: tuple[slice, slice], settings: PreprocessSettings
) -> NDArray[np.uint8]:
    if settings.aspect == "stretch":
        return image
    square = np.zeros((settings.size_px, settings.size_px, *image.shape[2:]), np.uint8)
    square[target] = image
    return square
