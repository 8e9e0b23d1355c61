from collections import Counter

import numpy as np
import pytest

from busicli.settings import AugmentSettings, TrainSettings
from busicli.training.examples import Epoch, epoch_order, label_of
from tests.training.made_splits import split_with

LESION = np.array([[0, 1], [0, 0]], np.uint8)
NOTHING = np.zeros((2, 2), np.uint8)


def shown(kinds: list[str], balance: float) -> Counter[str]:
    """How often each kind is shown in an epoch."""
    order = epoch_order(kinds, balance, np.random.default_rng(0))
    assert len(order) == len(kinds)
    return Counter(kinds[scan] for scan in order)


def test_without_balance_an_epoch_shows_each_scan_once():
    order = epoch_order(["a"] * 7 + ["b"] * 3, 0.0, np.random.default_rng(0))
    assert sorted(order) == list(range(10))
    assert order.tolist() != list(range(10))


def test_with_full_balance_kinds_are_shown_equally_often():
    # 75 and 25 scans: 50 each, so that each b is shown twice
    assert shown(["a"] * 75 + ["b"] * 25, 1.0) == {"a": 50, "b": 50}


def test_half_balance_shares_by_the_root_of_the_number_of_scans():
    # roots 9 and 3: three quarters and one quarter of 90
    counts = shown(["a"] * 81 + ["b"] * 9, 0.5)
    assert counts["b"] == pytest.approx(22.5, abs=1)


def test_scans_of_one_kind_are_shown_equally_often_but_for_one():
    order = epoch_order(["a"] * 60 + ["b"] * 20, 1.0, np.random.default_rng(1))
    often = Counter(order.tolist())
    assert {often[scan] for scan in range(60, 80)} == {2}
    assert {often[scan] for scan in range(60)} <= {0, 1}


def test_a_single_scan_of_a_rare_kind_is_not_shown_half_of_the_time():
    # half of 100 would be 50 times; four are left to it, and the other kind fills the rest
    assert shown(["a"] * 99 + ["b"], 1.0) == {"a": 96, "b": 4}


@pytest.mark.parametrize(
    ("mask", "labels", "expected"),
    [
        (LESION, ["benign"], "benign"),
        (LESION, ["benign", "malignant"], "malignant"),
        (LESION, ["normal", "benign"], "benign"),
        (LESION, ["malignant", ""], ""),  # the other's lesion may be anything
        (NOTHING, ["malignant"], "normal"),  # the lesion was cut away
    ],
)
def test_the_class_is_that_of_what_is_still_seen(mask, labels, expected):
    assert label_of(mask, labels) == expected


def test_two_views_show_a_scan_of_the_split_beside_the_first():
    images = np.zeros((2, 64, 64, 3), np.uint8)
    images[1] = 200
    masks = np.zeros((2, 64, 64), np.uint8)
    masks[1, 20:44, 20:44] = 1
    split = split_with(images, masks, labels=["normal", "malignant"])
    only_views = AugmentSettings(two_views_prob=1.0, screen_prob=0.0, margin_prob=0.0)
    epoch = Epoch(split, TrainSettings(augmentation=only_views), 0)
    partners = [epoch.example(position, 0) for position in range(12)]
    with_lesion = [example for example in partners if example.mask.any()]
    assert with_lesion  # some of twelve partners are the second scan
    assert {example.label for example in with_lesion} == {"malignant"}
    assert all(not example.mask[:, :28].any() for example in with_lesion)  # on the right
