import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busicli.errors import InputError
from busicli.imaging import bootstrap
from busicli.imaging.bootstrap import (
    auc_interval,
    mean_interval,
    paired_difference,
    ratio_interval,
    sign_flip_p_value,
)
from busicli.imaging.metrics import roc_auc

NAN = float("nan")
scored_groups = st.lists(
    st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.integers(-3, 3)), min_size=1, max_size=12
)


def interval(values, groups, **options):
    return mean_interval(np.array(values, float), np.array(groups, int), **options)


def test_no_values_have_no_mean():
    found = interval([], [])
    assert found.scans == 0
    assert all(math.isnan(value) for value in (found.mean, found.low, found.high))


def test_values_that_are_all_undefined_have_no_mean():
    found = interval([NAN, NAN], [1, 2])
    assert (found.scans, math.isnan(found.mean), math.isnan(found.low)) == (0, True, True)


def test_undefined_values_are_left_out():
    found = interval([0.25, NAN, 0.75], [1, 2, 3])
    assert (found.mean, found.scans) == (0.5, 2)
    assert found == interval([0.25, 0.75], [1, 3])


def test_one_group_tells_nothing_about_the_interval():
    found = interval([0.25, 0.75, NAN], [5, 5, 6])
    assert (found.mean, found.scans) == (0.5, 2)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_two_groups_reach_from_one_to_the_other():
    # Both draws fall on the same group in half of the resamples: means 0, 0.5, 1 as 1 : 2 : 1.
    found = interval([0.0, 1.0], [1, 2])
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)


def test_the_mean_is_over_scans_not_over_groups():
    assert interval([0.0, 1.0, 1.0, 1.0], [1, 2, 2, 2]).mean == 0.75


def test_resampled_means_are_over_scans_not_over_groups():
    # Groups A of one 0 and B of three 1s: a resample is 0 (A A), 3 / 4 (A B) or 1 (B B), never
    # 1 / 2. With one resample the interval is that resample; 40 seeds see all three.
    seen = {
        interval([0.0, 1.0, 1.0, 1.0], [1, 2, 2, 2], seed=seed, resamples=1).low
        for seed in range(40)
    }
    assert seen == {0.0, 0.75, 1.0}


def test_the_interval_of_a_coin_is_the_binomials():
    # Mean of 100 fair coins, each its own group: 0.5 +- 1.96 * 0.05.
    found = interval([0.0, 1.0] * 50, range(100))
    assert found.mean == 0.5
    assert found.low == pytest.approx(0.402, abs=0.015)
    assert found.high == pytest.approx(0.598, abs=0.015)


def test_repeated_scans_of_a_group_do_not_narrow_the_interval():
    once = interval([0.0, 1.0] * 10, range(20))
    copies = interval(np.repeat([0.0, 1.0] * 10, 9), np.repeat(np.arange(20), 9))
    apart = interval(np.repeat([0.0, 1.0] * 10, 9), np.arange(180))
    assert (copies.low, copies.high) == (once.low, once.high)
    assert apart.high - apart.low < (once.high - once.low) / 2


def test_the_same_seed_gives_the_same_interval_and_another_may_not():
    values, groups = np.linspace(0, 1, 30) ** 3, np.arange(30)
    assert mean_interval(values, groups, seed=4) == mean_interval(values, groups, seed=4)
    assert mean_interval(values, groups, seed=4) != mean_interval(values, groups, seed=5)


def test_many_groups_are_resampled_a_block_at_a_time_to_the_same_interval(monkeypatch):
    # 100 fair coins again, now with blocks of 10 resamples and a last one of 5.
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 1000)
    found = interval([0.0, 1.0] * 50, range(100), resamples=2005)
    assert found.low == pytest.approx(0.402, abs=0.015)
    assert found.high == pytest.approx(0.598, abs=0.015)


def test_unequal_lengths_are_refused_by_name():
    with pytest.raises(InputError, match=r"\(3,\).*\(2,\)"):
        interval([0.1, 0.2, 0.3], [1, 2])


def test_fewer_than_one_resample_is_refused():
    with pytest.raises(InputError, match="resamples is 0"):
        interval([0.1, 0.2], [1, 2], resamples=0)


@settings(deadline=None)
@given(scored_groups)
def test_the_interval_lies_within_the_values(scored):
    values, groups = zip(*scored, strict=True)
    found = interval(values, groups, resamples=50)
    assert found.mean == pytest.approx(sum(values) / len(values))
    if len(set(groups)) > 1:
        assert min(values) <= found.low <= found.high <= max(values)


@settings(deadline=None)
@given(scored_groups, st.randoms(use_true_random=False))
def test_the_order_of_scans_does_not_matter(scored, random):
    shuffled = random.sample(scored, len(scored))
    first = interval(*zip(*scored, strict=True), resamples=50)
    second = interval(*zip(*shuffled, strict=True), resamples=50)
    assert repr(first) == repr(second)  # sums of eighths are exact; NaN equals itself as text


# --- paired differences


def p_value(differences, groups=None, **options):
    own = range(len(differences)) if groups is None else groups
    return sign_flip_p_value(np.array(differences, float), np.array(own, int), **options)


def test_no_difference_has_no_p_value_and_differences_of_0_have_1():
    assert math.isnan(p_value([]))
    assert math.isnan(p_value([NAN, NAN]))
    assert p_value([0.0, 0.0, NAN]) == 1


def test_few_groups_are_flipped_in_every_way():
    # Four gains of one size: all up or all down are 2 of 16 choices.
    assert p_value([0.1] * 4) == 2 / 16
    # 3 and 1: |3 + 1| is reached by 2 of 4; 1, 1 and -1: |1| is reached by every choice.
    assert p_value([3, 1]) == 2 / 4
    assert p_value([1, 1, -1]) == 1


def test_whole_groups_are_flipped():
    # Ten scans of one patient are one coin: the p-value is 1, not 2 of 1024.
    assert p_value([0.1] * 10, [7] * 10) == 1
    assert p_value([0.1] * 10) == 2 / 1024
    assert p_value([0.2, -0.2, 0.1], [1, 1, 2]) == 1  # group 1 cancels out, one coin is left


def test_many_groups_are_flipped_at_random_and_the_observed_choice_counts():
    assert p_value([0.1] * 60, flips=99) == 1 / 100
    found = p_value(np.repeat([1.0, -1.0], [32, 18]))
    # 32 or more, or 18 or fewer, of 50 coins: 0.0649 by the binomial
    assert found == pytest.approx(0.0649, abs=0.01)
    assert found == p_value(np.repeat([1.0, -1.0], [32, 18]))


def test_random_flips_are_drawn_a_block_at_a_time(monkeypatch):
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 500)
    assert p_value(np.repeat([1.0, -1.0], [32, 18])) == pytest.approx(0.0649, abs=0.01)


def test_p_values_are_uniform_where_nothing_differs():
    # Of 400 made-up comparisons 5 % should lie below 0.05: 20 +- 3 * 4.4.
    generator = np.random.default_rng(1)
    found = [p_value(generator.normal(size=10)) for _ in range(400)]
    assert 7 <= sum(value <= 0.05 for value in found) <= 33


def test_fewer_than_one_flip_is_refused():
    with pytest.raises(InputError, match="flips is 0"):
        p_value([0.1], flips=0)


def test_a_paired_difference_leaves_out_scans_that_either_lacks():
    first, second = np.array([0.5, NAN, 0.25, 1]), np.array([0.75, 1, 0.75, NAN])
    found = paired_difference(first, second, np.array([1, 2, 3, 4]))
    assert (found.a, found.b) == (0.375, 0.75)
    assert (found.difference, found.scans, found.groups) == (0.375, 2, 2)
    assert (found.low, found.high) == (0.25, 0.5)
    assert found.p_value == 0.5


def test_a_paired_difference_of_nothing_is_undefined():
    found = paired_difference(np.zeros(0), np.zeros(0), np.zeros(0, int))
    assert all(math.isnan(value) for value in (found.a, found.b, found.p_value))
    assert (found.groups, found.scans) == (0, 0)


def test_results_on_other_scans_are_refused():
    with pytest.raises(InputError, match=r"\(1,\).*\(2,\)"):
        paired_difference(np.zeros(2), np.zeros(1), np.zeros(2, int))


def test_the_area_under_the_curve_is_that_of_metrics_and_its_interval_is_over_groups():
    rng = np.random.default_rng(0)
    positive = rng.random(300) < 0.3
    values = (rng.normal(size=300) + positive).round(1)  # with ties
    found = auc_interval(values, positive, np.arange(300))
    assert found.mean == pytest.approx(roc_auc(values, positive))
    assert found.low < found.mean < found.high
    doubled = auc_interval(np.tile(values, 2), np.tile(positive, 2), np.tile(np.arange(300), 2))
    assert doubled.high - doubled.low == pytest.approx(found.high - found.low, rel=0.05)


def test_the_interval_of_an_area_is_as_wide_as_resampling_by_hand_gives_it():
    rng = np.random.default_rng(1)
    positive = np.arange(60) % 2 == 0
    values = rng.normal(size=60) + positive
    rows = rng.integers(60, size=(1000, 60))
    areas = [roc_auc(values[own], positive[own]) for own in rows]
    found = auc_interval(values, positive, np.arange(60))
    assert (found.low, found.high) == pytest.approx(np.percentile(areas, (2.5, 97.5)), abs=0.02)


@pytest.mark.parametrize("positive", [np.zeros(3, bool), np.ones(3, bool)])
def test_an_area_without_both_kinds_is_undefined(positive):
    assert np.isnan(auc_interval(np.arange(3.0), positive, np.arange(3)).mean)


def test_a_ratio_is_of_sums():
    found = ratio_interval(np.array([1.0, 0, 3]), np.array([2.0, 0, 3]), np.array([1, 2, 3]))
    assert (found.mean, found.scans) == (pytest.approx(4 / 5), 2)
    assert np.isnan(ratio_interval(np.zeros(2), np.zeros(2), np.arange(2)).mean)
