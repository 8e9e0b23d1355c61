"""PNG as it is written here, read by Pillow."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from busicli.io.png import encode_scan_png

SIDES = st.integers(1, 9)


def read(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@given(hnp.arrays(np.uint8, st.tuples(SIDES, SIDES, st.just(3))))
def test_every_rgb_image_comes_back(image):
    assert np.array_equal(read(encode_scan_png(image)), image)


@given(hnp.arrays(np.uint8, st.tuples(SIDES, SIDES)))
def test_every_grey_image_comes_back_in_one_channel(greys):
    data = encode_scan_png(greys)
    assert np.array_equal(read(data), greys)
    assert Image.open(io.BytesIO(data)).mode == "L"


@given(hnp.arrays(np.uint8, st.tuples(SIDES, SIDES)))
def test_every_palette_image_comes_back_with_its_palette(indices):
    palette = bytes(range(256)) * 3
    data = encode_scan_png(indices, palette=palette)
    assert np.array_equal(read(data), indices)
    assert bytes(Image.open(io.BytesIO(data)).getpalette()) == palette


@pytest.mark.parametrize("step", [1, -1])
def test_views_of_arrays_come_back(step):
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)[:, ::step]
    assert np.array_equal(read(encode_scan_png(image)), image)


def test_an_image_of_many_strips_comes_back():
    image = np.random.default_rng(0).integers(0, 256, (150, 7, 3), dtype=np.uint8)
    assert np.array_equal(read(encode_scan_png(image)), image)
