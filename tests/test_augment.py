from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from busicli.augment import Change, apply_change, draw_change
from busicli.settings import AugmentSettings

SIZE = 48
NOTHING = Change(
    flip=False,
    rotation_deg=0.0,
    shift=(0.0, 0.0),
    scale=(1.0, 1.0),
    gamma=1.0,
    contrast=1.0,
    brightness=0.0,
    noise=0.0,
    grain_px=1.0,
    blur_px=0.0,
    gain=0.0,
    seed=0,
    beside=False,
    text=False,
)
MOVES = ("flip", "rotation_deg", "shift_fraction", "scale", "stretch")
OFF = AugmentSettings(
    flip=False,
    rotation_deg=0,
    shift_fraction=0,
    scale=0,
    stretch=0,
    gamma=0,
    contrast=0,
    brightness=0,
    noise=0,
    grain_px=1,
    blur_px=0,
    gain=0,
    beside=0,
    text=0,
)


def bright_lesion() -> tuple[np.ndarray, np.ndarray]:
    """A dark scan whose lesion, off the middle and not square, is bright."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[10:22, 20:40] = 1
    return np.repeat(40 + 180 * mask[..., None], 3, axis=2), mask


def extent(mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def moved(**what) -> tuple[int, int, int, int]:
    return extent(apply_change(*bright_lesion(), replace(NOTHING, **what))[1])


def test_beside_the_lesion_is_a_scan_without_one():
    # Columns 20 to 40 of 48 are lesion; the gap is round(0.04 * 48) = 2: 18 are left beside it on
    # the left, 6 on the right. round(1.6 * 18) = 29 of the rows are shown.
    image, mask = bright_lesion()
    image[29:, :, :] = 255
    changed, changed_mask = apply_change(image, mask, replace(NOTHING, beside=True))
    assert changed.shape == image.shape
    assert (changed == 40).all()  # neither the lesion nor what lies far below
    assert not changed_mask.any()
    assert mask.any()  # the given one stays


@pytest.mark.parametrize("columns", [slice(12, 36), slice(0, 0)], ids=["no room", "no lesion"])
def test_where_there_is_no_room_or_no_lesion_the_scan_stays(columns):
    # 12 columns less the gap of 2 are 10 on either side, and 0.3 * 48 = 14.4 are needed.
    image, _ = bright_lesion()
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[10:22, columns] = 1
    changed, changed_mask = apply_change(image, mask, replace(NOTHING, beside=True))
    np.testing.assert_array_equal(changed, image)
    np.testing.assert_array_equal(changed_mask, mask)


@pytest.mark.parametrize("channels", ["grey", "coloured"])
def test_no_change_changes_nothing(channels):
    image = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    if channels == "grey":
        image = image[..., :1].repeat(3, axis=2)
    mask = (image[..., 0] > 99).astype(np.uint8)
    changed, changed_mask = apply_change(image, mask, NOTHING)
    np.testing.assert_array_equal(changed, image)
    np.testing.assert_array_equal(changed_mask, mask)


def test_a_flip_mirrors_left_and_right_only():
    assert moved(flip=True) == (10, 22, 8, 28)  # columns 20 to 40 of 48 become 8 to 28


def test_a_shift_moves_down_and_right():
    assert moved(shift=(0.25, 0.125)) == (22, 34, 26, 46)  # 12 rows and 6 columns of 48


def test_a_scale_stretches_rows_and_columns_about_the_middle():
    # Rows 10 to 22 lie -14 to -2 from the middle: doubled, -28 to -4, of which -24 on are inside.
    assert moved(scale=(2.0, 1.0)) == (0, 20, 20, 40)
    # Columns 20 to 40 lie -4 to 16: halved, -2 to 8.
    assert moved(scale=(1.0, 0.5)) == (10, 22, 22, 32)


def test_a_quarter_turn_exchanges_rows_and_columns():
    # The lesion's middle lies 8 rows above and 6 columns right of the scan's. A quarter clockwise,
    # above becomes right and right becomes below: rows 24 + 6 -+ 10, columns 24 + 8 -+ 6.
    assert moved(rotation_deg=90.0) == (20, 40, 26, 38)


def test_what_moves_in_is_black_and_no_lesion():
    image, mask = np.full((SIZE, SIZE, 3), 200, np.uint8), np.ones((SIZE, SIZE), np.uint8)
    changed, changed_mask = apply_change(image, mask, replace(NOTHING, shift=(0.5, 0.0)))
    assert not changed[: SIZE // 2].any()
    assert not changed_mask[: SIZE // 2].any()
    assert changed[SIZE // 2 :].min() == 200
    assert changed_mask[SIZE // 2 :].all()


def test_brightness_leaves_black_margins_black():
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[:10] = 51  # 0.2; 0.2 + 0.2 = 0.4 is 102
    changed, _ = apply_change(image, image[..., 0], replace(NOTHING, brightness=0.2))
    assert np.unique(changed).tolist() == [0, 102]


def test_gamma_and_contrast_follow_their_curves():
    image = np.full((SIZE, SIZE, 3), 51, np.uint8)  # 0.2
    darker, _ = apply_change(image, image[..., 0], replace(NOTHING, gamma=2.0))
    assert np.unique(darker).tolist() == [10]  # 0.2 ** 2 * 255 = 10.2
    flatter, _ = apply_change(image, image[..., 0], replace(NOTHING, contrast=0.5))
    assert np.unique(flatter).tolist() == [89]  # (0.5 - 0.3 * 0.5) * 255 = 89.25


def test_noise_keeps_a_grey_scan_grey_and_its_mean():
    image = np.full((SIZE, SIZE, 3), 100, np.uint8)
    changed, _ = apply_change(image, image[..., 0], replace(NOTHING, noise=0.04))
    assert (changed == changed[..., :1]).all()
    assert changed.std() > 5
    # Noise of 16 % of 100 over 2304 pixels: the mean scatters by 16 / 48 = 0.33.
    assert changed.mean() == pytest.approx(100, abs=1.5)


def test_a_blur_spreads_a_line_and_keeps_its_sum():
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[:, 24] = 250
    blurred, _ = apply_change(image, image[..., 0], replace(NOTHING, blur_px=1.0))
    row = blurred[24, :, 0].astype(int)
    assert 60 < row[24] < 130
    assert row.sum() == pytest.approx(250, abs=3)


@given(st.integers(0, 2**32 - 1))
def test_image_and_mask_move_together(seed):
    # Without tones, what is bright afterwards is the lesion, but for pixels on its border.
    settings = replace(OFF, **{n: v for n, v in asdict(AugmentSettings()).items() if n in MOVES})
    change = draw_change(np.random.default_rng(seed), settings)
    image, mask = apply_change(*bright_lesion(), change)
    differ = (image[..., 0] > 130) != (mask == 1)
    inner = mask[1:-1, 1:-1].astype(int)
    around = sum(
        mask[1 + r : SIZE - 1 + r, 1 + c : SIZE - 1 + c].astype(int)
        for r in (-1, 0, 1)
        for c in (-1, 0, 1)
    )
    assert not (differ[1:-1, 1:-1] & (around == 9 * inner)).any()


@given(st.integers(0, 2**32 - 1))
def test_every_draw_gives_a_scan_and_a_mask_and_changes_nothing_given(seed):
    image, mask = bright_lesion()
    before = image.copy(), mask.copy()
    change = draw_change(np.random.default_rng(seed), AugmentSettings())
    changed, changed_mask = apply_change(image, mask, change)
    assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
    assert (changed_mask.shape, changed_mask.dtype) == (mask.shape, np.uint8)
    assert set(np.unique(changed_mask)) <= {0, 1}
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


@given(st.integers(0, 2**32 - 1))
def test_draws_stay_within_their_bounds(seed):
    bounds = AugmentSettings()
    change = draw_change(np.random.default_rng(seed), bounds)
    assert abs(change.rotation_deg) <= bounds.rotation_deg
    assert max(map(abs, change.shift)) <= bounds.shift_fraction
    largest = (1 + bounds.scale) * (1 + bounds.stretch) * (1 + 1e-9)
    assert all(1 / largest <= factor <= largest for factor in change.scale)
    assert 1 / (1 + bounds.gamma) <= change.gamma * (1 + 1e-9)
    assert change.gamma <= (1 + bounds.gamma) * (1 + 1e-9)
    assert abs(change.contrast - 1) <= bounds.contrast + 1e-9
    assert abs(change.brightness) <= bounds.brightness
    assert 0 <= change.noise <= bounds.noise
    assert 0 <= change.blur_px <= bounds.blur_px


def test_one_state_of_the_generator_gives_one_change():
    first, again, other = (
        draw_change(np.random.default_rng(seed), AugmentSettings()) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_the_noise_of_a_change_is_the_same_each_time():
    image, mask = bright_lesion()
    change = replace(NOTHING, noise=0.04, seed=5)
    first, again = (apply_change(image, mask, change)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other, _ = apply_change(image, mask, replace(change, seed=6))
    assert (first != other).any()


def test_gain_changes_brightness_smoothly_and_within_its_bound():
    image = np.full((SIZE, SIZE, 3), 100, np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    changed, same = apply_change(image, mask, replace(NOTHING, gain=0.5, seed=3))
    values = changed[..., 0].astype(float)
    # Bicubic curves overshoot their points a little.
    assert 100 / 1.6 < values.min() < 90
    assert 110 < values.max() < 100 * 1.6
    assert abs(np.diff(values, axis=0)).max() < 8
    np.testing.assert_array_equal(same, mask)


def test_settings_of_nothing_change_nothing():
    change = draw_change(np.random.default_rng(0), OFF)
    assert replace(change, seed=0) == NOTHING


@pytest.mark.parametrize("seed", range(5))
def test_text_is_bright_and_sharp_and_leaves_the_mask_alone(seed):
    image, mask = np.full((192, 192, 3), 60, np.uint8), np.zeros((192, 192), np.uint8)
    mask[50:90, 60:110] = 1
    change = replace(NOTHING, text=True, seed=seed)
    changed, same = apply_change(image, mask, change)
    np.testing.assert_array_equal(same, mask)
    assert (changed == changed[..., :1]).all()
    written = changed[..., 0] != 60
    # Up to four lines of up to 17 letters, of 13 rows and about 9 columns at most: 3000 at most
    # in ink; at least two letters of 6 rows.
    assert 5 < written.sum() < 4000
    assert changed.min() == 60
    assert changed.max() >= 100
    np.testing.assert_array_equal(changed, apply_change(image, mask, change)[0])


def test_text_is_written_on_the_share_that_is_asked_for():
    drawn = [
        draw_change(np.random.default_rng(seed), replace(OFF, text=0.3)).text for seed in range(400)
    ]
    # Of 400 draws at 0.3 the standard deviation is 9.2: four of them.
    assert 83 <= sum(drawn) <= 157
