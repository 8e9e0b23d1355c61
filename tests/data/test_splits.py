from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from busicli.data.splits import divide, split_counts
from busicli.errors import InputError
from busicli.settings import SplitSettings
from busicli.types import SPLITS

CLASSES = np.repeat(["benign", "malignant", "normal"], [437, 210, 133])
"""BUSI's 780 scans."""
group_sizes = st.lists(st.integers(1, 6), min_size=8, max_size=60)


def like_busi() -> np.ndarray:
    """Group numbers of 780 scans: 145 groups that hold 334 scans, as in BUSI, and 446 alone."""
    sizes = [2] * 118 + [3] * 19 + [4] * 4 + [6] * 3 + [7]
    assert (len(sizes), sum(sizes)) == (145, 334)
    sizes += [1] * 446
    order = np.random.default_rng(7).permutation(len(sizes))
    return np.repeat(np.arange(len(sizes)), np.array(sizes)[order])


def counted(splits) -> dict[str, int]:
    return {name: int((splits == name).sum()) for name in SPLITS}


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        (780, (702, 58, 20)),  # the published counts: 78 are left, of which 19.5 rounded up are 20
        (623, (560, 47, 16)),  # floor(560.7) = 560, 63 are left, ceil(15.75) = 16
        (1000, (900, 75, 25)),  # 0.9 * 1000 is not cut to 899 by rounding
        (11, (9, 1, 1)),  # the smallest that has one for each
    ],
)
def test_counts_are_nine_tenths_and_a_quarter_of_the_rest(scans, expected):
    assert split_counts(scans, SplitSettings()) == dict(zip(SPLITS, expected, strict=True))


@pytest.mark.parametrize("scans", [0, 1, 10])
def test_too_few_scans_are_refused_in_one_sentence(scans):
    with pytest.raises(InputError, match=rf"^train.* of {scans} in all; .*add scans\.$"):
        split_counts(scans, SplitSettings())


@pytest.mark.parametrize("by", ["group", "image"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_780_scans_give_702_58_and_20(by, seed):
    splits = divide(like_busi(), CLASSES, SplitSettings(by=by, seed=seed))
    assert counted(splits) == {"train": 702, "val": 58, "test": 20}


@pytest.mark.parametrize("seed", range(5))
def test_every_group_stays_whole(seed):
    groups = like_busi()
    splits = divide(groups, CLASSES, SplitSettings(seed=seed))
    assert len(set(zip(groups, splits, strict=True))) == len(set(groups))


def test_by_image_groups_are_divided():
    groups = like_busi()
    splits = divide(groups, CLASSES, SplitSettings(by="image"))
    assert len(set(zip(groups, splits, strict=True))) > len(set(groups))


@pytest.mark.parametrize("seed", range(5))
def test_classes_are_shared_out_in_proportion(seed):
    # Of 20: 437 / 780 * 20 = 11.2, 5.4 and 3.4; the remainder of 0.41 is the largest, so 11, 5, 4.
    # Of 58: 32.5, 15.6 and 9.9 likewise give 32, 16 and 10.
    splits = divide(like_busi(), CLASSES, SplitSettings(seed=seed))
    assert Counter(CLASSES[splits == "test"]) == {"benign": 11, "malignant": 5, "normal": 4}
    assert Counter(CLASSES[splits == "val"]) == {"benign": 32, "malignant": 16, "normal": 10}


def test_the_seed_alone_decides():
    groups = like_busi()
    for by in ("group", "image"):
        first, again, other = (
            divide(groups, CLASSES, SplitSettings(by=by, seed=seed)) for seed in (3, 3, 4)
        )
        assert (first == again).all()
        assert (first != other).any()


def test_group_numbers_are_only_names():
    groups = like_busi()
    renamed = divide(groups * 10 + 5, CLASSES, SplitSettings())
    assert (renamed == divide(groups, CLASSES, SplitSettings())).all()


def test_single_scans_are_not_preferred():
    # 334 / 780 = 0.428 of the scans share a group. Were single scans only put where no group fits,
    # the test split would hold 0.35 of such scans; the mean of 100 seeds scatters by 0.007.
    groups = like_busi()
    shared = np.bincount(groups)[groups] > 1
    share = {"test": [], "val": []}
    for seed in range(100):
        splits = divide(groups, CLASSES, SplitSettings(seed=seed))
        for name, found in share.items():
            found.append(shared[splits == name].mean())
    assert np.mean(share["test"]) == pytest.approx(shared.mean(), abs=0.03)
    assert np.mean(share["val"]) == pytest.approx(shared.mean(), abs=0.03)


def test_every_scan_comes_into_the_test_split_for_some_seed():
    groups, strata = np.arange(44), ["a", "b"] * 22
    tested = [divide(groups, strata, SplitSettings(seed=s)) == "test" for s in range(300)]
    # Two of 44 at a time: a scan is left out of all 300 with a chance of (42 / 44) ** 300 = 9e-7.
    assert np.any(tested, axis=0).all()


@given(group_sizes, st.integers(0, 99), st.integers(1, 3))
def test_any_groups_are_divided_exactly_where_single_scans_suffice(sizes, seed, classes):
    # Test and val take a tenth of the scans, rounded up: a fifth as many single scans fill them.
    sizes = [*sizes, *[1] * (2 + sum(sizes) // 5)]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    strata = [f"class {number % classes}" for number in range(len(groups))]
    assume(len(groups) >= 11)
    splits = divide(groups, strata, SplitSettings(seed=seed))
    assert counted(splits) == split_counts(len(groups), SplitSettings())
    assert len(set(zip(groups, splits, strict=True))) == len(sizes)


@given(group_sizes, st.integers(0, 99))
def test_groups_are_divided_exactly_or_refused(sizes, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    assume(len(groups) >= 11)
    wanted = split_counts(len(groups), SplitSettings())
    try:
        splits = divide(groups, ["a"] * len(groups), SplitSettings(seed=seed))
    except InputError:
        # as many groups as splits need scans, all single, could not have been refused
        assert sizes.count(1) < wanted["test"] + wanted["val"]
        return
    assert counted(splits) == wanted
    assert len(set(zip(groups, splits, strict=True))) == len(sizes)


def test_groups_that_cannot_fill_a_split_are_refused_in_one_sentence():
    # 20 scans need test 1 and val 1, but every group holds two.
    with pytest.raises(
        InputError,
        match=r"^no choice of whole groups .* exactly 18 / 1 / 1 scans; .*--split-by image\.$",
    ):
        divide(np.repeat(np.arange(10), 2), ["a"] * 20, SplitSettings())


def test_exact_numbers_come_before_classes():
    # Test needs 1 and val 2 of 30; the only scans alone are normal, though benign is most.
    groups = np.array([*np.repeat(np.arange(9), 3), 9, 10, 11])
    strata = ["benign"] * 27 + ["normal"] * 3
    assert counted(divide(groups, strata, SplitSettings())) == {"train": 27, "val": 2, "test": 1}
