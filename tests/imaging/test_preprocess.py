import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from busicli.imaging import preprocess
from busicli.imaging.field_shape import FieldShape
from busicli.imaging.metrics import dice
from busicli.imaging.preprocess import (
    native_image,
    native_probability,
    network_image,
    network_mask,
    network_values,
)
from busicli.settings import PreprocessSettings

SMALL = PreprocessSettings(size_px=16)
shapes = st.tuples(st.integers(1, 90), st.integers(1, 90))


@given(shapes)
def test_any_shape_becomes_the_square(shape):
    scan = np.zeros((*shape, 3), np.uint8)
    assert network_image(scan, SMALL).shape == (16, 16, 3)
    assert network_mask(np.ones(shape, bool), SMALL).tolist() == [[1] * 16] * 16


@given(shapes)
def test_a_constant_scan_stays_constant(shape):
    assert (network_image(np.full((*shape, 3), 77, np.uint8), SMALL) == 77).all()


def test_a_scan_of_the_square_itself_is_unchanged():
    scan = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    assert (network_image(scan, SMALL) == scan).all()


def test_what_is_beside_tissue_is_black():
    left = np.zeros((16, 16), bool)
    left[:, :5] = True
    found = network_image(np.full((16, 16, 3), 77, np.uint8), SMALL, FieldShape.of(left))
    assert (found == 77 * left[..., None]).all()


def test_fine_texture_is_averaged_where_the_scan_shrinks():
    # A checkerboard of 0 and 255 a pixel has mean 127.5; sampling without a filter gives 0 or 255.
    board = np.indices((160, 160)).sum(axis=0) % 2 * 255
    small = network_image(np.repeat(board[..., None], 3, axis=2).astype(np.uint8), SMALL)
    assert np.abs(small.astype(int) - 127.5).max() < 8


def test_rows_and_columns_are_stretched_apart_and_not_exchanged():
    # The upper half of a wide scan is the upper half of the square.
    mask = np.zeros((8, 40), bool)
    mask[:4] = True
    assert network_mask(mask, SMALL).tolist() == [[1] * 16] * 8 + [[0] * 16] * 8


@pytest.mark.parametrize(("pixels", "lesion"), [(1, 0), (2, 1), (3, 1)])
def test_a_pixel_is_lesion_where_half_of_its_area_is(pixels, lesion):
    # Each pixel of the square is 2 x 2 of the mask, of which so many are lesion.
    cell = np.array([[0, 0], [0, 0]], bool)
    cell.ravel()[:pixels] = True
    small = network_mask(np.tile(cell, (16, 16)), SMALL)
    assert small.dtype == np.uint8
    assert (small == lesion).all()


def test_values_run_from_zero_to_one():
    values = network_values(np.array([0, 51, 255], np.uint8))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [0, 0.2, 1], atol=1e-7)


def test_what_is_given_is_not_changed():
    rng = np.random.default_rng(0)
    scan, mask = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8), rng.random((20, 30)) < 0.5
    probability = rng.random((16, 16)).astype(np.float32)
    before = scan.copy(), mask.copy(), probability.copy()
    network_image(scan, SMALL)
    network_mask(mask, SMALL)
    network_values(scan)
    native_probability(probability, (20, 30), SMALL)
    for then, now in zip(before, (scan, mask, probability), strict=True):
        np.testing.assert_array_equal(then, now)


@given(shapes, st.floats(0, 1, width=32))
def test_a_constant_map_stays_constant_at_the_scans_size(shape, value):
    native = native_probability(np.full((16, 16), value, np.float32), shape, SMALL)
    assert native.shape == shape
    assert native.dtype == np.float32
    np.testing.assert_allclose(native, value, atol=1e-6)


@given(shapes, st.integers(0, 99))
def test_a_map_at_the_scans_size_stays_a_probability(shape, seed):
    noise = (np.random.default_rng(seed).random((16, 16)) < 0.5).astype(np.float32)
    native = native_probability(noise, shape, SMALL)
    assert native.min() >= 0
    assert native.max() <= 1


@given(shapes)
def test_a_map_enlarged_in_strips_is_the_one_enlarged_at_once(shape):
    noise = np.random.default_rng(0).random((16, 16), np.float32)
    whole = native_probability(noise, shape, SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preprocess, "_PIXELS_AT_ONCE", 100)
        strips = native_probability(noise, shape, SMALL)
    assert strips == pytest.approx(whole, abs=5e-6)


def test_a_lesion_comes_back_where_it_was():
    # A quarter of a 60 x 120 scan, there and back: its border may move by a pixel of the square,
    # which is 3.75 rows and 7.5 columns.
    mask = np.zeros((60, 120), bool)
    mask[:30, 60:] = True
    small = network_mask(mask, SMALL).astype(np.float32)
    back = native_probability(small, mask.shape, SMALL) >= 0.5
    assert not (back ^ mask)[:26, 68:].any()
    assert not back[34:].any()
    assert not back[:, :52].any()


KEPT = PreprocessSettings(size_px=16, aspect="keep")


def test_a_scan_that_keeps_its_proportions_stands_in_the_middle_of_black():
    image = network_image(np.full((20, 40, 3), 9, np.uint8), KEPT)
    mask = network_mask(np.ones((40, 10), bool), KEPT)
    assert (image[4:12] == 9).all()
    assert not image[:4].any()
    assert not image[12:].any()
    assert mask[:, 6:10].all()
    assert mask.sum() == 16 * 4


@pytest.mark.parametrize("shape", [(90, 50), (50, 90), (64, 64), (3, 200)])
def test_a_map_comes_back_to_the_position_it_was_made_from(shape):
    mask = np.zeros(shape, bool)
    mask[: shape[0] // 2 + 1, shape[1] // 4 : shape[1] // 2] = True
    settings = PreprocessSettings(size_px=128, aspect="keep")
    small = network_mask(mask, settings).astype(np.float32)
    back = native_probability(small, shape, settings) >= 0.5
    assert dice(back, mask) > 0.95


@pytest.mark.parametrize("aspect", ["stretch", "keep"])
def test_a_prepared_scan_comes_back_in_its_own_proportions(aspect):
    settings = PreprocessSettings(size_px=16, aspect=aspect)
    scan = np.zeros((24, 60, 3), np.uint8)
    scan[:, 30:] = 200  # the right half is bright
    back = native_image(network_image(scan, settings), (12, 30), settings)
    assert back.shape == (12, 30, 3)
    assert (back[:, :13] < 20).all()
    assert (back[:, 17:] > 180).all()


BOX = (slice(5, 15), slice(10, 30))


def test_the_image_of_a_box_stands_in_black():
    back = native_image(np.full((16, 16, 3), 9, np.uint8), (20, 30), SMALL, BOX)
    expected = np.zeros((20, 30, 3), np.uint8)
    expected[5:15, 10:30] = 9
    np.testing.assert_array_equal(back, expected)
