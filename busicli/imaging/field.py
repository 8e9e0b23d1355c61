"""Where an image without a DICOM header shows the ultrasound field. Arrays only.

Speckle changes from pixel to pixel nearly everywhere; menus, text and margins are flat in between.
So a field is a large area that is rough nearly everywhere. It is searched on a coarse grid, then
its borders are fitted at full resolution and it is divided into views.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from busicli.imaging.arrays import Box
from busicli.imaging.coarse_grid import CoarseGrid, coarse_grid, ground_roughness, noise_level
from busicli.imaging.field_border import Fitted, fitted, without_margins
from busicli.imaging.field_grid import box_shape, rough_areas
from busicli.imaging.field_views import grey_views, views_in
from busicli.types import Image

SHARP_SIDES = 2
"""Sides where texture ends at once, which a field on a screen has at least."""
ALIKE = 0.6
"""Share of the largest view's height and width that each part of a divided field has at least."""
FILLED = 0.9
"""Share of the image above which a field fills it."""
NOISE_MAX = 4.0
"""Mean difference of neighbours, in grey levels, above which noisy ground looks like tissue."""
GROUND_ROUGH = 0.12
"""Share of neighbours on noisy ground that may differ: those of text and menus."""
SIDE_ROUGH = 1.0
"""Mean roughness, 0 to 2, of a side of the image above which tissue reaches it."""

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSearch:
    """The ultrasound fields of one image."""

    boxes: tuple[Box, ...]
    """Rows and columns of each field in the image's pixels; from top to bottom, then from left
    to right."""
    kind: Literal["whole", "found", "unsure"]
    """`found`: the boxes are certain. `whole`: the field fills the image, the one box is all of
    it. `unsure`: there is more than the field, but its borders are not certain; one box as for
    `whole`."""
    certain_views: bool = True
    """False where a box may hold more views than one."""

    @property
    def certain(self) -> bool:
        """Whether nobody needs to look."""
        return self.certain_views and self.kind != "unsure"


def find_fields(scan: Image) -> FieldSearch:
    """The ultrasound fields of a (rows, columns, 3) uint8 image: one, or one a view.

    An image without any texture is `unsure`. Uniform margins of a bare scan are cut off.
    """
    grey = scan[..., 1]
    grid = coarse_grid(grey)
    fields = _fields(grid)
    if not _are_certain(fields, SHARP_SIDES):
        fields = _fields_in_noise(grid) or fields
    certain = _are_certain(fields, SHARP_SIDES)
    whole = (slice(0, grey.shape[0]), slice(0, grey.shape[1]))
    boxes = [field.box for field in fields] if certain else [without_margins(grey, whole)]
    views, told = _views(grey, boxes) if fields else (boxes, True)
    if certain or len(views) > 1:
        views = grey_views(scan, views)
        return FieldSearch(boxes=_in_order(views), kind="found", certain_views=told)
    if _is_unsure(fields, grey.size):
        return FieldSearch(boxes=tuple(views), kind="unsure")
    kind: Literal["whole", "found"] = "whole" if views == [whole] else "found"
    return FieldSearch(boxes=tuple(views), kind=kind, certain_views=told)


def _views(grey: Grey, boxes: Sequence[Box]) -> tuple[list[Box], bool]:
    """The views in all boxes, and whether it is certain that there are no more.

    The boxes where that would make views of unlike size.
    """
    divided = [views_in(grey, box) for box in boxes]
    views = [view for part, _ in divided for view in part]
    shapes = np.array([box_shape(view) for view in views])
    alike = (shapes.min(axis=0) >= ALIKE * shapes.max(axis=0)).all()
    return views if alike else list(boxes), all(certain for _, certain in divided)


def _fields(grid: CoarseGrid, least_sharp: int = 0) -> list[Fitted]:
    """The fields; none where one of them has fewer sharp sides."""
    fields = []
    for area in rough_areas(grid):
        field = fitted(grid, area, least_sharp)
        if field is None:
            return []
        fields.append(field)
    return fields


def _fields_in_noise(grid: CoarseGrid) -> list[Fitted]:
    """The fields on a screen whose flat ground is noisy, as a frame grabber's; none if unsure.

    A dark scan has a quiet corner too, so more must be certain than without noise.
    """
    noise = noise_level(grid)
    if not 0 < noise <= NOISE_MAX:
        return []
    noisy = grid.with_noise(noise)
    if not _has_ground(noisy):
        return []
    fields = _fields(noisy, SHARP_SIDES + 1)
    if not fields or ground_roughness(noisy, [field.box for field in fields]) > GROUND_ROUGH:
        return []
    return fields


def _has_ground(grid: CoarseGrid) -> bool:
    """Whether as many of the image's sides are flat as must be sharp: most bare scans end here."""
    rough = grid.roughness()
    sides = (rough[0], rough[-1], rough[:, 0], rough[:, -1])
    return sum(bool(side.mean() <= SIDE_ROUGH) for side in sides) > SHARP_SIDES


def _are_certain(fields: Sequence[Fitted], sides: int) -> bool:
    """Whether there are fields, and at least so many sides of each are sharp."""
    return bool(fields) and all(field.sharp_sides >= sides for field in fields)


def _is_unsure(fields: Sequence[Fitted], size: int) -> bool:
    """Whether there is no field, or some border is sharp and much of the image is beyond."""
    covered = sum(int(np.prod(box_shape(field.box))) for field in fields) / size
    return not fields or (covered < FILLED and any(field.sharp_sides for field in fields))


def _in_order(boxes: Sequence[Box]) -> tuple[Box, ...]:
    return tuple(sorted(boxes, key=lambda box: (box[0].start // 16, box[1].start)))
