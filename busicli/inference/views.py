"""Which parts of a frame the network looks at: ultrasound fields, or the whole frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from busicli.imaging.arrays import Box
from busicli.imaging.field import find_fields
from busicli.imaging.field_shape import FieldShape, field_shape
from busicli.imaging.regions import distinct
from busicli.settings import PreprocessSettings
from busicli.types import FrameView, Image, View, ViewKind, ViewSource

ViewMode = Literal["header", "auto", "whole"]
"""`header`: tissue regions of the DICOM header alone; `auto`: those, else a search of the image;
`whole`: always the whole frame."""
UNCERTAIN = 4
"""Pixels by which losses of a JPEG make a found view too large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLayout:
    """The size of a frame and the views in it."""

    shape: tuple[int, int]
    """Rows and columns of the frame."""
    views: tuple[FrameView, ...]
    """At least one."""
    certain_greys: bool = True
    """False where the file does not say how its greys or colours are to be shown."""
    certain: bool = True
    """False where there is more in the image than the field, but the field's borders are not
    certain, or where it may be several views: a person should look."""
    cut_short: bool = False
    """Whether the image's last rows seem to be missing."""
    shapes: tuple[FieldShape | None, ...] = field(default=(), compare=False)
    """Of each view, where tissue is; None where all of it may be tissue, () where all views may."""

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Rows and columns of each view."""
        return tuple(
            (slice(top, bottom), slice(left, right))
            for top, left, bottom, right in (view.box for view in self.views)
        )

    def uncertain_strips(self) -> Iterator[Box]:
        """What may be outside: the outermost pixels of found views, but for the frame's border."""
        for view in self.views:
            if view.source != "found":
                continue
            top, left, bottom, right = view.box
            rows, columns = slice(top, bottom), slice(left, right)
            if top > 0:
                yield slice(top, top + UNCERTAIN), columns
            if left > 0:
                yield rows, slice(left, left + UNCERTAIN)
            if bottom < self.shape[0]:
                yield slice(max(0, bottom - UNCERTAIN), bottom), columns
            if right < self.shape[1]:
                yield rows, slice(max(0, right - UNCERTAIN), right)


def default_mode(settings: PreprocessSettings) -> ViewMode:
    """What weights expect: views as in their training, or whole frames."""
    return "whole" if settings.views == "whole" else "auto"


def one_view(shape: tuple[int, int], box: View | None = None) -> FrameLayout:
    """A frame of (rows, columns) of which the box is seen, or all of it."""
    whole = (0, 0, *shape)
    if box is None or box == whole:
        return _layout(shape, (whole,), "whole", "whole")
    return _layout(shape, (box,), "tissue", "found")


def find_layout(image: Image, tissue: Sequence[View], mode: ViewMode) -> FrameLayout:
    """The views of a (rows, columns, 3) uint8 frame.

    `tissue` holds the header's regions of tissue. They come first, unless they are the whole frame
    and so say nothing; only then the image is searched. With `whole` all of the frame may be
    tissue.
    """
    rows, columns = image.shape[:2]
    if mode == "whole":
        return one_view((rows, columns))
    layout = _searched(image, distinct(tissue), mode)
    greys = (np.ascontiguousarray(image[box][..., 1]) for box in layout.boxes)
    return replace(layout, shapes=tuple(field_shape(grey) for grey in greys))


def _searched(image: Image, regions: Sequence[View], mode: ViewMode) -> FrameLayout:
    """The views, without their shapes."""
    rows, columns = image.shape[:2]
    shape = (rows, columns)
    if regions and (0, 0, rows, columns) not in regions:
        return _layout(shape, regions, "tissue", "header")
    if mode != "auto":
        return one_view(shape)
    found = find_fields(image)
    boxes = tuple((r.start, c.start, r.stop, c.stop) for r, c in found.boxes)
    certain = found.certain or bool(regions)
    if found.kind == "found":
        return _layout(shape, boxes, "tissue", "found", certain=certain)
    source: ViewSource = "whole" if boxes == ((0, 0, rows, columns),) else "found"
    return _layout(shape, boxes, "whole", source, certain=certain)


def _layout(
    shape: tuple[int, int],
    boxes: Sequence[View],
    kind: ViewKind,
    source: ViewSource,
    *,
    certain: bool = True,
) -> FrameLayout:
    views = tuple(FrameView(box=box, kind=kind, source=source) for box in boxes)
    return FrameLayout(shape=shape, views=views, certain=certain)
