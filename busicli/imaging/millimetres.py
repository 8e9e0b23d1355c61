"""Measurements of lesions in millimetres, if the size of pixels is certain. Arrays only."""

import math

import numpy as np

from busicli.types import Lesion, LesionMm, Region, Scale


def in_millimetres(lesion: Lesion, scale: Scale) -> LesionMm | None:
    """The lesion's lengths and area; None if it does not lie within a region of one spacing.

    None, too, if a region of another spacing overlaps its box. `depth_mm` is None if any other
    region does.

    >>> square = Lesion(lesion=1, area_px=9, bbox=(10, 4, 13, 7), centroid=(11.0, 5.0),
    ...     long_axis_px=12**0.5, short_axis_px=12**0.5, orientation_deg=0.0, circularity=1.0,
    ...     solidity=1.0, mean_probability=0.9, touches_border=False)
    >>> from busicli.types import Spacing
    >>> half = Spacing(row_mm=0.5, column_mm=0.25)
    >>> whole = Region(box=(8, 0, 20, 20), spacing=half, begins_at_skin=True)
    >>> found = in_millimetres(square, Scale(origin="a test", regions=(whole,)))
    >>> found.height_mm, found.width_mm, found.wider_than_tall_ratio, found.depth_mm
    (1.5, 0.75, 0.5, 1.0)
    """
    around = [region for region in scale.regions if _holds(region, lesion)]
    touched = [region for region in scale.regions if _meets(region, lesion)]
    if not around or any(region.spacing != around[0].spacing for region in touched):
        return None
    region = around[0]
    row_mm, column_mm = region.spacing.row_mm, region.spacing.column_mm
    long_axis, short_axis = _axes_mm(lesion, row_mm, column_mm)
    top, left, bottom, right = lesion.bbox
    width, height = (right - left) * column_mm, (bottom - top) * row_mm
    skin_known = region.begins_at_skin and len(touched) == 1
    return LesionMm(
        long_axis_mm=long_axis,
        short_axis_mm=short_axis,
        area_mm2=lesion.area_px * row_mm * column_mm,
        width_mm=width,
        height_mm=height,
        wider_than_tall_ratio=width / height,
        depth_mm=(top - region.box[0]) * row_mm if skin_known else None,
    )


def _holds(region: Region, lesion: Lesion) -> bool:
    top, left, bottom, right = lesion.bbox
    first_row, first_column, last_row, last_column = region.box
    inside = first_row <= top and bottom <= last_row
    return inside and first_column <= left and right <= last_column


def _meets(region: Region, lesion: Lesion) -> bool:
    top, left, bottom, right = lesion.bbox
    first_row, first_column, last_row, last_column = region.box
    return first_row < bottom and top < last_row and first_column < right and left < last_column


def _axes_mm(lesion: Lesion, row_mm: float, column_mm: float) -> tuple[float, float]:
    """Long and short axis of the lesion's ellipse after scaling rows and columns.

    The ellipse's second moments follow from its axes and direction. Pixels that are not square
    rotate and stretch it, so scaling the axes alone would be wrong.
    """
    angle = math.radians(lesion.orientation_deg)
    along = np.array([-math.sin(angle), math.cos(angle)])  # rows count downwards
    across = np.array([math.cos(angle), math.sin(angle)])
    moments = lesion.long_axis_px**2 * np.outer(along, along)
    moments += lesion.short_axis_px**2 * np.outer(across, across)
    scaled = moments * np.outer([row_mm, column_mm], [row_mm, column_mm])
    short, long = np.sqrt(np.linalg.eigvalsh(scaled))
    return float(long), float(short)
