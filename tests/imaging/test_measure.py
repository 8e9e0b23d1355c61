import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label, regionprops

from busicli.errors import InputError
from busicli.imaging.measure import component, lesions
from busicli.types import Lesion
from tests.made_images import draw

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
PIXEL_AXIS = 4 / math.sqrt(12)  # 1.1547: full axis of the ellipse with a unit square's moments


def measured(mask: NDArray[np.bool_]) -> tuple[Lesion, ...]:
    return lesions(mask, np.ones(mask.shape, np.float32))


def only(*rows: str) -> Lesion:
    (found,) = measured(draw(*rows))
    return found


def ellipse(long: float, short: float, angle_deg: float, size: int = 101) -> NDArray[np.bool_]:
    """An ellipse of these semi-axes whose long axis rises to the right by the angle."""
    rows, columns = np.mgrid[:size, :size] - size // 2
    angle = math.radians(angle_deg)
    along = columns * math.cos(angle) - rows * math.sin(angle)  # rows point down
    across = columns * math.sin(angle) + rows * math.cos(angle)
    return np.asarray((along / long) ** 2 + (across / short) ** 2 <= 1)


@pytest.mark.parametrize("shape", [(4, 6), (0, 0), (0, 5)])
def test_an_empty_mask_has_no_lesions(shape):
    assert measured(np.zeros(shape, bool)) == ()


def test_lesions_are_numbered_largest_first():
    found = measured(draw("#....", "...##", "#..##", "#...."))
    assert [(lesion.lesion, lesion.area_px) for lesion in found] == [(1, 4), (2, 2), (3, 1)]


def test_lesions_of_one_area_go_by_their_boxes():
    # Both have 9 pixels. Read by rows the block comes first; the hook's box starts further left.
    found = measured(draw("..###.#", "..###.#", "..###.#", "......#", ".#####."))
    assert [lesion.bbox for lesion in found] == [(0, 1, 5, 7), (0, 2, 3, 5)]


def test_box_and_centroid_are_rows_first():
    lesion = only(".....", "..##.", "..##.", "..##.")
    assert lesion.bbox == (1, 2, 4, 4)
    assert lesion.centroid == (2.0, 2.5)


def test_pixels_that_meet_at_a_corner_are_one_lesion():
    assert only("#..", ".#.").area_px == 2


def test_axes_of_a_bar_count_pixels_as_squares():
    # Moments of a 3 x 1 rectangle: 3^2 / 12 and 1 / 12; full axes 4 sqrt of them.
    lesion = only(".....", ".###.", ".....")
    assert lesion.long_axis_px == pytest.approx(3 * PIXEL_AXIS)
    assert lesion.short_axis_px == pytest.approx(PIXEL_AXIS)


def test_axes_of_an_ellipse_are_its_diameters():
    (lesion,) = measured(ellipse(40, 20, 30))
    assert lesion.long_axis_px == pytest.approx(80, rel=0.01)
    assert lesion.short_axis_px == pytest.approx(40, rel=0.01)


@pytest.mark.parametrize(
    ("rows", "angle"),
    [
        ((".....", ".###.", "....."), 0.0),
        (("...", ".#.", ".#.", "..."), 90.0),
        (("..#", ".#.", "#.."), 45.0),
        (("#..", ".#.", "..#"), -45.0),
        # Moments of (0, 2), (0, 3), (1, 0), (1, 1) as x, y up: xx 5/4, yy 1/4, xy 1/2;
        # tan(2 angle) = 2 xy / (xx - yy) = 1.
        (("..##", "##.."), 22.5),
        (("##..", "..##"), -22.5),
        # The same image turned: the angle to the vertical is what it was to the horizontal.
        ((".#", ".#", "#.", "#."), 67.5),
        (("#.", "#.", ".#", ".#"), -67.5),
    ],
)
def test_orientation_is_positive_where_the_long_axis_rises_to_the_right(rows, angle):
    assert only(*rows).orientation_deg == pytest.approx(angle, abs=1e-6)


@pytest.mark.parametrize("angle", [-75, -30, -10, 10, 30, 75])
def test_orientation_of_an_ellipse_is_its_angle(angle):
    (lesion,) = measured(ellipse(40, 20, angle))
    assert lesion.orientation_deg == pytest.approx(angle, abs=0.5)


@pytest.mark.parametrize(
    "rows", [("#",), ("##", "##"), (".#.", "###", ".#."), ("####", "#..#", "#..#", "####")]
)
def test_a_shape_without_a_long_axis_has_orientation_zero(rows):
    assert only(*rows).orientation_deg == 0.0


def test_one_pixel_has_finite_measures_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lesion = only("...", ".#.", "...")
    assert (lesion.long_axis_px, lesion.short_axis_px) == pytest.approx((PIXEL_AXIS, PIXEL_AXIS))
    assert (lesion.circularity, lesion.solidity, lesion.area_px) == (1.0, 1.0, 1)


def test_a_disc_is_rounder_than_a_square_and_a_square_than_a_bar():
    (disc,) = measured(ellipse(20, 20, 0))
    (square,) = measured(np.pad(np.ones((40, 40), bool), 2))
    (bar,) = measured(np.pad(np.ones((5, 40), bool), 2))
    assert 0.94 < disc.circularity <= 1
    assert 0.86 < square.circularity < 0.90
    # 4 pi 200 / 90^2 = 0.31 for the true rectangle
    assert bar.circularity == pytest.approx(0.31, abs=0.05)


def test_circularity_of_an_ellipse_is_that_of_its_true_contour():
    # Semi-axes 40 and 20: area 800 pi, perimeter 193.77 (Ramanujan), so 4 pi A / P^2 = 0.841.
    (lesion,) = measured(ellipse(40, 20, 30))
    assert lesion.circularity == pytest.approx(0.841, abs=0.01)


def test_a_line_is_not_round():
    # A 5 x 1 rectangle has 4 pi 5 / 12^2 = 0.44; Crofton's estimate for so few pixels is 0.60.
    assert only("#####").circularity == pytest.approx(0.6, abs=0.01)


def test_solidity_is_the_share_of_the_hull():
    # The hull closes the 3 x 3 notch along its diagonal, which keeps 3 of the notch's pixels
    # below and left of the line from (0, 1) to (3, 4).
    lesion = only("##...", "##...", "##...", "#####", "#####")
    assert lesion.area_px == 16
    assert lesion.solidity == pytest.approx(16 / 19)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("smoothness", [0, 1, 4, 12])
def test_the_hull_has_the_pixels_that_scikit_images_has(seed, smoothness):
    noise = np.random.default_rng(seed).normal(size=(90, 110))
    mask = ndimage.gaussian_filter(noise, smoothness) > 0
    regions = sorted(regionprops(label(mask)), key=lambda region: (-region.area, region.bbox))
    assert [lesion.area_px / lesion.solidity for lesion in measured(mask)] == pytest.approx(
        [region.area_convex for region in regions]
    )


def test_a_convex_shape_has_solidity_one():
    assert only("....", ".##.", ".##.").solidity == 1.0


def test_mean_probability_is_over_the_lesion_alone():
    # (0.5 + 1 + 0.75) / 3; the 0.9 lies in the lesion's box but not in the lesion.
    mask = draw("##..", "#...", "...#")
    probability = np.array(
        [[0.5, 1.0, 0.0, 0.0], [0.75, 0.9, 0.0, 0.0], [0.0, 0.0, 0.0, 0.25]], np.float32
    )
    assert [found.mean_probability for found in lesions(mask, probability)] == [0.75, 0.25]


@pytest.mark.parametrize(
    ("rows", "touches"),
    [
        (("....", ".##.", "...."), False),
        ((".#..", "....", "...."), True),
        (("....", "....", ".#.."), True),
        (("....", "#...", "...."), True),
        (("....", "...#", "...."), True),
    ],
)
def test_a_lesion_touches_the_border_on_any_side(rows, touches):
    assert only(*rows).touches_border is touches


def test_differing_shapes_are_refused_by_name():
    with pytest.raises(InputError, match=r"\(2, 3\).*\(3, 2\)"):
        lesions(np.zeros((2, 3), bool), np.zeros((3, 2), np.float32))


@given(masks)
def test_every_measure_is_finite_in_range_and_without_warning(mask):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measured(mask)
    assert sum(lesion.area_px for lesion in found) == mask.sum()
    for lesion in found:
        assert 0 < lesion.circularity <= 1
        assert 0 < lesion.solidity <= 1
        assert 1.15 < lesion.short_axis_px <= lesion.long_axis_px
        assert -90 < lesion.orientation_deg <= 90


@given(masks)
def test_numbers_count_up_from_one_by_falling_area_then_box(mask):
    found = measured(mask)
    assert [lesion.lesion for lesion in found] == list(range(1, len(found) + 1))
    keys = [(-lesion.area_px, lesion.bbox) for lesion in found]
    assert keys == sorted(set(keys))


@given(masks)
def test_a_mirrored_mask_has_the_opposite_orientation(mask):
    def angles(image: NDArray[np.bool_], sign: int) -> list[float]:
        turned = (sign * lesion.orientation_deg for lesion in measured(image))
        return sorted(90.0 if angle == -90 else angle for angle in turned)

    assert angles(mask[:, ::-1], -1) == pytest.approx(angles(mask, 1), abs=1e-5)


@given(masks, st.integers(0, 4), st.integers(0, 4))
def test_moving_a_mask_moves_its_lesions_and_changes_nothing_else(mask, down, right):
    framed = np.pad(mask, 1)
    here, there = measured(framed), measured(np.pad(framed, ((down, 0), (right, 0))))
    for before, after in zip(here, there, strict=True):
        moved = (before.centroid[0] + down, before.centroid[1] + right)
        assert after.centroid == pytest.approx(moved)
        assert after.bbox[:2] == (before.bbox[0] + down, before.bbox[1] + right)
        assert after.long_axis_px == pytest.approx(before.long_axis_px)
        assert after.circularity == before.circularity
        assert after.solidity == before.solidity


def test_a_lesion_inside_anothers_box_is_not_taken_for_it_though_as_large():
    mask = np.zeros((8, 8), bool)
    mask[7], mask[:, 7] = True, True  # 15 px, and its box is the whole
    mask[:3, :5] = True  # 15 px too
    for lesion in lesions(mask, mask.astype(np.float32)):
        alone = component(mask, lesion)
        assert alone.sum() == 15
        assert alone[7, 7] == (lesion.bbox == (0, 0, 8, 8))
