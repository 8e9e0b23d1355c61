import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from busicli.errors import InputError
from busicli.imaging.metrics import (
    PixelCounts,
    dice,
    pixel_counts,
    pooled_scores,
)


@st.composite
def maps_and_references(drawn):
    shape = (drawn(st.integers(2, 4)), 2, 3)
    eighths = st.integers(0, 8).map(lambda n: n / 8)  # sums of eighths are exact
    return drawn(hnp.arrays(np.float64, shape, elements=eighths)), drawn(hnp.arrays(bool, shape))


def test_pixel_counts_of_four_pixels():
    probability = np.array([[[0.75, 0.5], [0.25, 0.0]]], np.float32)
    reference = np.array([[[True, False], [True, False]]])
    assert pixel_counts(probability, reference) == PixelCounts(
        true_positive=1.0,
        false_positive=1.0,  # 0.5 is at the threshold
        false_negative=1.0,
        true_negative=1.0,
        soft_intersection=1.0,  # 0.75 + 0.25
        soft_sum=3.5,  # 1.5 + 2
    )


def test_pixel_counts_take_their_threshold():
    probability = np.array([[[0.75, 0.5]]], np.float32)
    counts = pixel_counts(probability, np.ones((1, 1, 2), bool), threshold=0.6)
    assert (counts.true_positive, counts.false_negative) == (1.0, 1.0)


def test_pixel_counts_without_scans_are_zero():
    assert pixel_counts(np.zeros((0, 2, 3)), np.zeros((0, 2, 3), bool)) == PixelCounts()


def test_soft_sums_do_not_lose_pixels_to_single_precision():
    # A running float32 sum of ones stops at 2^24 = 16,777,216; half sums of 0.1 drift.
    probability = np.full((3, 1000, 1000), 0.1, np.float32)
    counts = pixel_counts(probability, np.ones(probability.shape, bool))
    assert counts.soft_intersection == pytest.approx(3e6 * float(np.float32(0.1)), rel=1e-12)


def test_pixel_counts_refuse_nan_and_differing_shapes():
    with pytest.raises(InputError, match="NaN"):
        pixel_counts(np.array([[[np.nan, 0.5]]]), np.zeros((1, 1, 2), bool))
    with pytest.raises(InputError, match=r"\(1, 2, 3\).*\(1, 3, 2\)"):
        pixel_counts(np.zeros((1, 2, 3)), np.zeros((1, 3, 2), bool))


def test_pooled_scores_worked_by_hand():
    counts = PixelCounts(
        true_positive=3.0,
        false_positive=1.0,
        false_negative=2.0,
        true_negative=4.0,
        soft_intersection=2.5,
        soft_sum=9.0,
    )
    assert pooled_scores(counts) == pytest.approx(
        {
            "Loss": 0.4,
            "Dice_coef": 0.6,  # (2 * 2.5 + 1) / (9 + 1)
            "Recall": 0.6,  # 3 of 5
            "Precision": 0.75,  # 3 of 4
            "Accuracy": 0.7,  # 7 of 10
            "F1_score": 6 / 9,  # 2 * 3 / (2 * 3 + 1 + 2)
        }
    )


def test_pooled_scores_stand_in_the_literatures_order():
    keys = ["Loss", "Dice_coef", "Recall", "Precision", "Accuracy", "F1_score"]
    assert list(pooled_scores(PixelCounts())) == keys


def test_pooled_scores_are_undefined_where_nothing_is_counted():
    assert all(math.isnan(value) for value in pooled_scores(PixelCounts()).values())


def test_pooled_scores_of_normal_scans_without_a_mask():
    scores = pooled_scores(PixelCounts(true_negative=6.0))
    assert (scores["Accuracy"], scores["Dice_coef"], scores["Loss"]) == (1.0, 1.0, 0.0)
    assert all(math.isnan(scores[name]) for name in ("Recall", "Precision", "F1_score"))


@given(maps_and_references())
def test_f1_is_dice_of_all_thresholded_pixels(pair):
    probability, reference = pair
    predicted = probability >= 0.5
    flat = dice(predicted.reshape(-1, 3), reference.reshape(-1, 3))
    f1 = pooled_scores(pixel_counts(probability, reference))["F1_score"]
    assert f1 == pytest.approx(flat, nan_ok=True)
