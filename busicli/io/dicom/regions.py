"""The size of pixels from the Sequence of Ultrasound Regions, if nothing contradicts it."""

import math
from collections.abc import Sequence

import numpy as np
from pydicom import Dataset

from busicli.imaging.arrays import is_within
from busicli.types import Region, Scale, Spacing, View

TWO_DIMENSIONAL, TISSUE, CENTIMETRES = 1, 1, 3
PLAUSIBLE_MM = (0.005, 1.0)
"""Smallest and largest pixel of a breast-ultrasound scan."""
_TOLERANCE = 0.01
"""Relative difference up to which two sizes of a pixel agree."""


def scale_of(header: Dataset) -> Scale:
    """The size of pixels according to an ultrasound header; no region if anything is doubtful.

    A region counts if it is of tissue, two-dimensional and in centimetres, with plausible positive
    deltas. No region counts if one of them, of any kind, reaches outside the image: the image was
    then cropped or shrunk and the header was not. The same holds if another value in the header
    disagrees. PS3.3 C.8.5.5.
    """
    items = header.get("SequenceOfUltrasoundRegions") or []
    if not items:
        return Scale(origin="none: the file describes no ultrasound region")
    size = int(header.Rows), int(header.Columns)
    boxes = [_box(item) for item in items]
    if not all(box and is_within(box, size) for box in boxes):
        return Scale(origin="none: an ultrasound region reaches out of the image")
    regions = tuple(
        Region(box=box, spacing=spacing, begins_at_skin=True)
        for item, box in zip(items, boxes, strict=True)
        if box and (spacing := _spacing(item))
    )
    if not regions:
        return Scale(origin="none: no ultrasound region of tissue is calibrated in centimetres")
    if _is_contradicted(header, regions):
        return Scale(origin="none: the file's statements of the pixels' size disagree")
    return Scale(origin="ultrasound regions of the file", regions=regions)


def boxes_of(header: Dataset) -> tuple[View, ...]:
    """All ultrasound regions of the header, tissue or curve.

    Empty if one of them reaches outside the image, or if together they cover the whole image: the
    patient's name, which a scanner writes outside the regions, would then count as ultrasound.
    """
    boxes = [_box(item) for item in header.get("SequenceOfUltrasoundRegions") or []]
    size = int(header.Rows), int(header.Columns)
    whole = tuple(box for box in boxes if box and is_within(box, size))
    beside = np.ones(size, bool)
    for top, left, bottom, right in whole:
        beside[top:bottom, left:right] = False
    return whole if len(whole) == len(boxes) and beside.any() else ()


def tissue_of(header: Dataset) -> tuple[View, ...]:
    """The two-dimensional regions of tissue, calibrated or not, in the header's order.

    Empty where a region of any kind reaches out of the image: then the image was changed and the
    header was not.
    """
    items = header.get("SequenceOfUltrasoundRegions") or []
    size = int(header.Rows), int(header.Columns)
    boxes = [_box(item) for item in items]
    if not all(box and is_within(box, size) for box in boxes):
        return ()
    kinds = [(item.get("RegionSpatialFormat"), item.get("RegionDataType")) for item in items]
    pairs = zip(boxes, kinds, strict=True)
    return tuple(box for box, kind in pairs if box and kind == (TWO_DIMENSIONAL, TISSUE))


def _box(item: Dataset) -> View | None:
    names = ("MinY0", "MinX0", "MaxY1", "MaxX1")
    corners = [item.get(f"RegionLocation{name}") for name in names]
    if not all(isinstance(corner, int) for corner in corners):
        return None
    top, left, last_row, last_column = corners
    return top, left, last_row + 1, last_column + 1


def _spacing(item: Dataset) -> Spacing | None:
    """The size of pixels in a region of tissue; None for other regions and implausible deltas."""
    kind = (
        item.get("RegionSpatialFormat"),
        item.get("RegionDataType"),
        item.get("PhysicalUnitsXDirection"),
        item.get("PhysicalUnitsYDirection"),
    )
    if kind != (TWO_DIMENSIONAL, TISSUE, CENTIMETRES, CENTIMETRES):
        return None
    row, column = (item.get(f"PhysicalDelta{axis}") for axis in "YX")
    if not all(isinstance(delta, float) and math.isfinite(delta) for delta in (row, column)):
        return None
    row_mm, column_mm = 10 * row, 10 * column
    low, high = PLAUSIBLE_MM
    if not (low <= row_mm <= high and low <= column_mm <= high):
        return None
    return Spacing(row_mm=row_mm, column_mm=column_mm)


def _is_contradicted(header: Dataset, regions: Sequence[Region]) -> bool:
    """Whether a spacing or aspect ratio elsewhere in the header disagrees, or cannot be read."""
    try:
        stated = _numbers(header, "PixelSpacing")
        if stated and not any(_near(r.spacing, *stated) for r in regions):
            return True
        aspect = _numbers(header, "PixelAspectRatio")
    except (TypeError, ValueError, OverflowError):
        return True
    if not aspect:
        return False
    vertical, horizontal = aspect
    ratios = (r.spacing.row_mm / r.spacing.column_mm * horizontal for r in regions)
    return not all(math.isclose(ratio, vertical, rel_tol=_TOLERANCE) for ratio in ratios)


def _numbers(header: Dataset, name: str) -> tuple[float, float] | None:
    """Two numbers of the header; None where it has none; raises what pydicom does, or ValueError
    or TypeError where they are not two.
    """
    stated = header.get(name)
    if not stated:
        return None
    first, second = stated
    return float(first), float(second)


def _near(spacing: Spacing, row_mm: float, column_mm: float) -> bool:
    rows = math.isclose(spacing.row_mm, row_mm, rel_tol=_TOLERANCE)
    return rows and math.isclose(spacing.column_mm, column_mm, rel_tol=_TOLERANCE)
