"""Areas, confidence and probabilities against what is true."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from busicli.imaging.agreement import area_agreement, calibration, precision_recall

SCAN = np.full(4, 1000.0)


def test_areas_that_are_the_same_agree():
    areas = np.array([10.0, 20, 30, 40])
    found = area_agreement(areas, areas, SCAN)
    assert (found.bias, found.low, found.high) == (0, 0, 0)
    np.testing.assert_array_equal(found.mean_share, areas / 1000)


def test_limits_hold_two_standard_deviations_of_relative_differences():
    true, predicted = np.array([100.0, 100, 100, 0]), np.array([100.0, 300, 50, 7])
    found = area_agreement(predicted, true, SCAN)
    differences = np.array([0, 100, -100 * 50 / 75])  # the false mask has no true area
    np.testing.assert_allclose(found.difference, differences)
    assert found.bias == pytest.approx(differences.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * differences.std(ddof=1))


@pytest.mark.parametrize("scans", [0, 1])
def test_too_few_areas_have_no_limits(scans):
    found = area_agreement(np.ones(scans), np.ones(scans), np.ones(scans))
    assert found.difference.size == scans
    assert np.isnan([found.bias, found.low, found.high]).all()


def test_confidence_that_tells_the_share_is_calibrated():
    confidence = np.repeat([0.2, 0.8], 50)
    good = np.tile([True, False, False, False, False], 20)
    good[50:] = ~good[50:]
    found = calibration(confidence, good)
    assert found.error == pytest.approx(0)
    assert found.scans.tolist() == [10] * 10
    assert (found.low <= found.good).all()
    assert (found.good <= found.high).all()


def test_confidence_that_is_too_sure_is_reported_by_how_much():
    found = calibration(np.full(20, 0.9), np.arange(20) % 2 == 0)
    assert found.error == pytest.approx(0.4)


def test_no_mask_has_no_calibration():
    found = calibration(np.empty(0), np.empty(0, bool))
    assert found.scans.size == 0
    assert np.isnan(found.error)


def test_few_masks_share_a_bin():
    found = calibration(np.array([0.9, 0.1]), np.array([True, False]))
    np.testing.assert_array_equal(found.confidence, [0.5])
    np.testing.assert_array_equal(found.good, [0.5])
    assert calibration(np.linspace(0, 1, 29), np.ones(29, bool)).scans.tolist() == [15, 14]


def test_precision_and_recall_by_hand():
    maps = np.array([[[0.9, 0.6], [0.4, 0.1]]], np.float32)
    reference = np.array([[[True, False], [True, False]]])
    found = precision_recall(maps, reference)
    at = {t: int(np.searchsorted(found.threshold, t)) for t in (0.0, 0.5, 0.7, 0.95)}
    assert found.recall[at[0.0]] == 1
    assert found.precision[at[0.0]] == 0.5
    assert found.precision[at[0.5]] == 0.5
    assert found.recall[at[0.7]] == 0.5
    assert found.precision[at[0.7]] == 1
    assert np.isnan(found.precision[at[0.95]])
    # half of the lesion at a precision of 1, the other half at two thirds
    assert found.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_without_a_lesion_nothing_can_be_recalled():
    found = precision_recall(np.zeros((1, 2, 2)), np.zeros((1, 2, 2), bool))
    assert np.isnan(found.recall).all()
    assert np.isnan(found.average_precision)


@given(
    arrays(np.float32, (2, 4, 4), elements=st.floats(0, 1, width=32)),
    arrays(np.bool_, (2, 4, 4)),
)
def test_every_threshold_counts_what_lies_at_or_above_it(maps, references):
    found = precision_recall(maps, references)
    for at in (1, 250, 500, 999):
        called = maps * np.float32(1000) >= at
        hit = np.count_nonzero(called & references)
        if references.any():
            assert found.recall[at] == pytest.approx(hit / np.count_nonzero(references))
        if called.any():
            assert found.precision[at] == pytest.approx(hit / np.count_nonzero(called))
