"""From the network's maps of a frame's views to what is known of the frame."""

from dataclasses import replace

import numpy as np
import pytest

from busicli.errors import InputError
from busicli.imaging.field_shape import FieldShape
from busicli.inference.engines import Predictions
from busicli.inference.segmenter import SegmentSettings, interpret
from busicli.inference.views import UNCERTAIN, FrameLayout, one_view
from busicli.settings import (
    ConfidenceSettings,
    PostprocessSettings,
    PreprocessSettings,
    TunedSettings,
)
from busicli.types import FrameView, Region, Scale, Spacing

SIZE = 16
NO_SCALE = Scale(origin="a test")


def settings(confidence=None, temperature=1.0, **postprocess) -> SegmentSettings:
    return SegmentSettings(
        preprocess=PreprocessSettings(size_px=SIZE),
        tuned=TunedSettings(
            postprocess=PostprocessSettings(**postprocess),
            confidence=confidence,
            class_temperature=temperature,
        ),
        views="auto",
    )


def square(top=4, left=4, side=4, value=0.9) -> np.ndarray:
    """A map with a sure square on ground that is no lesion."""
    found = np.zeros((SIZE, SIZE), np.float32)
    found[top : top + side, left : left + side] = value
    return found


def layout(*boxes, shape=(SIZE, 2 * SIZE), certain=True) -> FrameLayout:
    views = tuple(FrameView(box=box, kind="tissue", source="header") for box in boxes)
    return FrameLayout(shape=shape, views=views, certain=certain)


LEFT, RIGHT = (0, 0, SIZE, SIZE), (0, SIZE, SIZE, 2 * SIZE)


def test_a_whole_frame_is_its_map_at_its_own_size():
    predicted = Predictions(square()[None])
    found = interpret(predicted, one_view((SIZE, SIZE)), NO_SCALE, settings())
    assert np.array_equal(found.mask, square() > 0)
    assert np.array_equal(found.probability, square())
    (lesion,) = found.lesions
    assert (lesion.area_px, lesion.bbox, lesion.millimetres) == (16, (4, 4, 8, 8), None)
    assert (found.confidence, found.class_probabilities, found.review) == (None, None, False)


def test_each_view_keeps_its_own_lesion_where_one_component_a_scan_is_kept():
    """Two views with a lesion each: neither is second best to the other."""
    predicted = Predictions(np.stack([square(), square(value=0.6)]))
    both = settings(min_share_of_best=1.0)
    found = interpret(predicted, layout(LEFT, RIGHT), NO_SCALE, both)
    assert [lesion.bbox for lesion in found.lesions] == [(4, 4, 8, 8), (4, 20, 8, 24)]
    assert found.probability[5, 21] == np.float32(0.6)


def test_a_small_field_on_a_screen_is_judged_as_a_scan_of_its_own():
    """16 of 256 px are 6 % of the view, but 0.6 % of the frame."""
    one = settings(min_area_fraction=0.05)
    found = interpret(
        Predictions(square()[None]), layout((10, 20, 26, 36), shape=(50, 51)), NO_SCALE, one
    )
    (lesion,) = found.lesions
    assert lesion.bbox == (14, 24, 18, 28)
    assert not found.probability[:10].any()


@pytest.mark.parametrize(("left", "why"), [(3, ()), (4, ("lesion at the border",))])
def test_what_lies_outside_tissue_is_no_candidate_and_ends_it(left, why):
    """Tissue in columns 0 to 7: the surer square beside it is not the best component."""
    left_half = FieldShape(
        rows=np.array([[0] * SIZE, [SIZE] * SIZE]), columns=np.array([[0] * SIZE, [8] * SIZE])
    )
    frame = replace(one_view((SIZE, SIZE)), shapes=(left_half,))
    map_ = np.maximum(square(left=left), square(left=10, value=1.0))
    best = settings(min_share_of_best=1.0)
    found = interpret(Predictions(map_[None]), frame, NO_SCALE, best)
    assert [lesion.bbox for lesion in found.lesions] == [(4, left, 8, left + 4)]
    assert not found.probability[:, 8:].any()
    assert found.why_review == why


@pytest.mark.parametrize(
    ("source", "box"), [("header", (0, 8, 16, 24)), ("found", (0, 8 + UNCERTAIN, 12, 20))]
)
def test_the_border_of_a_found_view_gets_no_mask(source, box):
    """A map of lesion alone: no mask in the last pixels beside what was cut off at three sides."""
    view = FrameView(box=(0, 8, 16, 24), kind="tissue", source=source)
    frame = FrameLayout(shape=(20, 40), views=(view,))
    found = interpret(Predictions(square(0, 0, SIZE)[None]), frame, NO_SCALE, settings())
    assert [lesion.bbox for lesion in found.lesions] == [box]
    assert np.array_equal(found.probability > 0, found.mask)
    assert found.why_review == ("lesion at the border",)


def test_where_views_overlap_the_higher_probability_counts():
    predicted = Predictions(np.stack([square(value=0.6), square(left=0, value=0.8)]))
    found = interpret(predicted, layout(LEFT, (0, 4, SIZE, 20)), NO_SCALE, settings())
    assert found.probability[5, 5] == np.float32(0.8)
    assert [lesion.bbox for lesion in found.lesions] == [(4, 4, 8, 8)]


def test_a_lesion_is_measured_by_the_region_that_holds_it():
    regions = (
        Region(box=LEFT, spacing=Spacing(row_mm=0.1, column_mm=0.1), begins_at_skin=True),
        Region(box=RIGHT, spacing=Spacing(row_mm=0.2, column_mm=0.2), begins_at_skin=True),
    )
    predicted = Predictions(np.stack([square(), square()]))
    scale = Scale(origin="a test", regions=regions)
    found = interpret(predicted, layout(LEFT, RIGHT), scale, settings())
    # 16 px of 0.1 mm x 0.1 mm, and of 0.2 mm x 0.2 mm
    areas = [lesion.millimetres.area_mm2 for lesion in found.lesions]
    assert areas == pytest.approx([0.16, 0.64])


def test_lesions_that_meet_where_two_views_meet_are_two_each_of_its_own_scale():
    regions = tuple(
        Region(box=box, spacing=Spacing(row_mm=mm, column_mm=mm), begins_at_skin=True)
        for box, mm in ((LEFT, 0.1), (RIGHT, 0.2))
    )
    predicted = Predictions(np.stack([square(left=12), square(left=0, side=3)]))
    scale = Scale(origin="a test", regions=regions)
    found = interpret(predicted, layout(LEFT, RIGHT), scale, settings())
    assert [lesion.bbox for lesion in found.lesions] == [(4, 12, 8, 16), (4, 16, 7, 19)]
    areas = [lesion.millimetres.area_mm2 for lesion in found.lesions]
    assert areas == pytest.approx([0.16, 0.36])  # 16 px of 0.01 mm2, 9 px of 0.04 mm2


def test_classes_are_those_of_the_view_that_is_least_normal():
    classes = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]], np.float32)
    predicted = Predictions(np.stack([square(), square()]), classes)
    found = interpret(predicted, layout(LEFT, RIGHT), NO_SCALE, settings())
    assert found.class_probabilities.malignant == pytest.approx(0.7)


def test_classes_are_calibrated():
    classes = np.array([[0.8, 0.1, 0.1]], np.float32)
    found = interpret(
        Predictions(square()[None], classes),
        one_view((SIZE, SIZE)),
        NO_SCALE,
        settings(temperature=2.0),
    )
    # square roots of 0.8, 0.1, 0.1, made to sum to 1
    assert found.class_probabilities.normal == pytest.approx(0.5858, abs=1e-4)
    assert found.why_review == ("class uncertain",)


def test_confidence_is_that_of_the_least_certain_view():
    """With one weight on `empty` alone, an empty view has the logistic of 2, a full one of 0."""
    trust = ConfidenceSettings(weights=(2.0, *[0.0] * 7), bias=0.0, review_below=0.4)
    predicted = Predictions(np.stack([square() * 0, square()]))
    found = interpret(predicted, layout(LEFT, RIGHT), NO_SCALE, settings(trust))
    assert found.confidence == 0.5


@pytest.mark.parametrize(
    ("novel_from", "reasons"), [(9.0, ("unlike the training scans",)), (9.1, ())]
)
def test_one_view_unlike_the_training_scans_is_a_reason(novel_from, reasons):
    one = settings()
    tuned = replace(one.tuned, novel_from=novel_from)
    predicted = Predictions(np.stack([square(), square()]), novelty=np.array([3.0, 9.0]))
    found = interpret(predicted, layout(LEFT, RIGHT), NO_SCALE, replace(one, tuned=tuned))
    assert found.why_review == reasons


def test_reasons_follow_from_the_maps():
    two = np.maximum(square(0, 0), square(8, 8))  # one at the corner, one as good
    found = interpret(
        Predictions(two[None]),
        layout(LEFT, shape=(SIZE, SIZE), certain=False),
        NO_SCALE,
        settings(),
    )
    assert found.why_review == (
        "no certain ultrasound field",
        "several candidates",
        "lesion at the border",
    )


def test_a_weaker_component_is_no_candidate():
    """0.9 and 0.6 to the eighth power are 0.43 and 0.017: less than half."""
    two = np.maximum(square(2, 2), square(9, 9, value=0.6))
    found = interpret(Predictions(two[None]), one_view((SIZE, SIZE)), NO_SCALE, settings())
    assert len(found.lesions) == 2
    assert found.why_review == ()


@pytest.mark.parametrize("what", [{"classes": np.full((1, 3), np.nan)}, {"novelty": [np.nan]}])
def test_classes_and_distances_without_a_number_are_refused(what):
    predicted = Predictions(square()[None], **{k: np.array(v) for k, v in what.items()})
    with pytest.raises(InputError, match="holds NaN"):
        interpret(predicted, one_view((SIZE, SIZE)), NO_SCALE, settings())


def test_a_map_without_a_number_is_refused():
    with pytest.raises(InputError, match="holds NaN"):
        interpret(
            Predictions(square()[None] * np.nan), one_view((SIZE, SIZE)), NO_SCALE, settings()
        )
