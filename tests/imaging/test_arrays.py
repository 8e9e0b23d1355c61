"""Grey scans stored once, and the box around a mask."""

import numpy as np
import pytest
from PIL import Image as Pillow

from busicli.imaging.arrays import as_rgb, bounding_box, grey_channel, resized
from busicli.io.images import decode_scan, encode_image

CHANNEL = np.random.default_rng(0).integers(0, 256, (90, 70), np.uint8)
COLOURS = np.random.default_rng(1).integers(0, 256, (90, 70, 3), np.uint8)


@pytest.mark.parametrize("stored", [as_rgb(CHANNEL), np.repeat(CHANNEL[..., None], 3, axis=2)])
def test_a_grey_scan_is_reported_however_it_is_stored(stored):
    assert np.array_equal(grey_channel(stored), CHANNEL)


def test_one_coloured_pixel_makes_a_scan_coloured():
    scan = np.repeat(CHANNEL[..., None], 3, axis=2)
    scan[-1, -1, 2] ^= 1
    assert grey_channel(scan) is None


@pytest.mark.parametrize("gap", [None, 1.0])
@pytest.mark.parametrize("shape", [(30, 20), (181, 140), (1, 1)])
@pytest.mark.parametrize("scan", [as_rgb(CHANNEL), COLOURS])
def test_another_size_is_what_pillow_makes_of_three_channels(scan, shape, gap):
    image = Pillow.fromarray(np.ascontiguousarray(scan))
    expected = image.resize(shape[::-1], Pillow.Resampling.BILINEAR, reducing_gap=gap)
    assert np.array_equal(resized(scan, shape, gap), np.asarray(expected))


def test_a_grey_image_of_three_channels_is_decoded_to_one():
    scan = decode_scan(encode_image(np.ascontiguousarray(as_rgb(CHANNEL))))
    assert scan.strides[2] == 0
    assert np.array_equal(scan, as_rgb(CHANNEL))


def test_a_coloured_image_keeps_its_colours():
    assert np.array_equal(decode_scan(encode_image(COLOURS)), COLOURS)


@pytest.mark.parametrize("margin", [0, 1, 50])
def test_the_box_holds_all_of_the_mask_and_no_more_than_its_margin(margin):
    mask = np.zeros((20, 30), bool)
    mask[4:7, 25] = mask[9, 28] = True
    around = np.zeros_like(mask)
    around[max(0, 4 - margin) : 10 + margin, max(0, 25 - margin) : 29 + margin] = True
    held = np.zeros_like(mask)
    held[bounding_box(mask, margin)] = True
    assert np.array_equal(held, around)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 5)])
def test_an_empty_mask_has_no_box(shape):
    assert bounding_box(np.zeros(shape, bool)) is None
