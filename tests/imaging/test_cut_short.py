import io

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGBaseline8Bit

from busicli.io.scans import decode_file
from tests.dicom_maker import ultrasound, written
from tests.made_images import stored

RNG = np.random.default_rng(0)
TISSUE = RNG.integers(20, 120, (80, 96), dtype=np.uint8)


def cut_short(data: bytes) -> bool:
    return decode_file(data).cut_short


def with_margins(pixels: np.ndarray) -> np.ndarray:
    framed = np.zeros_like(pixels)
    framed[20:60, 10:70] = pixels[20:60, 10:70]
    return framed


def sector(pixels: np.ndarray) -> np.ndarray:
    """Black outside of a curved field, at the top and at the bottom."""
    rows, columns = np.ogrid[:80, :96]
    distance = np.hypot(rows + 40, columns - 48)
    return np.where((distance > 60) & (distance < 105), pixels, 0).astype(np.uint8)


@pytest.mark.parametrize("form", ["JPEG", "BMP", "TIFF", "PNG"])
@pytest.mark.parametrize("look", [np.asarray, with_margins, sector, np.zeros_like])
def test_whole_images_are_not_cut_short(form, look):
    assert not cut_short(stored(look(TISSUE), form))


@pytest.mark.parametrize("pixels", [TISSUE, np.dstack([TISSUE] * 3)], ids=["grey", "colour"])
def test_a_jpeg_whose_rest_is_the_grey_of_missing_blocks_is_cut_short(pixels):
    data = stored(pixels, "JPEG")
    assert cut_short(data[: len(data) * 2 // 3] + data[-2:])  # ended as a JPEG ends


@pytest.mark.parametrize("pixels", [TISSUE, np.dstack([TISSUE] * 3)], ids=["grey", "colour"])
@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}], ids=["plain", "restarts"])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.99])
def test_a_progressive_jpeg_whose_last_details_are_missing_is_cut_short(pixels, options, share):
    data = stored(pixels, "JPEG", progressive=True, **options)
    assert not cut_short(data)
    assert cut_short(data[: int(len(data) * share)] + data[-2:])


def test_a_tiff_whose_jpeg_ends_in_the_grey_of_missing_blocks_is_cut_short():
    data = stored(TISSUE, "TIFF", compression="jpeg")
    begin = data.rindex(b"\xff\xda") + 60  # within the last strip
    end = data.index(b"\xff\xd9", begin)
    assert not cut_short(data)
    assert cut_short(data[:begin] + b"\xff\xd9" + bytes(end - begin) + data[end + 2 :])


def test_a_dicom_object_whose_jpeg_ends_in_the_grey_of_missing_blocks_is_cut_short():
    whole = ultrasound(np.dstack([TISSUE] * 3), syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    assert not cut_short(whole)
    made = dcmread(io.BytesIO(whole))
    (stream,) = generate_frames(made.PixelData, number_of_frames=1)
    made.PixelData = encapsulate([stream[: len(stream) * 2 // 3] + b"\xff\xd9"])
    assert cut_short(written(made))


@pytest.mark.parametrize("form", ["BMP", "TIFF"])
def test_pixels_whose_rest_is_zero_from_within_a_row_are_cut_short(form):
    data = stored(with_margins(TISSUE), form)  # a margin of 20 rows is beside the point
    end = len(data) - 96 * 40 - 48  # within a row of 60 pixels of tissue
    zeros = bytes(96 * 40 + 40)
    assert cut_short(data[:end] + zeros + data[end + len(zeros) :])
