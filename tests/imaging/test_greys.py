"""Greys of any depth as 8 bits."""

import numpy as np
import pytest

from busicli.errors import InputError
from busicli.imaging.greys import (
    is_faint,
    real_levels,
    shown,
    shown_image,
    unsigned_levels,
    whole_levels,
)

SCAN = (np.arange(40 * 60).reshape(40, 60) % 251).astype(np.uint8)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_8_bits_come_back_however_they_were_widened(bits):
    """By shifting, by repeating the upper bits, and by scaling to the whole range."""
    wide = SCAN.astype(np.uint32)
    for widened in (
        wide << (bits - 8),
        (wide << (bits - 8)) | (wide >> (16 - bits)),
        np.round(wide * ((2**bits - 1) / 255)).astype(np.uint32),
    ):
        assert np.array_equal(whole_levels(0, 2**bits - 1)[widened], SCAN)


@pytest.mark.parametrize(
    ("highest", "stated", "bits", "certain"),
    [
        (255, None, 8, False),
        (256, None, 10, False),
        (1024, None, 12, False),
        (4096, None, 16, True),
        (255, 12, 12, True),  # the header says so
        (4096, 12, 16, True),  # it cannot be right
    ],
)
def test_the_fewest_bits_that_hold_the_greys_count(highest, stated, bits, certain):
    levels, known = unsigned_levels(np.array([[0, highest]], np.uint16), stated, 16)
    assert levels.tolist() == [[0, highest >> (bits - 8)]]
    assert known is certain


@pytest.mark.parametrize(
    ("values", "levels", "certain"),
    [
        ([0, 0.2, 1], [0, 51, 255], True),
        ([0, 51, 255], [0, 51, 255], True),
        ([0, 4095], [0, 255], False),
        ([-2, 0, 3], [0, 102, 255], False),
        ([0, 35000, 70000], [0, 128, 255], False),
    ],
)
def test_real_numbers_have_the_range_that_their_values_show(values, levels, certain):
    found, known = real_levels(np.array([values], np.float32))
    assert found.tolist() == [levels]
    assert known is certain


def test_infinite_greys_are_refused():
    with pytest.raises(InputError, match="NaN or infinite"):
        real_levels(np.array([[0, np.inf]]))


def test_a_scan_is_shown_as_it_is():
    found = shown(SCAN)
    assert found.certain
    assert np.array_equal(found.image, np.dstack([SCAN] * 3))


def test_greys_that_fill_little_of_8_bits_are_stretched():
    found = shown(SCAN // 8)  # 0 to 31
    assert not found.certain
    assert found.image.min() == 0
    assert found.image.max() == 255
    assert found.image[2, 0, 0] == 123  # pixel 120 holds 120 // 8 = 15; 15 / 31 * 255 = 123.4


def test_bright_text_over_a_black_scan_does_not_hide_that_it_is_black():
    dark = SCAN // 16  # 0 to 15
    dark[1, :30] = 255  # 30 of 2,400 pixels: 1.25 %
    found = shown(dark)
    assert not found.certain
    assert np.median(found.image) == 60  # 7 of 2 x 15


@pytest.mark.parametrize("level", [0, 7, 255])
def test_an_image_of_one_level_stays_and_is_not_certain(level):
    flat = np.full((9, 7), level, np.uint8)
    found = shown(flat)
    assert (found.image == level).all()
    assert not found.certain
    assert is_faint(flat)


def test_an_empty_image_is_faint():
    assert is_faint(np.zeros((0, 5), np.uint8))


def test_colours_are_stretched_alike():
    colours = np.dstack([SCAN // 8, SCAN // 16, SCAN // 8])
    found = shown_image(colours)
    assert not found.certain
    assert (found.image[..., 0] == found.image[..., 2]).all()
    assert found.image[..., 1].max() < 140  # still half as bright
