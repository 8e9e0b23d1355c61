from dataclasses import replace

import numpy as np
import pytest

from busicli.imaging.augment import apply_augmentation
from tests.imaging.made_lesions import NOTHING


@pytest.mark.parametrize("seed", range(5))
def test_text_is_bright_and_sharp_and_leaves_the_mask_alone(seed):
    image, mask = np.full((192, 192, 3), 60, np.uint8), np.zeros((192, 192), np.uint8)
    mask[50:90, 60:110] = 1
    params = replace(NOTHING, burned_in_text=True, seed=seed)
    changed, same = apply_augmentation(image, mask, params)
    np.testing.assert_array_equal(same, mask)
    assert (changed == changed[..., :1]).all()
    written = changed[..., 0] != 60
    # Up to four lines of up to 17 letters, of 13 rows and about 9 columns at most: 3000 at most
    # in ink; at least two letters of 6 rows.
    assert 5 < written.sum() < 4000
    assert changed.min() == 60
    assert changed.max() >= 100
    np.testing.assert_array_equal(changed, apply_augmentation(image, mask, params)[0])


@pytest.mark.parametrize("seed", range(8))
def test_a_body_mark_is_small_and_leaves_the_mask_alone(seed):
    image, mask = np.full((192, 192, 3), 60, np.uint8), np.zeros((192, 192), np.uint8)
    mask[50:90, 60:110] = 1
    params = replace(NOTHING, body_mark=True, seed=seed)
    changed, same = apply_augmentation(image, mask, params)
    np.testing.assert_array_equal(same, mask)
    rows, columns = np.nonzero(changed[..., 0] != 60)
    # One or two breasts of 0.07 to 0.2 of 192 px, that is 13 to 38 px, with 2 px of black around
    # and a probe that reaches 0.4 of a breast beyond them at most; some are cut by the border.
    assert 10 <= np.ptp(rows) + 1 <= 38 + 2 * 16 + 2
    assert 10 <= np.ptp(columns) + 1 <= 2 * 38 + 2 * 16 + 2
    np.testing.assert_array_equal(changed, apply_augmentation(image, mask, params)[0])


@pytest.mark.parametrize("lesion", [True, False], ids=["lesion", "normal"])
@pytest.mark.parametrize("seed", range(6))
def test_calipers_are_thin_bright_marks_with_and_without_a_lesion(seed, lesion):
    image, mask = np.full((192, 192, 3), 60, np.uint8), np.zeros((192, 192), np.uint8)
    mask[50:90, 60:110] = lesion
    changed, same = apply_augmentation(image, mask, replace(NOTHING, calipers=True, seed=seed))
    np.testing.assert_array_equal(same, mask)
    marks = changed[..., 0] != 60
    assert 2 < marks.sum() < 800
    assert changed.min() == 60
    assert changed.max() >= 140


def test_calipers_stand_at_the_lesions_ends_in_most_scans():
    image, mask = np.full((192, 192, 3), 60, np.uint8), np.zeros((192, 192), np.uint8)
    mask[50:90, 60:110] = 1
    near = np.zeros_like(mask, bool)
    near[30:110, 40:130] = True
    marks = [
        apply_augmentation(image, mask, replace(NOTHING, calipers=True, seed=seed))[0][..., 0] != 60
        for seed in range(100)
    ]
    # 70 of 100 by chance, with a standard deviation of 4.6; few of the others happen to lie there.
    assert 56 <= sum(not (mark & ~near).any() for mark in marks) <= 88
