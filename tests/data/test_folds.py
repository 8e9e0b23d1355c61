import numpy as np
import pytest

from busicli.data.splits import divide_into_folds
from busicli.errors import InputError


@pytest.mark.parametrize("folds", [2, 5])
def test_groups_stay_whole_and_strata_are_shared_out(folds):
    rng = np.random.default_rng(3)
    groups = np.sort(rng.integers(0, 300, 500))
    strata = np.array(["rare", "common", "often"])[rng.choice(3, 500, p=(0.1, 0.3, 0.6))]
    found = divide_into_folds(groups, strata, folds)
    assert sorted(set(found)) == list(range(1, folds + 1))
    for group in set(groups):
        assert len(set(found[groups == group])) == 1
    for stratum in set(strata):
        counts = np.bincount(found[strata == stratum])[1:]
        assert counts.max() - counts.min() <= 4


def test_folds_are_the_same_each_time_and_others_for_another_seed():
    groups, strata = np.arange(60), ["a", "b"] * 30
    first = divide_into_folds(groups, strata, 3)
    assert (divide_into_folds(groups, strata, 3) == first).all()
    assert (divide_into_folds(groups, strata, 3, seed=1) != first).any()


@pytest.mark.parametrize("folds", [1, 5])
def test_folds_need_groups_to_fill_them(folds):
    with pytest.raises(
        InputError, match=rf"^the number of folds is {folds}; it must be from 2 to .*, 4\.$"
    ):
        divide_into_folds(np.array([0, 0, 1, 2, 3]), ["a"] * 5, folds)
