from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from busicli.errors import InputError
from busicli.imaging.postprocess import lesion_mask, native_lesion_mask, presence
from busicli.settings import PostprocessSettings

KEEP_ALL = PostprocessSettings(min_area_fraction=0.0, max_hole_fraction=0.0)
FILL_ALL = PostprocessSettings(min_area_fraction=0.0)

maps = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]).map(np.float32),
)
settings_drawn = st.builds(
    PostprocessSettings,
    threshold=st.sampled_from([0.25, 0.5, 0.6]),
    min_presence=st.sampled_from([0.0, 0.5, 0.6, 1.0]),
    min_area_fraction=st.sampled_from([0.0, 0.1, 0.3]),
    min_share_of_best=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    max_hole_fraction=st.sampled_from([0.0, 0.05, 0.2, 1.0]),
)


def draw(*rows: str) -> NDArray[np.float32]:
    """A map from digits: tenths of probability, `.` for 0 and `#` for 1."""
    tenths = {".": 0.0, "#": 1.0} | {str(n): n / 10 for n in range(10)}
    return np.array([[tenths[c] for c in row] for row in rows], np.float32)


def as_text(mask: NDArray[np.bool_]) -> list[str]:
    return ["".join(".#"[int(pixel)] for pixel in row) for row in mask]


def test_threshold_itself_is_lesion():
    assert as_text(lesion_mask(draw("456."), KEEP_ALL)) == [".##."]


def test_threshold_itself_is_lesion_where_float32_cannot_hold_it():
    # 0.7 as float32 is 0.69999999, below 0.7 as float64.
    settings = PostprocessSettings(threshold=0.7, min_area_fraction=0.0)
    assert lesion_mask(np.full((1, 2), 0.7, np.float32), settings).all()


def test_a_map_below_the_threshold_gives_an_empty_mask_of_its_shape():
    mask = lesion_mask(np.full((3, 5), 0.4, np.float32), PostprocessSettings())
    assert mask.shape == (3, 5)
    assert mask.dtype == np.bool_
    assert not mask.any()


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 0)])
def test_a_map_without_pixels_gives_a_mask_without_pixels(shape):
    assert lesion_mask(np.zeros(shape, np.float32), PostprocessSettings()).shape == shape


def test_components_below_the_area_share_are_dropped():
    # 20 pixels, of which 0.15 are 3: the pair goes, the three stay.
    probability = draw("##...", ".....", "..###", ".....")
    settings = PostprocessSettings(min_area_fraction=0.15)
    assert as_text(lesion_mask(probability, settings)) == [".....", ".....", "..###", "....."]


def test_an_area_of_exactly_the_share_stays():
    # 0.07 of 100 pixels is 7, though 0.07 * 100 is 7.000000000000001 in floating point.
    probability = np.zeros((10, 10), np.float32)
    probability[4, 1:8] = 1
    assert lesion_mask(probability, PostprocessSettings(min_area_fraction=0.07)).sum() == 7


def test_pixels_that_meet_at_a_corner_are_one_component():
    # Two pixels of 12 are 0.167: together above 0.15, each alone below it.
    probability = draw("#...", ".#..", "....")
    settings = PostprocessSettings(min_area_fraction=0.15)
    assert lesion_mask(probability, settings).sum() == 2


def test_a_scan_is_without_lesion_where_no_cell_is_high_enough():
    # Cells are 2 x 2 pixels: one is 0.9 throughout, another has a lone pixel of 1.
    probability = np.zeros((64, 65), np.float32)
    probability[10:12, 20:22] = 0.9
    probability[40, 40] = 1
    assert presence(probability) == pytest.approx(0.9)
    keep = {"min_area_fraction": 0.0}
    kept = lesion_mask(probability, PostprocessSettings(min_presence=0.89, **keep))
    assert kept.sum() == 5
    assert not lesion_mask(probability, PostprocessSettings(min_presence=0.91, **keep)).any()


def test_a_map_without_pixels_shows_no_presence():
    assert presence(np.zeros((0, 4), np.float32)) == 0


@pytest.mark.parametrize(
    ("share", "kept"), [(0.0, "both"), (0.5, "both"), (0.51, "left"), (1.0, "left")]
)
def test_components_with_less_than_a_share_of_the_best_are_dropped(share, kept):
    # Both are sure; the right one has half the left one's area.
    probability = draw("####.##", ".......")
    settings = PostprocessSettings(min_area_fraction=0.0, min_share_of_best=share)
    right = "##" if kept == "both" else ".."
    assert as_text(lesion_mask(probability, settings)) == [f"####.{right}", "......."]


def test_a_sure_component_is_better_than_a_larger_unsure_one():
    probability = draw("##.6666", "##.6666")
    settings = PostprocessSettings(min_area_fraction=0.0, min_share_of_best=1)
    assert as_text(lesion_mask(probability, settings)) == ["##.....", "##....."]


def test_of_equally_good_components_all_stay():
    settings = PostprocessSettings(min_area_fraction=0.0, min_share_of_best=1)
    assert as_text(lesion_mask(draw("##.##"), settings)) == ["##.##"]


def test_the_best_is_the_best_of_those_that_stay():
    # The speck is surest, but too small.
    probability = draw("#.666.66", "..666...")
    settings = PostprocessSettings(min_area_fraction=0.1, min_share_of_best=0.5)
    assert as_text(lesion_mask(probability, settings)) == ["..###...", "..###..."]


def test_area_is_counted_before_holes_are_filled():
    # The ring has 8 of 24 pixels, 0.33; filled it would have 9, 0.375.
    ring = draw("###...", "#.#...", "###...", "......")
    assert not lesion_mask(ring, PostprocessSettings(min_area_fraction=0.35)).any()


HOLES = draw(
    "####..####",
    "#.##..#..#",
    "####..#..#",
    "......####",
)


def test_all_holes_are_filled_by_default():
    expected = ["####..####"] * 3 + ["......####"]
    assert as_text(lesion_mask(HOLES, FILL_ALL)) == expected


def test_a_hole_fraction_of_zero_fills_none():
    assert lesion_mask(HOLES, KEEP_ALL).sum() == (HOLES == 1).sum()


@pytest.mark.parametrize(
    ("fraction", "filled"),
    [(0.024, 0), (0.025, 1), (0.099, 1), (0.1, 5)],
)
def test_holes_up_to_the_share_of_the_whole_map_are_filled(fraction, filled):
    # Of 40 pixels the left hole's one is 0.025, the right hole's four are 0.1.
    settings = PostprocessSettings(min_area_fraction=0.0, max_hole_fraction=fraction)
    assert lesion_mask(HOLES, settings).sum() - (HOLES == 1).sum() == filled


def test_background_that_reaches_the_border_is_no_hole():
    bay = draw("#.#", "#.#", "###")
    corner = draw(".##", "###", "###")
    assert as_text(lesion_mask(bay, FILL_ALL)) == ["#.#", "#.#", "###"]
    assert as_text(lesion_mask(corner, FILL_ALL)) == [".##", "###", "###"]


def test_a_bay_that_reaches_the_border_far_away_is_no_hole():
    probability = np.zeros((20, 30), np.float32)
    probability[5:8, 10:13] = draw("#.#", "#.#", "###")
    assert lesion_mask(probability, FILL_ALL).sum() == 7


def test_a_ring_of_corners_encloses_its_hole():
    # The contour is 8-connected, so background passes through sides only.
    assert as_text(lesion_mask(draw(".#.", "#.#", ".#."), FILL_ALL)) == [".#.", "###", ".#."]


def test_a_speck_inside_a_hole_is_filled_with_it():
    # The hole is 9 of 35 pixels (0.257) once the speck is dropped; with it, 8 (0.229).
    speck = draw("#####..", "#...#..", "#.#.#..", "#...#..", "#####..")
    keep = {"min_area_fraction": 0.1}
    filled = lesion_mask(speck, PostprocessSettings(max_hole_fraction=0.26, **keep))
    left = lesion_mask(speck, PostprocessSettings(max_hole_fraction=0.25, **keep))
    assert filled.sum() == 25
    assert left.sum() == 16


def test_nan_is_refused():
    probability = np.zeros((4, 6), np.float32)
    probability[3, 5] = np.nan
    with pytest.raises(InputError, match="NaN"):
        lesion_mask(probability, PostprocessSettings())


@pytest.mark.parametrize("shape", [(4,), (1, 4, 4)])
def test_anything_but_two_dimensions_is_refused_by_its_shape(shape):
    with pytest.raises(InputError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
        lesion_mask(np.zeros(shape, np.float32), PostprocessSettings())


@given(maps, settings_drawn)
def test_the_map_is_not_changed(probability, settings):
    before = probability.copy()
    lesion_mask(probability, settings)
    np.testing.assert_array_equal(probability, before)


@given(maps, settings_drawn)
def test_a_mask_taken_for_a_map_gives_itself(probability, settings):
    # But for the share of the best: filled holes make a component better.
    settings = replace(settings, min_share_of_best=0)
    mask = lesion_mask(probability, settings)
    np.testing.assert_array_equal(lesion_mask(mask.astype(np.float32), settings), mask)


@given(maps, settings_drawn)
def test_the_result_is_that_of_looking_at_each_component(probability, settings):
    present = probability.max() >= settings.min_presence  # cells of small maps are pixels
    lesion = (probability >= settings.threshold) & present
    components, count = ndimage.label(lesion, np.ones((3, 3)))
    scores = {}
    for number in range(1, count + 1):
        component = components == number
        large = component.sum() / component.size >= settings.min_area_fraction
        inside = probability[component]
        if large:
            scores[number] = component.sum() * inside.mean(dtype=np.float64) ** 8
    least = settings.min_share_of_best * max(scores.values(), default=0)
    expected = np.isin(components, [n for n, score in scores.items() if score >= least])
    holes, count = ndimage.label(ndimage.binary_fill_holes(expected) & ~expected)
    for number in range(1, count + 1):
        hole = holes == number
        if hole.sum() / hole.size <= settings.max_hole_fraction:
            expected |= hole
    np.testing.assert_array_equal(lesion_mask(probability, settings), expected)


@given(maps, st.integers(0, 3), st.integers(0, 3))
def test_lesions_stay_lesions_wherever_they_lie(probability, down, right):
    framed = np.pad(probability, 1)
    moved = lesion_mask(np.pad(framed, ((down, 0), (right, 0))), FILL_ALL)
    assert moved.sum() == moved[down:, right:].sum()
    np.testing.assert_array_equal(moved[down:, right:], lesion_mask(framed, FILL_ALL))


def test_the_map_at_the_networks_size_decides_whether_there_is_a_lesion():
    large, small = np.full((4, 4), 0.8, np.float32), np.full((2, 2), 0.6, np.float32)
    settings = PostprocessSettings(min_presence=0.7)
    assert not native_lesion_mask(large, small, settings).any()
    assert native_lesion_mask(small, large, settings).all()
