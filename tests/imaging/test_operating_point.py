"""The operating point on presence."""

import numpy as np
import pytest

from busicli.errors import InputError
from busicli.imaging.operating_point import (
    false_mask_share,
    min_presence_for,
    missed_share,
    trade_off,
)


def test_the_threshold_lies_just_above_the_conformal_rank():
    scores = np.linspace(0.1, 0.9, 9)  # k = ceil(10 x 0.9) = 9: the largest
    threshold = min_presence_for(0.1, scores)
    assert 0.9 < threshold < 0.9001
    assert min_presence_for(0.2, scores) == pytest.approx(0.8)  # k = 8


def test_what_few_normal_scans_cannot_support_is_refused_with_the_smallest_share():
    with pytest.raises(InputError, match=r"9 normal scans; the smallest .* is 0\.1000"):
        min_presence_for(0.05, np.linspace(0.1, 0.9, 9))
    with pytest.raises(InputError, match="no scores of normal scans"):
        min_presence_for(0.5, np.zeros(0))


def test_the_smallest_share_that_is_named_is_supported():
    for count in (9, 12, 29, 76, 91, 99):
        scores = np.linspace(0, 0.9, count)
        with pytest.raises(InputError) as refused:
            min_presence_for(0.001, scores)
        named = float(str(refused.value).rstrip(".").rpartition(" ")[2])
        assert min_presence_for(named, scores) > 0.9


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(InputError, match="between 0 and 1"):
        min_presence_for(share, np.linspace(0, 0.9, 99))


def test_no_threshold_is_above_a_presence_of_1():
    with pytest.raises(InputError, match="presence of 1"):
        min_presence_for(0.1, np.ones(99))


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_the_rate_holds_on_the_other_half_of_200_random_halves(share):
    rng = np.random.default_rng(0)
    scores = rng.beta(0.5, 2.0, 98)
    rates, binomial = [], []
    for _ in range(200):
        order = rng.permutation(98)
        here, there = scores[order[:49]], scores[order[49:]]
        rates.append(false_mask_share(min_presence_for(share, here), there))
        # calibration and test halves both vary: twice the variance of a proportion of 49
        binomial.append(rates[-1] <= share + 1.645 * np.sqrt(2 * share * (1 - share) / 49))
    assert np.mean(rates) <= share + 0.01
    assert np.mean(binomial) >= 0.9


def test_a_trade_off_runs_from_no_threshold_to_one_above_every_normal_scan():
    normal, lesion = np.array([0.2, 0.6]), np.array([0.1, 0.5, 0.7, 0.9])
    points = trade_off(normal, lesion)
    assert [point.false_masks for point in points] == [1.0, 0.5, 0.0]
    assert [point.missed for point in points] == [0.0, 0.25, 0.5]


def test_without_scores_a_share_is_undefined():
    assert np.isnan(missed_share(0.5, np.zeros(0)))
    assert len(trade_off(np.zeros(0), np.array([0.5]))) == 1
