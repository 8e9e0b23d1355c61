"""Coloured marks that are painted out, and colour that stays."""

import numpy as np
import pytest

from busicli.imaging.arrays import as_rgb, resized
from busicli.imaging.marks import unmarked

YELLOW = (255, 255, 120)
SMALL = (40, 60)


def scan(level=90) -> np.ndarray:
    """Of one grey, 80 rows and 120 columns."""
    return np.full((80, 120, 3), level, np.uint8)


def differs(image, level) -> int:
    """By how many grey levels at most: 0.5 of rounding, divided by KNOWN, is 1.7."""
    return int(np.abs(image.astype(int) - level).max())


@pytest.mark.parametrize("shape", [SMALL, (80, 120), (100, 150)])
def test_a_yellow_cross_becomes_the_grey_around_it(shape):
    marked = scan()
    marked[30, 40:61] = marked[20:41, 50] = YELLOW
    assert differs(unmarked(marked, shape), 90) <= 2


def test_the_grey_on_each_side_of_a_line_stays():
    """Left of column 60 it is 50, right of it 150: a line along row 40 takes each side's grey."""
    marked = scan(50)
    marked[:, 60:] = 150
    marked[40] = YELLOW
    found = unmarked(marked, SMALL)
    assert differs(found[:, :25], 50) <= 2
    assert differs(found[:, 35:], 150) <= 2


@pytest.mark.parametrize("colour", [(255, 60, 60), (0, 220, 0), (90, 90, 200)])
def test_a_coloured_area_stays(colour):
    shown = scan()
    shown[20:60, 30:60] = colour
    np.testing.assert_array_equal(unmarked(shown, SMALL), resized(shown, SMALL))


def test_a_tinted_scan_stays():
    """Stripes of brown cover half of it: far more than marks."""
    shown = scan()
    shown[::8] = shown[1::8] = shown[2::8] = shown[3::8] = (120, 90, 40)
    np.testing.assert_array_equal(unmarked(shown, SMALL), resized(shown, SMALL))


def test_a_grey_scan_stays():
    grey = np.random.default_rng(0).integers(0, 256, (80, 120), np.uint8)
    np.testing.assert_array_equal(unmarked(as_rgb(grey), SMALL), resized(as_rgb(grey), SMALL))
    pale = as_rgb(grey // 2) + np.array([0, 0, 30], np.uint8)  # no more than COLOURED
    np.testing.assert_array_equal(unmarked(pale, SMALL), resized(pale, SMALL))
