"""Pixels of DICOM objects as a viewer shows them, also where headers are wrong."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from busicli.imaging.greys import Shown
from busicli.io.dicom.read import open_dicom
from busicli.io.images import MAX_PIXELS
from tests.dicom_maker import compressed, ultrasound, written

GREYS = (np.arange(40 * 60).reshape(40, 60) % 251).astype(np.uint8)
COLOURS = np.dstack([GREYS, GREYS, GREYS])
COLOURS[4:12, 8:20] = (255, 40, 0)
EVERY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def only(data: bytes) -> Shown:
    (frame,) = open_dicom(data, max_pixels=MAX_PIXELS).frames()
    return frame


def grey_of(data: bytes, *, certain: bool = True) -> np.ndarray:
    frame = only(data)
    assert frame.certain is certain
    assert (frame.image == frame.image[..., :1]).all()
    return frame.image[..., 0]


@pytest.mark.parametrize(
    "attributes",
    [
        {"WindowCenter": 0, "WindowWidth": 0},
        {"WindowCenter": 127, "WindowWidth": -1},
        {"WindowCenter": 127, "WindowWidth": 0.5},
        {"WindowCenter": 127},
        {"WindowWidth": 100},
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowCenter": 128, "WindowWidth": 256, "VOILUTFunction": "OTHER"},
        {"WindowCenter": 128, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"},
        {"RescaleSlope": "", "RescaleIntercept": ""},
        {"RescaleSlope": 0, "RescaleIntercept": 0},
        {"RescaleSlope": 0, "RescaleIntercept": 90},
        {"RescaleSlope": 2, "RescaleIntercept": ""},
        {"RescaleSlope": 0.5, "RescaleIntercept": -100},
    ],
)
def test_what_means_nothing_in_a_header_changes_nothing(attributes):
    assert np.array_equal(grey_of(ultrasound(EVERY, **attributes)), EVERY)


@pytest.mark.parametrize(
    "attributes",
    [
        {"WindowCenter": 32768, "WindowWidth": 65536},  # all black
        {"WindowCenter": -900, "WindowWidth": 100},  # all white
        {"WindowCenter": 5000, "WindowWidth": 1},
    ],
)
def test_a_window_that_shows_nothing_is_not_applied_and_that_is_not_certain(attributes):
    assert np.array_equal(grey_of(ultrasound(EVERY, **attributes), certain=False), EVERY)


def test_a_negative_slope_turns_greys_round_with_and_without_a_window():
    turned = {"RescaleSlope": -1, "RescaleIntercept": 255}
    assert np.array_equal(grey_of(ultrasound(EVERY, **turned)), 255 - EVERY)
    window = {"WindowCenter": 128, "WindowWidth": 256}
    assert np.array_equal(grey_of(ultrasound(EVERY, **turned, **window)), 255 - EVERY)


@pytest.mark.parametrize(
    ("photometric", "shape", "turned", "certain"),
    [
        ("MONOCHROME2", "IDENTITY", False, True),
        ("MONOCHROME1", "INVERSE", True, True),
        ("MONOCHROME2", "INVERSE", True, False),
        ("MONOCHROME1", "IDENTITY", False, False),
        ("MONOCHROME1", "", True, True),
        ("MONOCHROME2", "SOMETHING", False, True),
    ],
)
def test_the_presentation_shape_says_which_end_is_white(photometric, shape, turned, certain):
    data = ultrasound(EVERY, photometric=photometric, PresentationLUTShape=shape)
    assert np.array_equal(grey_of(data, certain=certain), 255 - EVERY if turned else EVERY)


@pytest.mark.parametrize("syntax", ["", RLELossless])
def test_greys_in_the_upper_bits_are_read(syntax):
    data = ultrasound(EVERY.astype(np.uint16) << 8, BitsStored=12, HighBit=15)
    assert np.array_equal(grey_of(compressed(data, syntax) if syntax else data), EVERY)


def test_a_high_bit_that_the_greys_contradict_is_not_believed():
    data = ultrasound(EVERY.astype(np.uint16) * 16 + 1, BitsStored=12, HighBit=15)
    assert np.array_equal(grey_of(data, certain=False), EVERY)


def test_an_overlay_in_the_unused_bits_is_left_out():
    stored = EVERY.astype(np.uint16) * 16 | 0x1000
    made = dcmread(io.BytesIO(ultrasound(stored, BitsStored=12, HighBit=11)))
    made.add_new(0x60000102, "US", 12)
    assert np.array_equal(grey_of(written(made)), EVERY)


def test_more_bits_than_the_header_says_are_shown_but_not_certain():
    data = ultrasound(EVERY.astype(np.uint16) * 16, BitsStored=8, HighBit=7)
    assert np.array_equal(grey_of(data, certain=False), EVERY)


@pytest.mark.parametrize(("bits", "factor"), [(16, 1), (12, 1), (16, 4), (16, 16)])
def test_fewer_bits_than_the_header_says_are_shown_but_not_certain(bits, factor):
    data = ultrasound(EVERY.astype(np.uint16) * factor, BitsStored=bits, HighBit=bits - 1)
    assert np.array_equal(grey_of(data, certain=False), EVERY)


def test_signed_greys_span_the_range_of_their_bits():
    signed = EVERY.astype(np.int32) * 257 - 32768
    data = ultrasound(signed.astype("<i2"), PixelRepresentation=1)
    assert np.array_equal(grey_of(data), EVERY)
    few = ultrasound((EVERY.astype(np.int16) - 128).astype("<i2"), PixelRepresentation=1)
    assert np.array_equal(grey_of(few, certain=False), EVERY)


def test_colours_of_fewer_bits_than_said_are_shown_but_not_certain():
    frame = only(ultrasound(COLOURS.astype(np.uint16)))
    assert np.array_equal(frame.image, COLOURS)
    assert not frame.certain


def table(bits: int, entries: list[int], count: int = 0) -> Dataset:
    made = Dataset()
    made.LUTDescriptor, made.ModalityLUTType = [count or len(entries), 0, bits], "US"
    made.LUTData = np.array(entries, "<u2").tobytes()
    made["LUTData"].VR = "OW"
    return made


@pytest.mark.parametrize("name", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_table_that_is_too_short_changes_nothing(name):
    short = table(8, list(range(100)), count=256)
    assert np.array_equal(grey_of(ultrasound(EVERY, **{name: [short]})), EVERY)
    assert np.array_equal(grey_of(ultrasound(EVERY, **{name: [Dataset()]})), EVERY)


@pytest.mark.parametrize("name", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_table_of_fewer_bits_than_said_is_not_black(name):
    turned = table(16, list(range(256))[::-1])
    data = ultrasound(EVERY, **{name: [turned]})
    assert np.array_equal(grey_of(data, certain=False), 255 - EVERY)


def jpeg(pixels: np.ndarray, *, numbers: bytes = b"\1\2\3", rgb: bool = False) -> bytes:
    """A stream without JFIF or Adobe marker, whose components have these numbers."""
    file = io.BytesIO()
    image = Pillow.fromarray(pixels, "RGB")
    image.save(file, "JPEG", quality=97, subsampling=0, keep_rgb=rgb)
    data = file.getvalue()
    while data[3] in (0xE0, 0xEE):
        data = data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    stream = bytearray(data)
    for index, number in enumerate(numbers):
        stream[frame + 10 + 3 * index] = stream[scan + 5 + 2 * index] = number
    return bytes(stream)


@pytest.mark.parametrize("said", ["RGB", "YBR_FULL_422", "YBR_FULL"])
@pytest.mark.parametrize(("numbers", "rgb"), [(b"\1\2\3", False), (b"RGB", True), (b"rgb", True)])
def test_a_jpeg_says_itself_which_colours_it_holds(numbers, rgb, said):
    data = ultrasound(
        COLOURS,
        syntax=JPEGBaseline8Bit,
        photometric=said,
        PixelData=encapsulate([jpeg(COLOURS, numbers=numbers, rgb=rgb)]),
    )
    assert np.abs(only(data).image.astype(int) - COLOURS).mean() < 4


@pytest.mark.parametrize(("said", "rgb"), [("RGB", True), ("YBR_FULL_422", False)])
def test_the_header_counts_where_a_jpeg_says_nothing(said, rgb):
    stream = jpeg(COLOURS, numbers=b"\0\1\2", rgb=rgb)
    data = ultrasound(
        COLOURS, syntax=JPEGBaseline8Bit, photometric=said, PixelData=encapsulate([stream])
    )
    assert np.abs(only(data).image.astype(int) - COLOURS).mean() < 4


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000])
def test_a_planar_header_does_not_stir_a_streams_colours(syntax):
    data = ultrasound(COLOURS, syntax=syntax, PlanarConfiguration=1)
    assert np.abs(only(data).image.astype(int) - COLOURS).mean() < 4


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
@pytest.mark.parametrize("planar", [0, 1])
def test_planes_of_a_stream_are_told_from_its_header(syntax, planar):
    made = dcmread(io.BytesIO(compressed(ultrasound(COLOURS), syntax)))
    made.PlanarConfiguration = planar
    assert np.array_equal(only(written(made)).image, COLOURS)


@pytest.mark.parametrize("said", ["RGB", "YBR_RCT", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("transformed", [True, False])
def test_jpeg_2000_says_itself_whether_its_colours_are_transformed(said, transformed):
    file = io.BytesIO()
    Pillow.fromarray(COLOURS).save(file, "JPEG2000", no_jp2=True, mct=int(transformed))
    data = ultrasound(
        COLOURS,
        syntax=JPEG2000Lossless,
        photometric=said,
        PixelData=encapsulate([file.getvalue()]),
    )
    assert np.array_equal(only(data).image, COLOURS)


def test_untransformed_jpeg_2000_of_ybr_becomes_rgb():
    ybr = np.asarray(Pillow.fromarray(COLOURS).convert("YCbCr"))
    file = io.BytesIO()
    Pillow.fromarray(np.array(ybr)).save(file, "JPEG2000", no_jp2=True, mct=0)
    data = ultrasound(
        COLOURS,
        syntax=JPEG2000,
        photometric="YBR_FULL",
        PixelData=encapsulate([file.getvalue()]),
    )
    assert np.abs(only(data).image.astype(int) - COLOURS).max() <= 3


@pytest.mark.parametrize("said", ["YBR_FULL", "YBR_FULL_422"])
def test_rgb_that_a_decoder_left_named_ybr_is_recognized(said):
    frame = only(ultrasound(COLOURS, photometric=said))
    assert np.array_equal(frame.image, COLOURS)
    assert not frame.certain


def test_ybr_that_is_named_rgb_is_recognized():
    ybr = np.array(Pillow.fromarray(COLOURS).convert("YCbCr"))
    frame = only(ultrasound(ybr, photometric="RGB"))
    assert np.abs(frame.image.astype(int) - COLOURS).max() <= 3
    assert not frame.certain


@pytest.mark.parametrize("said", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_the_length_shows_whether_colours_are_halved(said):
    # Two pixels share Cb and Cr: Y1 Y2 Cb Cr.
    pairs = GREYS.reshape(-1, 2)
    stored = np.hstack([pairs, np.full((len(pairs), 2), 128, np.uint8)])
    data = ultrasound(COLOURS, photometric=said, PixelData=stored.tobytes())
    assert np.array_equal(grey_of(data), GREYS)


def test_run_lengths_of_ybr_422_are_read():
    ybr = np.dstack([GREYS, np.full_like(GREYS, 128), np.full_like(GREYS, 128)])
    data = compressed(ultrasound(ybr, photometric="YBR_FULL"), RLELossless)
    assert np.array_equal(grey_of(data), GREYS)
