import io
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.TiffImagePlugin import AppendingTiffWriter

from busicli.errors import InputError
from busicli.io.images import (
    decode_frames,
    decode_scan,
    encode_mask,
    encode_overlay,
)
from busicli.io.masks import decode_mask
from busicli.types import Image
from tests.io.made_files import PATTERN, multi_frame
from tests.made_images import stored

ORIENTATION = 0x0112
GREYS = np.array([[0, 50, 100], [150, 200, 255]], np.uint8)
RED_BLUE = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)


def greys(scan: Image) -> list[list[int]]:
    """The first channel, after checking that all three are alike."""
    assert scan.dtype == np.uint8
    assert (scan == scan[..., :1]).all()
    return scan[..., 0].tolist()


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_8_bit_greys_become_three_equal_channels(form):
    assert greys(decode_scan(stored(Pillow.fromarray(GREYS), form))) == GREYS.tolist()


def test_a_jpeg_is_read():
    scan = decode_scan(stored(Pillow.new("L", (5, 3), 100), "JPEG"))
    assert greys(scan) == [[100] * 5] * 3


def test_colours_stay_in_the_order_red_green_blue():
    assert decode_scan(stored(Pillow.fromarray(RED_BLUE))).tolist() == RED_BLUE.tolist()


def test_1_bit_becomes_black_and_white():
    scan = decode_scan(stored(Pillow.fromarray(np.array([[0, 1, 0]], bool)), "PNG"))
    assert greys(scan) == [[0, 255, 0]]


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_greys_are_scaled_by_the_whole_range(form):
    # 65535 / 255 = 257: 257 becomes 1, 25700 becomes 100.
    image = Pillow.fromarray(np.array([[0, 257, 25700, 65535]], np.uint16))
    assert greys(decode_scan(stored(image, form))) == [[0, 1, 100, 255]]


def test_32_bit_integers_beyond_16_bits_are_scaled_by_their_own_range():
    image = Pillow.fromarray(np.array([[-100, 0, 100, 155]], np.int32))
    assert greys(decode_scan(stored(image, "TIFF"))) == [[0, 100, 200, 255]]


def test_floats_up_to_one_are_scaled_by_255():
    # 0.2 * 255 = 51, 0.6 * 255 = 153.
    image = Pillow.fromarray(np.array([[0, 0.2, 0.6]], np.float32))
    assert greys(decode_scan(stored(image, "TIFF"))) == [[0, 51, 153]]


def test_other_floats_are_scaled_by_their_own_range():
    image = Pillow.fromarray(np.array([[-2, 0, 3]], np.float32))
    assert greys(decode_scan(stored(image, "TIFF"))) == [[0, 102, 255]]


def test_floats_of_8_bits_stay_as_they_are():
    image = Pillow.fromarray(np.array([[0, 7, 255]], np.float32))
    assert greys(decode_scan(stored(image, "TIFF"))) == [[0, 7, 255]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_floats_that_are_no_numbers_are_refused(value):
    image = Pillow.fromarray(np.array([[0, value]], np.float32))
    with pytest.raises(InputError, match="NaN or infinite"):
        decode_scan(stored(image, "TIFF"))


def test_a_palette_gives_its_colours_not_its_indices():
    image = Pillow.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([255, 0, 0, 0, 0, 255])
    assert decode_scan(stored(image)).tolist() == RED_BLUE.tolist()


def test_transparency_is_dropped():
    rgba = np.concatenate([RED_BLUE, np.array([[[0], [128]]], np.uint8)], axis=2)
    assert decode_scan(stored(Pillow.fromarray(rgba))).tolist() == RED_BLUE.tolist()
    grey_alpha = Pillow.merge("LA", [Pillow.fromarray(GREYS), Pillow.new("L", (3, 2), 0)])
    assert greys(decode_scan(stored(grey_alpha))) == GREYS.tolist()


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(form):
    # Full cyan and magenta without yellow and black is blue.
    scan = decode_scan(stored(Pillow.new("CMYK", (8, 8), (255, 255, 0, 0)), form))
    assert scan.shape == (8, 8, 3)
    assert np.abs(scan.astype(int) - [0, 0, 255]).max() <= 4


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_rotation_noted_by_a_camera_is_applied(form):
    # Orientation 6: shown turned by 90 degrees clockwise, so the left column becomes the top row.
    noted = Pillow.Exif()
    noted[ORIENTATION] = 6
    sides = np.repeat(np.array([[0, 255]], np.uint8), 16, axis=0).repeat(16, axis=1)
    scan = decode_scan(stored(Pillow.fromarray(sides), form, exif=noted))
    assert scan.shape == (32, 16, 3)
    assert scan[:16].max() < 16
    assert scan[16:].min() > 240


def test_every_frame_of_a_tiff_is_read_ordered_map():
    data = multi_frame(*(Pillow.new("L", (4, 3), value) for value in (10, 20, 30)))
    frames = [frame.image for frame in decode_frames(data)]
    assert [frame.shape for frame in frames] == [(3, 4, 3)] * 3
    assert [int(frame.max()) for frame in frames] == [10, 20, 30]


def pages(*images: tuple[Pillow.Image, dict[int, int]]) -> bytes:
    """A TIFF of pages, each with tags of its own."""
    buffer = io.BytesIO()
    with AppendingTiffWriter(buffer) as tiff:
        for image, tags in images:
            image.save(tiff, "TIFF", tiffinfo=tags)
            tiff.newFrame()
    return buffer.getvalue()


@pytest.mark.parametrize("tags", [{254: 1}, {254: 4}, {254: 5}, {255: 2}])
def test_thumbnails_and_masks_among_a_tiffs_pages_are_no_frames(tags):
    scan, other = (Pillow.fromarray(PATTERN), {}), (Pillow.new("L", (16, 12), 100), tags)
    for data in (pages(scan, other), pages(other, scan)):
        (frame,) = decode_frames(data)
        assert greys(frame.image) == PATTERN.tolist()


def test_a_tiff_of_thumbnails_only_says_so():
    thumbnail = (Pillow.new("L", (16, 12)), {254: 1})
    with pytest.raises(InputError, match="thumbnails or masks only"):
        list(decode_frames(pages(thumbnail, thumbnail)))


def test_the_second_image_of_a_phones_jpeg_is_no_frame():
    photo = Pillow.fromarray(PATTERN).convert("RGB")
    data = stored(photo, "MPO", save_all=True, append_images=[photo.resize((32, 24))])
    assert len(list(decode_frames(data))) == 1
    assert decode_scan(data).shape == (48, 64, 3)


def certain(data: bytes) -> bool:
    (frame,) = decode_frames(data)
    return frame.certain


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_8_bits_in_a_larger_container_are_shown_but_not_certain(dtype):
    data = stored(Pillow.fromarray(PATTERN.astype(dtype)), "TIFF")
    assert greys(decode_scan(data)) == PATTERN.tolist()
    assert not certain(data)


@pytest.mark.parametrize("tag", [281, 341])
def test_the_bits_that_a_tiff_names_are_certain(tag):
    wide = Pillow.fromarray(PATTERN.astype(np.uint16) * 16)
    data = stored(wide, "TIFF", tiffinfo={tag: 4095})
    assert greys(decode_scan(data)) == PATTERN.tolist()
    assert certain(data)


def test_the_bits_that_a_png_names_are_certain():
    data = stored(Pillow.fromarray(PATTERN.astype(np.uint16) * 4))
    chunk = b"sBIT" + bytes([10])
    named = data[:33] + (1).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    assert greys(decode_scan(named + data[33:])) == PATTERN.tolist()
    assert certain(named + data[33:])
    assert not certain(data)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_white_is_zero_at_any_depth(dtype):
    factor = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    inverted = Pillow.fromarray(((255 - PATTERN) * dtype(factor)).astype(dtype))
    data = bytearray(stored(inverted, "TIFF"))
    data[data.index(bytes([6, 1, 3, 0, 1, 0, 0, 0])) + 8] = 0  # PhotometricInterpretation
    assert greys(decode_scan(bytes(data))) == PATTERN.tolist()


def test_colours_of_16_bits_that_hold_few_are_refused():
    header = b"IHDR" + np.array([4, 3], ">u4").tobytes() + bytes([16, 2, 0, 0, 0])
    rows = zlib.compress(b"".join(b"\0" + bytes([0, 200] * 3 * 4) for _ in range(3)))
    chunks = [header, b"IDAT" + rows, b"IEND"]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        (len(c) - 4).to_bytes(4, "big") + c + zlib.crc32(c).to_bytes(4, "big") for c in chunks
    )
    with pytest.raises(InputError, match="colours of 16 bits that fill less than a sixteenth"):
        decode_scan(data)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 7)])
def test_a_mask_comes_back_as_it_was_stored(shape):
    mask = np.random.default_rng(0).random(shape) < 0.5
    data = encode_mask(mask)
    assert decode_mask(data).tolist() == mask.tolist()
    values = np.asarray(Pillow.open(io.BytesIO(data)))
    assert values.shape == shape
    assert (values == mask * 255).all()


def test_an_overlay_of_a_grey_scan_shows_it_with_a_yellow_and_a_green_line():
    contour = np.array([[True, False, False], [False, False, False]])
    outline = np.array([[True, False, False], [True, False, False]])
    shown = decode_scan(encode_overlay(np.repeat(GREYS[..., None], 3, axis=2), contour, outline))
    # 255 is shown as 253, to make room for the lines' colours.
    assert shown[..., 0].tolist() == [[255, 50, 100], [0, 200, 253]]
    assert shown[..., 1].tolist() == [[213, 50, 100], [158, 200, 253]]
    assert shown[..., 2].tolist() == [[0, 50, 100], [115, 200, 253]]


def test_an_overlay_of_a_coloured_scan_keeps_its_colours():
    before = RED_BLUE.copy()
    contour, outline = np.array([[True, False]]), np.array([[False, True]])
    shown = decode_scan(encode_overlay(RED_BLUE, contour, outline))
    assert shown.tolist() == [[[255, 213, 0], [0, 158, 115]]]
    assert (before == RED_BLUE).all()
