from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from busicli.imaging.augment import (
    AugmentationParams,
    Rectangle,
    apply_augmentation,
    draw_augmentation,
)
from busicli.settings import AugmentSettings

SIZE = 48
NOTHING = AugmentationParams()
MOVES = ("flip", "rotation_deg", "shift_fraction", "scale", "stretch")
FROM_ONE = ("speckle_size_px", "speckle_aspect", "low_res_factor")
OFF = AugmentSettings(
    **{f.name: f.name in FROM_ONE for f in fields(AugmentSettings)}  # 1 for these, 0 for all others
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
    return extent(apply_augmentation(*bright_lesion(), replace(NOTHING, **what))[1])


def test_a_crop_next_to_the_lesion_is_a_scan_without_one():
    # Columns 20 to 40 of 48 are lesion; the gap is round(0.04 * 48) = 2: 18 are left beside it on
    # the left, 6 on the right. round(1.6 * 18) = 29 of the rows are shown.
    image, mask = bright_lesion()
    image[29:, :, :] = 255
    changed, changed_mask = apply_augmentation(image, mask, replace(NOTHING, lesion_free_crop=True))
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
    changed, changed_mask = apply_augmentation(image, mask, replace(NOTHING, lesion_free_crop=True))
    np.testing.assert_array_equal(changed, image)
    np.testing.assert_array_equal(changed_mask, mask)


@pytest.mark.parametrize("channels", ["grey", "coloured"])
def test_no_change_changes_nothing(channels):
    image = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    if channels == "grey":
        image = image[..., :1].repeat(3, axis=2)
    mask = (image[..., 0] > 99).astype(np.uint8)
    changed, changed_mask = apply_augmentation(image, mask, NOTHING)
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
    changed, changed_mask = apply_augmentation(image, mask, replace(NOTHING, shift=(0.5, 0.0)))
    assert not changed[: SIZE // 2].any()
    assert not changed_mask[: SIZE // 2].any()
    assert changed[SIZE // 2 :].min() == 200
    assert changed_mask[SIZE // 2 :].all()


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


@given(st.integers(0, 2**32 - 1))
def test_image_and_mask_move_together(seed):
    # Without tones, what is bright afterwards is the lesion, but for pixels on its border.
    settings = replace(OFF, **{n: v for n, v in asdict(AugmentSettings()).items() if n in MOVES})
    params = draw_augmentation(np.random.default_rng(seed), settings)
    image, mask = apply_augmentation(*bright_lesion(), params)
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
    params = draw_augmentation(np.random.default_rng(seed), AugmentSettings())
    changed, changed_mask = apply_augmentation(image, mask, params)
    assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
    assert (changed_mask.shape, changed_mask.dtype) == (mask.shape, np.uint8)
    assert set(np.unique(changed_mask)) <= {0, 1}
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


@given(st.integers(0, 2**32 - 1))
def test_draws_stay_within_their_bounds(seed):
    bounds = AugmentSettings()
    params = draw_augmentation(np.random.default_rng(seed), bounds)
    assert abs(params.rotation_deg) <= bounds.rotation_deg
    assert max(map(abs, params.shift)) <= bounds.shift_fraction
    largest = (1 + bounds.scale) * (1 + bounds.stretch) * (1 + 1e-9)
    assert all(1 / largest <= factor <= largest for factor in params.scale)
    assert 1 / (1 + bounds.gamma) <= params.gamma * (1 + 1e-9)
    assert params.gamma <= (1 + bounds.gamma) * (1 + 1e-9)
    assert abs(params.contrast - 1) <= bounds.contrast + 1e-9
    assert abs(params.brightness) <= bounds.brightness
    assert 0 <= params.speckle_std <= bounds.speckle_std
    assert 0 <= params.blur_px <= bounds.blur_px


def test_one_state_of_the_generator_gives_one_change():
    first, again, other = (
        draw_augmentation(np.random.default_rng(seed), AugmentSettings()) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


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


def test_settings_of_nothing_change_nothing():
    params = draw_augmentation(np.random.default_rng(0), OFF)
    assert replace(params, seed=0) == NOTHING


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


def test_text_is_written_on_the_share_that_is_asked_for():
    drawn = [
        draw_augmentation(
            np.random.default_rng(seed), replace(OFF, burned_in_text_prob=0.3)
        ).burned_in_text
        for seed in range(400)
    ]
    # Of 400 draws at 0.3 the standard deviation is 9.2: four of them.
    assert 83 <= sum(drawn) <= 157


def squeezed(**what) -> tuple[np.ndarray, np.ndarray]:
    return apply_augmentation(*bright_lesion(), replace(NOTHING, **what))


def test_margins_are_uniform_and_the_mask_shrinks_with_the_scan():
    # The scan lies in rows 12 to 36 and columns 24 to 36 of 48: halved and quartered. Its lesion,
    # rows 10 to 22 and columns 20 to 40, goes to rows 12 + 5 to 12 + 11, columns 24 + 5 to 24 + 10.
    rectangle = Rectangle(top=0.25, left=0.5, height=0.5, width=0.25)
    image, mask = squeezed(margin=rectangle, margin_grey=30)
    assert extent(mask) == (17, 23, 29, 34)
    assert mask.sum() == 6 * 5  # 12 * 20 lesion pixels, an eighth of them
    inside = np.zeros((SIZE, SIZE), bool)
    inside[12:36, 24:36] = True
    assert (image[~inside] == 30).all()
    assert image[inside].min() == 40


def test_a_screen_surrounds_the_scan_and_the_mask_stays_inside():
    rectangle = Rectangle(top=0.25, left=0.5, height=0.5, width=0.25)
    image, mask = squeezed(screen=rectangle, seed=1)
    assert extent(mask) == (17, 23, 29, 34)
    assert (image == image[..., :1]).all()
    bare, _ = squeezed(margin=rectangle)
    assert (image != bare).any()


@pytest.mark.parametrize("seed", range(8))
def test_a_screen_is_drawn_around_the_scan_in_several_greys(seed):
    image, mask = np.full((192, 192, 3), 90, np.uint8), np.zeros((192, 192), np.uint8)
    rectangle = Rectangle(top=0.25, left=0.25, height=0.5, width=0.5)
    changed, _ = apply_augmentation(image, mask, replace(NOTHING, screen=rectangle, seed=seed))
    around = np.ones((192, 192), bool)
    around[48:144, 48:144] = False
    assert len(np.unique(changed[around])) > 3
    # Body mark, maker's mark and text are lines on the scan: most of it is as it was.
    assert (changed[~around] == 90).mean() > 0.85


def test_a_screen_takes_the_position_of_margins():
    settings = replace(OFF, margin_prob=1, screen_prob=1)
    params = draw_augmentation(np.random.default_rng(0), settings)
    assert params.screen is not None
    assert params.margin is None


@given(st.integers(0, 2**32 - 1))
def test_rectangles_lie_within_the_image(seed):
    for settings in (replace(OFF, margin_prob=1), replace(OFF, screen_prob=1)):
        params = draw_augmentation(np.random.default_rng(seed), settings)
        position = params.margin or params.screen
        assert position is not None
        assert 0.45 <= position.height <= 1
        assert 0.45 <= position.width <= 1
        assert 0 <= position.top <= 1 - position.height
        assert 0 <= position.left <= 1 - position.width
        assert position.height * position.width < 1


@pytest.mark.parametrize("seed", range(12))
def test_the_scan_is_shown_left_and_its_partner_right(seed):
    image, mask = bright_lesion()
    other_image, other_mask = np.full_like(image, 90), np.zeros_like(mask)
    other_mask[24:48, 12:36] = 1
    before = image.copy(), mask.copy(), other_image.copy(), other_mask.copy()
    params = replace(NOTHING, two_views=True, seed=seed)
    changed, changed_mask = apply_augmentation(image, mask, params, (other_image, other_mask))
    left, right = changed_mask[:, :24].sum(), changed_mask[:, 24:].sum()
    # Widths are halved and heights shrink to 0.45 at least, but for a separator of one pixel and
    # what rounding does to borders: 12 * 20 and 24 * 24 lesion pixels.
    assert 0.18 * 240 <= left <= 0.6 * 240
    assert 0.18 * 576 <= right <= 0.6 * 576
    assert set(np.unique(changed[changed_mask == 1][:, 0])) & {90, 220} == {90, 220}
    given = image, mask, other_image, other_mask
    for array, kept in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_two_views_without_a_partner_are_flip_images():
    image, mask = squeezed(two_views=True, seed=2)
    assert mask[:, :24].sum() > 40
    np.testing.assert_array_equal(mask, mask[:, ::-1])
    np.testing.assert_array_equal(image[:, :23], image[:, :24:-1])


def test_a_coloured_partner_keeps_its_colour():
    image, mask = bright_lesion()
    red = image.copy()
    red[..., 1:] = 0
    changed, _ = apply_augmentation(image, mask, replace(NOTHING, two_views=True), (red, mask))
    assert (changed[:, :23] == changed[:, :23, :1]).all()
    assert changed[:, 25:, 0].max() == 220
    assert not changed[:, 25:, 1:].any()


@pytest.mark.parametrize("seed", range(6))
def test_a_sector_cuts_the_corners_and_the_mask_with_them(seed):
    image, mask = np.full((SIZE, SIZE, 3), 200, np.uint8), np.ones((SIZE, SIZE), np.uint8)
    changed, changed_mask = apply_augmentation(
        image, mask, replace(NOTHING, sector=True, seed=seed)
    )
    np.testing.assert_array_equal(changed[..., 0], 200 * changed_mask)
    assert not changed_mask[0, [0, -1]].any()  # beams spread: the top is the narrow side
    assert changed_mask[24, 24]
    assert 0.4 < changed_mask.mean() < 0.97
    np.testing.assert_array_equal(changed_mask, changed_mask[:, ::-1])


def test_a_lesion_in_a_cut_corner_leaves_an_empty_mask():
    image, mask = np.full((SIZE, SIZE, 3), 200, np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    mask[0, 0] = 1
    _, changed_mask = apply_augmentation(image, mask, replace(NOTHING, sector=True))
    assert not changed_mask.any()


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


@pytest.mark.parametrize(
    "name", ["rayleigh", "sector", "calipers", "two_views", "margin", "screen", "jpeg_quality"]
)
def test_each_kind_is_drawn_always_at_1_and_never_at_0(name):
    kind = {"calipers": "caliper", "jpeg_quality": "jpeg"}.get(name, name)
    for probability in (0, 1):
        settings = replace(OFF, **{f"{kind}_prob": probability})
        drawn = [
            getattr(draw_augmentation(np.random.default_rng(seed), settings), name)
            for seed in range(20)
        ]
        assert [value not in (None, False) for value in drawn] == [probability == 1] * 20


def test_half_of_the_scans_are_shown_without_any_screen():
    drawn = [
        draw_augmentation(np.random.default_rng(seed), AugmentSettings()) for seed in range(400)
    ]
    kinds = ("sector", "calipers", "burned_in_text", "body_mark", "two_views", "margin", "screen")
    plain = sum(not any(getattr(params, kind) for kind in kinds) for params in drawn)
    # 0.96 * 0.85 * 0.85 * 0.88 * 0.96 * 0.92 * 0.92 = 0.496; the standard deviation of 400 draws
    # is 10.
    assert 158 <= plain <= 238
