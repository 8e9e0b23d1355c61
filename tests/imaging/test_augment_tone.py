from dataclasses import replace

import numpy as np
import pytest

from busicli.imaging.augment import apply_augmentation
from tests.imaging.made_lesions import NOTHING, SIZE, bright_lesion


def test_brightness_leaves_black_margins_black():
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[:10] = 51  # 0.2; 0.2 + 0.2 = 0.4 is 102
    changed, _ = apply_augmentation(image, image[..., 0], replace(NOTHING, brightness=0.2))
    assert np.unique(changed).tolist() == [0, 102]


def test_gamma_and_contrast_follow_their_curves():
    image = np.full((SIZE, SIZE, 3), 51, np.uint8)  # 0.2
    darker, _ = apply_augmentation(image, image[..., 0], replace(NOTHING, gamma=2.0))
    assert np.unique(darker).tolist() == [10]  # 0.2 ** 2 * 255 = 10.2
    flatter, _ = apply_augmentation(image, image[..., 0], replace(NOTHING, contrast=0.5))
    assert np.unique(flatter).tolist() == [89]  # (0.5 - 0.3 * 0.5) * 255 = 89.25


def test_speckle_keeps_a_grey_scan_grey_and_its_mean():
    image = np.full((SIZE, SIZE, 3), 100, np.uint8)
    changed, _ = apply_augmentation(image, image[..., 0], replace(NOTHING, speckle_std=0.16))
    assert (changed == changed[..., :1]).all()
    assert changed.std() > 5
    # Speckle of 16 % of 100 over 2304 pixels: the mean scatters by 16 / 48 = 0.33.
    assert changed.mean() == pytest.approx(100, abs=1.5)


def test_a_blur_spreads_a_line_and_keeps_its_sum():
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[:, 24] = 250
    blurred, _ = apply_augmentation(image, image[..., 0], replace(NOTHING, blur_px=1.0))
    row = blurred[24, :, 0].astype(int)
    assert 60 < row[24] < 130
    assert row.sum() == pytest.approx(250, abs=3)


def test_the_speckle_of_a_change_is_the_same_each_time():
    image, mask = bright_lesion()
    params = replace(NOTHING, speckle_std=0.16, seed=5)
    first, again = (apply_augmentation(image, mask, params)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other, _ = apply_augmentation(image, mask, replace(params, seed=6))
    assert (first != other).any()


def test_gain_changes_brightness_smoothly_and_within_its_bound():
    image = np.full((SIZE, SIZE, 3), 100, np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    changed, same = apply_augmentation(image, mask, replace(NOTHING, gain_field=0.5, seed=3))
    values = changed[..., 0].astype(float)
    assert 66 <= values.min() < 90  # 100 / 1.5 = 66.7
    assert 110 < values.max() <= 150
    assert abs(np.diff(values, axis=0)).max() < 8
    np.testing.assert_array_equal(same, mask)


@pytest.mark.parametrize("seed", range(4))
def test_lower_resolution_keeps_the_mean_and_the_mask_and_loses_detail(seed):
    image = np.random.default_rng(0).integers(60, 200, (SIZE, SIZE, 1)).astype(np.uint8)
    image = image.repeat(3, axis=2)
    mask = (image[..., 0] > 150).astype(np.uint8)
    changed, same = apply_augmentation(image, mask, replace(NOTHING, low_res_factor=3.0, seed=seed))
    np.testing.assert_array_equal(same, mask)
    assert changed.mean() == pytest.approx(image.mean(), abs=5)
    steps = [np.abs(np.diff(scan[..., 0].astype(int), axis=0)).mean() for scan in (image, changed)]
    assert steps[1] < 0.6 * steps[0]


@pytest.mark.parametrize("channels", ["grey", "coloured"])
def test_jpeg_changes_the_image_a_little_and_no_mask(channels):
    image, mask = bright_lesion()
    if channels == "coloured":
        image = image.copy()
        image[..., 2] = 20
    changed, same = apply_augmentation(image, mask, replace(NOTHING, jpeg_quality=30))
    np.testing.assert_array_equal(same, mask)
    assert changed.shape == image.shape
    difference = np.abs(changed.astype(int) - image)
    assert 0 < difference.mean() < 6
    assert (changed == changed[..., :1]).all() == (channels == "grey")


def test_depth_gain_is_one_factor_a_row():
    image, mask = np.full((SIZE, SIZE, 3), 100, np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    changed, _ = apply_augmentation(image, mask, replace(NOTHING, depth_gain=0.5, seed=3))
    assert (changed == changed[:, :1]).all()
    assert changed.std() > 3
    assert changed.min() >= 66  # 100 / 1.5
    assert changed.max() <= 150


def test_wide_grains_change_more_from_row_to_row_than_along_a_row():
    image, mask = np.full((SIZE, SIZE, 3), 100, np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    params = replace(NOTHING, speckle_std=0.2, speckle_size_px=(1.0, 4.0))
    values = apply_augmentation(image, mask, params)[0][..., 0].astype(int)
    along, down = (np.abs(np.diff(values, axis=axis)).mean() for axis in (1, 0))
    assert down > 2 * along


def test_rayleigh_speckle_is_skewed_to_the_dark_and_leaves_black_black():
    image, mask = np.full((SIZE, SIZE, 3), 120, np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    image[:10] = 0
    changed, _ = apply_augmentation(image, mask, replace(NOTHING, speckle_std=0.3, rayleigh=True))
    assert not changed[:10].any()
    values = changed[10:, :, 0].astype(float)
    # The logarithm of an exponential variable: its median, log(0.693) = -0.37, is above its mean.
    assert np.median(values) > values.mean() + 1
    assert values.mean() == pytest.approx(120, abs=3)
