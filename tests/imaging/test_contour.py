import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.measure import find_contours, label

from busicli.imaging.contour import contour_mask, outer_contour
from tests.made_images import draw

masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def test_the_line_lies_just_outside_the_lesion():
    mask = draw(".....", "..##.", ".....", ".....")
    assert (contour_mask(mask) == draw("..##.", ".#..#", "..##.", ".....")).all()


def test_a_lesion_at_the_border_has_a_line_where_there_is_room():
    assert (contour_mask(draw("##.", "##.", "...")) == draw("..#", "..#", "##.")).all()


def test_a_hole_has_a_line_too():
    assert contour_mask(draw("###", "#.#", "###")).sum() == 1


@pytest.mark.parametrize("mask", [np.zeros((3, 5), bool), np.ones((3, 5), bool)])
def test_nothing_and_everything_have_no_line(mask):
    line = contour_mask(mask)
    assert line.shape == (3, 5)
    assert not line.any()


@pytest.mark.parametrize(("longer", "width"), [(100, 1), (374, 1), (376, 2), (1000, 4)])
def test_the_line_grows_with_the_longer_side(longer, width):
    # One pixel for every 250, rounded: 374 / 250 = 1.496, 376 / 250 = 1.504.
    mask = np.zeros((60, longer), bool)
    mask[30, 50] = True
    assert contour_mask(mask)[30].sum() == 2 * width


@given(masks, st.integers(0, 5))
def test_the_line_is_that_of_the_whole_image(mask, margin):
    # Only a window is worked on; it must not show.
    before = mask.copy()
    wide = np.pad(mask, margin)
    expected = ndimage.binary_dilation(wide) & ~wide if wide.any() else np.zeros_like(wide)
    np.testing.assert_array_equal(contour_mask(wide), expected)
    np.testing.assert_array_equal(mask, before)


@given(masks)
def test_the_outer_contour_is_that_of_scikit_image(mask):
    lesion = label(mask, connectivity=2) == 1
    framed = np.pad(lesion, 1).astype(float)
    rims = find_contours(framed, 0.5, fully_connected="high")
    expected = max(rims, key=lambda rim: np.ptp(rim, axis=0).prod())[:-1] - 1 if rims else []
    assert outer_contour(lesion).tolist() == [*map(list, expected)]
