import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from busicli.errors import InputError
from busicli.imaging.metrics import (
    dice,
    hd95,
    image_score,
    iou,
    is_good,
    lesion_coverage,
    roc_auc,
)
from tests.made_images import draw

EMPTY = np.zeros((2, 4), bool)


def missed_lesions(predicted, reference) -> tuple[int, int]:
    """How many lesions the reference holds, and how many of them are missed."""
    names = {"case": "a", "dataset": "BUSI", "label": "benign", "group": 0}
    score = image_score(predicted, reference, **names)
    return score.lesions, score.missed_lesions


@st.composite
def mask_pairs(drawn):
    shape = drawn(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7))
    return drawn(hnp.arrays(bool, shape)), drawn(hnp.arrays(bool, shape))


def test_dice_and_iou_of_a_shift_by_one():
    left, shifted = draw("##.."), draw(".##.")
    assert dice(left, shifted) == 0.5  # 2 * 1 / (2 + 2)
    assert iou(left, shifted) == pytest.approx(1 / 3)  # 1 of 3


def test_overlap_of_a_part_with_the_whole():
    part, whole = draw("#...", "...."), draw("##..", "#...")
    assert dice(part, whole) == 0.5  # 2 * 1 / (1 + 3)
    assert iou(part, whole) == pytest.approx(1 / 3)


def test_overlap_of_two_empty_masks_is_undefined():
    assert math.isnan(dice(EMPTY, EMPTY))
    assert math.isnan(iou(EMPTY, EMPTY))


def test_overlap_of_an_empty_mask_with_a_lesion_is_zero():
    lesion = draw(".##.", "....")
    assert (dice(EMPTY, lesion), iou(EMPTY, lesion)) == (0.0, 0.0)
    assert (dice(lesion, EMPTY), iou(lesion, EMPTY)) == (0.0, 0.0)


@given(mask_pairs())
def test_dice_and_iou_do_not_depend_on_the_order(pair):
    a, b = pair
    assert dice(a, b) == pytest.approx(dice(b, a), nan_ok=True)
    assert iou(a, b) == pytest.approx(iou(b, a), nan_ok=True)


@given(mask_pairs())
def test_dice_follows_from_iou(pair):
    overlap = iou(*pair)
    assert dice(*pair) == pytest.approx(2 * overlap / (1 + overlap), nan_ok=True)


@pytest.mark.parametrize("score", [dice, iou, hd95, lesion_coverage])
def test_differing_shapes_are_refused_by_name(score):
    with pytest.raises(InputError, match=r"\(2, 4\).*\(4, 2\)"):
        score(EMPTY, EMPTY.T)


@pytest.mark.parametrize("score", [dice, iou, hd95, lesion_coverage])
def test_masks_of_bytes_are_refused(score):
    with pytest.raises(InputError, match="prediction is uint8"):
        score(EMPTY.astype(np.uint8), EMPTY)
    with pytest.raises(InputError, match="reference is uint8"):
        score(EMPTY, EMPTY.astype(np.uint8))


def test_hd95_of_two_pixels_is_their_distance():
    a, b = draw("#....", ".....", "....."), draw(".....", ".....", "....#")
    assert hd95(a, b) == pytest.approx(math.sqrt(2**2 + 4**2))


def test_hd95_counts_rows_and_columns_by_their_own_spacing():
    a, b = draw("#....", ".....", "....."), draw(".....", ".....", "....#")
    assert hd95(a, b, spacing=(3.0, 0.5)) == pytest.approx(math.sqrt(6**2 + 2**2))
    assert hd95(a, b, spacing=(0.5, 3.0)) == pytest.approx(math.sqrt(1**2 + 12**2))


def test_hd95_is_the_worse_direction_not_the_pool():
    # From the pixel to the bar all is 0. From the bar's pixels: 0, 1, 2, 3, 4, whose 95th
    # percentile lies at rank 0.95 * 4 = 3.8. Pooled, 0, 0, 1, 2, 3, 4 would give 3.75.
    pixel, bar = draw("#...."), draw("#####")
    assert hd95(pixel, bar) == pytest.approx(3.8)
    assert hd95(bar, pixel) == pytest.approx(3.8)


def test_hd95_lets_a_twentieth_of_the_border_be_anywhere():
    # 41 pixels, one of which lies 51 px from the rest: of ranks 0 to 40 the 38th is still 0.
    a = np.zeros((1, 100), bool)
    a[0, :40] = True
    b = a.copy()
    b[0, 90] = True
    assert hd95(a, b) == 0.0


def test_hd95_looks_at_borders_alone():
    # The block's border is its outermost 16 pixels, which are all of the ring: its centre is not
    # compared with the ring, from which it is 2 away.
    block = np.ones((5, 5), bool)
    ring = draw("#####", "#...#", "#...#", "#...#", "#####")
    assert hd95(block, ring) == 0.0


def test_outside_the_image_is_outside_the_mask():
    # A full 5 x 5 image's border are its outermost pixels. The centre pixel is 2 from the
    # middles of the sides and 2.83 from the corners: 4 of 16, so the 95th percentile is a corner.
    full, centre = np.ones((5, 5), bool), np.zeros((5, 5), bool)
    centre[2, 2] = True
    assert hd95(full, centre) == pytest.approx(math.sqrt(8))


def test_hd95_without_a_lesion_on_both_sides_is_undefined():
    lesion = draw(".##.", "....")
    assert math.isnan(hd95(EMPTY, EMPTY))
    assert math.isnan(hd95(EMPTY, lesion))
    assert math.isnan(hd95(lesion, EMPTY))


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (1.0, -1.0), (math.nan, 1.0), (1.0, math.inf)])
def test_a_spacing_that_is_no_distance_is_refused(spacing):
    with pytest.raises(InputError, match="spacing"):
        hd95(EMPTY, EMPTY, spacing=spacing)


def border_by_hand(mask):
    padded = np.pad(mask, 1)
    sides = [(0, 1), (2, 1), (1, 0), (1, 2)]
    return [(r, c) for r, c in np.argwhere(mask) if not all(padded[r + i, c + j] for i, j in sides)]


def hd95_by_hand(a, b, spacing):
    def directed(here, there):
        def gap(p, q):
            return math.hypot((p[0] - q[0]) * spacing[0], (p[1] - q[1]) * spacing[1])

        nearest = sorted(min(gap(p, q) for q in there) for p in here)
        rank = 0.95 * (len(nearest) - 1)
        low = math.floor(rank)
        high = min(low + 1, len(nearest) - 1)
        return nearest[low] + (rank - low) * (nearest[high] - nearest[low])

    first, second = border_by_hand(a), border_by_hand(b)
    return max(directed(first, second), directed(second, first))


@given(mask_pairs(), st.sampled_from([(1.0, 1.0), (0.5, 2.0), (3.0, 0.1)]))
def test_hd95_is_what_comparing_all_border_pixels_gives(pair, spacing):
    a, b = pair
    assume(a.any() and b.any())
    assert hd95(a, b, spacing) == pytest.approx(hd95_by_hand(a, b, spacing))


@given(mask_pairs())
def test_hd95_does_not_depend_on_the_order(pair):
    a, b = pair
    assert hd95(a, b) == pytest.approx(hd95(b, a), nan_ok=True)


@given(mask_pairs(), st.integers(0, 5), st.integers(0, 5))
def test_moving_both_masks_changes_no_score(pair, down, right):
    a, b = pair
    room = ((down, 5 - down), (right, 5 - right))
    moved_a, moved_b = np.pad(a, room), np.pad(b, room)
    assert hd95(moved_a, moved_b) == pytest.approx(hd95(a, b), nan_ok=True)
    assert dice(moved_a, moved_b) == pytest.approx(dice(a, b), nan_ok=True)
    assert missed_lesions(moved_a, moved_b) == missed_lesions(a, b)


@given(mask_pairs())
def test_a_mask_is_at_no_distance_from_itself(pair):
    mask, _ = pair
    assume(mask.any())
    assert hd95(mask, mask) == 0.0
    assert dice(mask, mask) == 1.0


def test_a_lesion_is_missed_below_a_tenth_and_found_at_a_tenth():
    # Lesions of 10 and 11 pixels, each covered by one: 1/10 is found, 1/11 missed.
    reference = draw("##########.", "...........", "###########")
    predicted = draw("#..........", "...........", "#..........")
    assert missed_lesions(predicted, reference) == (2, 1)


def test_reference_lesions_that_meet_at_a_corner_are_one():
    assert missed_lesions(draw("....", "...."), draw("#...", ".#..")) == (1, 1)


def test_an_empty_reference_misses_nothing():
    assert missed_lesions(draw(".##.", "...."), EMPTY) == (0, 0)
    assert missed_lesions(EMPTY, EMPTY) == (0, 0)


@given(mask_pairs())
def test_nothing_is_missed_by_the_reference_and_all_by_an_empty_mask(pair):
    _, reference = pair
    count, missed = missed_lesions(reference, reference)
    assert missed == 0
    assert missed_lesions(np.zeros_like(reference), reference) == (count, count)


def test_image_score_holds_every_score_of_the_pair():
    predicted = draw("##...", ".....")
    reference = draw(".##..", "....#")
    score = image_score(predicted, reference, case="b (1)", dataset="BUSI", label="benign", group=7)
    assert (score.case, score.dataset, score.label) == ("b (1)", "BUSI", "benign")
    assert (score.group, score.scan_px) == (7, 10)
    assert score.dice == pytest.approx(2 / 5)  # 2 * 1 / (2 + 3)
    assert score.iou == 0.25  # 1 of 4
    # Reference to prediction: 0, 1 and from (1, 4) to (0, 1) sqrt(10) = 3.162; rank 1.9 of 0..2.
    assert score.hd95_px == pytest.approx(1 + 0.9 * (math.sqrt(10) - 1))
    assert (score.lesions, score.missed_lesions) == (2, 1)
    assert (score.reference_area_px, score.predicted_area_px) == (3, 2)


def test_a_speck_of_the_reference_is_no_lesion_that_a_mask_could_miss():
    reference = np.zeros((100, 201), bool)
    reference[10:30, 10:30] = True
    predicted = reference.copy()
    reference[50, 50:52] = True  # 2 of 20,100 pixels: 0.00995 %
    reference[80, 80:83] = True  # 3 of them: 0.0149 %
    score = image_score(predicted, reference, case="b", dataset="BUSI", label="benign", group=0)
    assert (score.lesions, score.missed_lesions, score.specks) == (2, 1, 1)
    assert score.missed_lesions_px == (3,)
    assert score.reference_area_px == 405  # Dice still sees every pixel


def test_the_largest_part_of_a_reference_is_a_lesion_however_small():
    reference = np.zeros((200, 200), bool)
    reference[50, 50] = True
    score = image_score(
        np.zeros_like(reference), reference, case="b", dataset="BUSI", label="benign", group=0
    )
    assert (score.lesions, score.missed_lesions, score.specks) == (1, 1, 0)


def test_image_score_of_a_normal_scan_without_a_mask():
    score = image_score(EMPTY, EMPTY, case="n", dataset="BUSI", label="normal", group=0)
    assert all(math.isnan(value) for value in (score.dice, score.iou, score.hd95_px))
    assert (score.lesions, score.missed_lesions, score.predicted_area_px) == (0, 0, 0)
    assert math.isnan(score.confidence)


@pytest.mark.parametrize(
    ("dice", "good"), [(0.7, True), (0.699, False), (0.0, False), (math.nan, True)]
)
def test_a_mask_is_good_from_seven_tenths_on_or_where_rightly_empty(dice, good):
    assert is_good(dice) is good


def test_roc_auc_is_the_share_of_pairs_ordered_map():
    values = np.array([0.1, 0.35, 0.4, 0.8])
    assert roc_auc(values, np.array([False, True, False, True])) == 0.75  # 3 of 4 pairs
    assert roc_auc(values, values > 0.35) == 1.0
    assert roc_auc(np.zeros(4), values > 0.35) == 0.5  # ties count half


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_roc_auc_needs_both_kinds(positive):
    assert math.isnan(roc_auc(np.array([0.1, 0.2]), np.array(positive)))
