from dataclasses import replace

import numpy as np
import pytest

from busicli.imaging.augment import (
    Rectangle,
    apply_augmentation,
)
from tests.imaging.made_lesions import NOTHING, SIZE, bright_lesion, extent


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
