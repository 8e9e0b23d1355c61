"""Which parts of a frame the network looks at."""

import numpy as np
import pytest

from busicli.imaging.field_shape import INSET
from busicli.inference.views import default_mode, find_layout, one_view
from busicli.settings import PreprocessSettings
from busicli.types import FrameView

WHOLE = (0, 0, 60, 100)


def speckled(rows=60, columns=100, box=(0, 0, 60, 100)) -> np.ndarray:
    """A black frame with speckle in a box."""
    frame = np.zeros((rows, columns, 3), np.uint8)
    top, left, bottom, right = box
    grey = np.random.default_rng(0).integers(40, 160, (bottom - top, right - left, 1), np.uint8)
    frame[top:bottom, left:right] = grey
    return frame


def seen(image, tissue, mode):
    return [(v.box, v.kind, v.source) for v in find_layout(image, tissue, mode).views]


@pytest.mark.parametrize("mode", ["header", "auto"])
def test_regions_of_the_header_come_first(mode):
    tissue = [(0, 50, 60, 100), (0, 0, 60, 50)]
    assert seen(speckled(), tissue, mode) == [
        ((0, 0, 60, 50), "tissue", "header"),
        ((0, 50, 60, 100), "tissue", "header"),
    ]


def test_whole_means_whole_whatever_the_header_says():
    assert seen(speckled(), [(0, 0, 60, 50)], "whole") == [(WHOLE, "whole", "whole")]


def test_without_a_region_auto_searches_and_header_does_not():
    image = speckled(box=(10, 0, 60, 90))
    assert seen(image, [], "auto") == [((10, 0, 60, 90), "tissue", "found")]
    assert seen(image, [], "header") == [(WHOLE, "whole", "whole")]


def test_a_region_that_is_the_whole_frame_says_nothing():
    image = speckled(box=(10, 0, 60, 90))
    assert seen(image, [WHOLE], "auto") == [((10, 0, 60, 90), "tissue", "found")]
    assert seen(image, [WHOLE], "header") == [(WHOLE, "whole", "whole")]


def test_a_frame_without_texture_is_seen_whole_and_is_uncertain():
    flat = np.full((60, 100, 3), 7, np.uint8)
    layout = find_layout(flat, [], "auto")
    assert layout.views == (FrameView(box=WHOLE, kind="whole", source="whole"),)
    assert not layout.certain
    assert find_layout(flat, [WHOLE], "auto").certain  # the header says so


def test_a_field_that_may_be_two_views_is_uncertain():
    image = speckled(120, 200, box=(0, 0, 120, 200))
    image[:, 100] = 255  # a line drawn over one view, or the border of two that are alike
    layout = find_layout(image, [], "auto")
    assert [view.box for view in layout.views] == [(0, 0, 120, 200)]
    assert not layout.certain


@pytest.mark.parametrize(
    ("mode", "is_tissue"), [("auto", False), ("header", False), ("whole", True)]
)
def test_flat_ground_in_a_view_is_no_tissue_but_where_the_whole_frame_is_asked_for(mode, is_tissue):
    image = speckled(120, 200, box=(0, 0, 120, 160))
    layout = find_layout(image, [(0, 0, 120, 200)], mode)
    whole = np.ones((120, 200), bool)
    shape = layout.shapes[0] if layout.shapes else None
    inside = whole if shape is None else shape.inside()
    box = layout.boxes[0]
    seen = np.zeros((120, 200), bool)
    seen[box] = inside[: box[0].stop, : box[1].stop]
    assert seen[:, : 160 - INSET].all()
    assert seen[:, 160:].all() == is_tissue


def test_boxes_are_rows_and_columns():
    assert one_view((60, 100), (10, 0, 60, 90)).boxes == ((slice(10, 60), slice(0, 90)),)
    assert one_view((60, 100), WHOLE) == one_view((60, 100))


@pytest.mark.parametrize("views", ["auto", "whole"])
def test_weights_see_what_they_were_trained_on(views):
    assert default_mode(PreprocessSettings(views=views)) == views
