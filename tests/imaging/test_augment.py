from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from busicli.imaging.augment import (
    apply_augmentation,
    draw_augmentation,
)
from busicli.settings import AugmentSettings
from tests.imaging.made_lesions import NOTHING, OFF, SIZE, bright_lesion, extent

MOVES = ("flip", "rotation_deg", "shift_fraction", "scale", "stretch")


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
