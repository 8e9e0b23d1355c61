"""Headers that leave something out are read as viewers read them, or the attribute is named."""

import io

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit

from busicli.errors import InputError
from busicli.io.dicom.file_start import data_start
from busicli.io.dicom.read import DicomScan, open_dicom
from busicli.io.images import MAX_PIXELS
from busicli.io.scans import decode_file
from tests.dicom_maker import PILLOW, ultrasound

GREYS = (np.arange(40 * 60).reshape(40, 60) % 251).astype(np.uint8)
COLOURS = np.dstack([GREYS, GREYS[::-1], np.full_like(GREYS, 7)])
CINE = np.stack([GREYS, GREYS[::-1], GREYS[:, ::-1]])
WIDE = GREYS.astype(np.uint16) * 257


def opened(data: bytes) -> DicomScan:
    return open_dicom(data, max_pixels=MAX_PIXELS)


def images(data: bytes) -> list[np.ndarray]:
    return list(decode_file(data).frames)


def without_meta(data: bytes, *, implicit: bool) -> bytes:
    made = dcmread(io.BytesIO(data))
    del made.file_meta
    file = io.BytesIO()
    made.save_as(file, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    return file.getvalue().removeprefix(bytes(128) + b"DICM")


@pytest.mark.parametrize(
    ("pixels", "lacks", "assumed"),
    [
        (GREYS, "PixelRepresentation", "PixelRepresentation 0"),
        (GREYS, "BitsStored", "BitsStored 8"),
        (WIDE, "BitsStored", "BitsStored 16"),
        (GREYS, "BitsAllocated", "BitsAllocated 8"),
        (WIDE, "BitsAllocated", "BitsAllocated 16"),
        (GREYS, "HighBit", "HighBit 7"),
        (GREYS, "PhotometricInterpretation", "PhotometricInterpretation MONOCHROME2"),
        (COLOURS, "PhotometricInterpretation", "PhotometricInterpretation RGB"),
        (GREYS, "SamplesPerPixel", "SamplesPerPixel 1"),
        (COLOURS, "SamplesPerPixel", "SamplesPerPixel 3"),
        (COLOURS, "PlanarConfiguration", "PlanarConfiguration 0"),
        (CINE, "NumberOfFrames", "NumberOfFrames 3"),
    ],
)
def test_what_is_missing_is_taken_as_viewers_take_it(pixels, lacks, assumed):
    data = ultrasound(pixels, without=[lacks])
    assert opened(data).assumed == (assumed,)
    assert np.array_equal(images(data), images(ultrasound(pixels)))


@pytest.mark.parametrize(
    ("changes", "assumed"),
    [
        ({"PhotometricInterpretation": "monochrome2"}, "PhotometricInterpretation MONOCHROME2"),
        ({"BitsStored": 12, "HighBit": 11}, "BitsStored 8"),
        ({"PixelRepresentation": 7}, "PixelRepresentation 0"),
        ({"NumberOfFrames": ""}, "NumberOfFrames 1"),
    ],
)
def test_what_is_wrong_is_taken_as_viewers_take_it(changes, assumed):
    data = ultrasound(GREYS, **changes)
    assert opened(data).assumed[0] == assumed
    assert np.array_equal(images(data), images(ultrasound(GREYS)))


def test_a_number_of_frames_that_is_infinite_is_one_that_is_missing():
    data = ultrasound(GREYS, NumberOfFrames="123").replace(b"IS\4\0" + b"123 ", b"IS\4\0inf ")
    assert opened(data).assumed == ("NumberOfFrames 1",)


def test_two_things_that_are_missing_are_both_assumed():
    data = ultrasound(COLOURS, without=["SamplesPerPixel", "PhotometricInterpretation"])
    assert opened(data).assumed == ("SamplesPerPixel 3", "PhotometricInterpretation RGB")
    assert np.array_equal(images(data), images(ultrasound(COLOURS)))


@pytest.mark.parametrize("syntax", PILLOW)
def test_streams_say_how_many_frames_and_samples_there_are(syntax):
    whole = ultrasound(np.stack([COLOURS, COLOURS]), syntax=syntax, photometric="YBR_FULL_422")
    lacking = ultrasound(
        np.stack([COLOURS, COLOURS]),
        syntax=syntax,
        photometric="YBR_FULL_422",
        without=["NumberOfFrames", "SamplesPerPixel"],
    )
    assert opened(lacking).assumed == ("SamplesPerPixel 3", "NumberOfFrames 2")
    assert np.array_equal(images(lacking), images(whole))


def test_a_whole_header_assumes_nothing():
    for pixels in (GREYS, COLOURS, CINE, WIDE):
        assert opened(ultrasound(pixels)).assumed == ()


@pytest.mark.parametrize("name", ["Rows", "Columns"])
def test_a_size_that_is_missing_is_named(name):
    with pytest.raises(InputError, match=f"has no {name} in its header"):
        opened(ultrasound(GREYS, without=[name]))


def test_a_colour_that_nobody_knows_is_named_and_not_quoted():
    with pytest.raises(InputError, match="PhotometricInterpretation that is not read") as caught:
        opened(ultrasound(GREYS, photometric="PLANTED"))
    assert "PLANTED" not in str(caught.value)


def test_without_a_preamble_it_is_read():
    data = ultrasound(GREYS)
    assert np.array_equal(images(data[132:]), images(data))
    assert opened(data[132:]).assumed == ()


@pytest.mark.parametrize("implicit", [True, False])
def test_as_sent_over_a_network_it_is_read(implicit):
    data = ultrasound(GREYS)
    bare = without_meta(data, implicit=implicit)
    assert np.array_equal(images(bare), images(data))
    kind = "Implicit" if implicit else "Explicit"
    assert opened(bare).assumed == (f"TransferSyntaxUID {kind} VR Little Endian",)


def test_compressed_pixels_without_their_syntax_are_named():
    made = dcmread(io.BytesIO(ultrasound(GREYS, syntax=JPEGBaseline8Bit)))
    del made.file_meta
    file = io.BytesIO()
    made.save_as(file, implicit_vr=False, little_endian=True, enforce_file_format=False)
    bare = file.getvalue().removeprefix(bytes(128) + b"DICM")
    with pytest.raises(InputError, match="no TransferSyntaxUID"):
        opened(bare)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        b"\x08\0\x05\0",
        b"\x08\0\x99\0CS\0\0",
        b"\x08\0\x05\0\xff\xff\xff\xff",
        b"MZ\x90",
    ],
)
def test_other_bytes_do_not_begin_like_dicom(data):
    assert data_start(data) is None
