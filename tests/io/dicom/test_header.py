import struct

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from busicli.errors import InputError
from busicli.io.dicom.header import MAX_READS, MAX_VALUE
from busicli.io.dicom.read import open_dicom
from tests.dicom_maker import region, ultrasound

GREYS = (np.arange(40 * 60).reshape(40, 60) % 251).astype(np.uint8)
ITEM = struct.pack("<HHL", 0xFFFE, 0xE000, 0)
ITEMS = struct.pack("<HH2sHL", 0x0019, 0x1001, b"SQ", 0, 0xFFFFFFFF) + MAX_READS * ITEM
SYNTAXES = [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]


def header(data: bytes) -> Dataset:
    return open_dicom(data, max_pixels=10_000).header


def test_too_many_items_are_refused_before_they_are_built():
    plain = ultrasound(GREYS)
    at = plain.index(b"\x28\x00\x02\x00US")  # samples per pixel
    end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    with pytest.raises(InputError, match="more elements than a scan can need"):
        header(plain[:at] + ITEMS + end + plain[at:])


def test_too_many_elements_are_refused():
    plain = ultrasound(GREYS)
    at = plain.index(b"\x10\x00\x10\x00PN")  # the patient's name
    empty = struct.pack("<HH2sH", 0x0009, 0x1001, b"LO", 0)
    with pytest.raises(InputError, match="more elements than a scan can need"):
        header(plain[:at] + MAX_READS * empty + plain[at:])


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_value_that_would_swell_when_parsed_is_refused(syntax):
    with pytest.raises(InputError, match="holds a value of 300,000 bytes"):
        header(ultrasound(GREYS, syntax=syntax, ImageComments="1\\" * 150_000))


def test_a_long_value_within_an_item_is_refused():
    item = region((0, 0, 39, 59), 0.01, 0.01, TextString="x" * (MAX_VALUE + 2))
    with pytest.raises(InputError, match="holds a value of"):
        header(ultrasound(GREYS, regions=[item]))


def test_pixels_and_private_values_may_be_long():
    plain = ultrasound(np.zeros((600, 600), np.uint8))
    at = plain.index(b"\x10\x00\x10\x00PN")  # the patient's name
    private = struct.pack("<HH2sHL", 0x0009, 0x1001, b"OB", 0, MAX_VALUE + 2) + bytes(MAX_VALUE + 2)
    read = open_dicom(plain[:at] + private + plain[at:], max_pixels=400_000).header
    assert (len(read.PixelData), len(read[0x0009, 0x1001].value)) == (360_000, MAX_VALUE + 2)


@pytest.mark.parametrize(
    ("syntax", "bounded"),
    [
        (ExplicitVRLittleEndian, True),
        (DeflatedExplicitVRLittleEndian, True),
        (JPEGBaseline8Bit, True),
        (JPEG2000, False),
    ],
)
def test_only_plain_pixels_and_plain_jpeg_are_bounded(syntax, bounded):
    assert open_dicom(ultrasound(GREYS, syntax=syntax), max_pixels=10_000).is_bounded is bounded
