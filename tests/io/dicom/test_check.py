import contextlib
import io
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from busicli.errors import InputError
from busicli.io.dicom.read import NotUltrasoundError, open_dicom, reading
from busicli.io.images import MAX_PIXELS
from tests.dicom_maker import PATIENT, compressed, region, ultrasound, written
from tests.io.dicom.made_frames import COLOURS, FOLDER, GREYS, QUIET, as_ultrasound, frames, only


def test_other_kinds_are_no_failure():
    with pytest.raises(NotUltrasoundError, match="not an ultrasound scan: CT Image Storage"):
        frames((FOLDER / "CT_small.dcm").read_bytes())


@QUIET
def test_a_secondary_capture_of_ultrasound_is_ultrasound():
    assert only(as_ultrasound("SC_rgb_rle.dcm")).shape == (100, 100, 3)


def test_the_sentence_holds_nothing_of_the_file():
    with pytest.raises(NotUltrasoundError, match="unknown kind") as caught:
        frames(ultrasound(GREYS, SOPClassUID="1.2.3.4711", Modality=PATIENT))
    assert "4711" not in str(caught.value)
    assert "PLANTED" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"without": ["PixelData"]}, "holds no pixels"),
        ({"without": ["Rows"]}, "has no Rows"),
        ({"Rows": 0}, "0 x 60 pixels"),
        ({"Rows": 4000, "Columns": 5000, "NumberOfFrames": 6}, "has 120,000,000 pixels"),
        ({"photometric": "PALETTE COLOR"}, "has palette colours but no palette"),
        ({"photometric": "SOMETHING"}, "PhotometricInterpretation that is not read"),
        ({"syntax": "1.2.840.10008.1.2.4.102", "PixelData": encapsulate([b"?"])}, "MPEG-4"),
        ({"NumberOfFrames": 3}, "is damaged"),
    ],
)
def test_errors_are_named(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        frames(ultrasound(GREYS, **changes))


def test_an_unknown_transfer_syntax_is_named():
    data = ultrasound(GREYS).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.8\0")
    with pytest.raises(InputError, match="a transfer syntax that busicli does not know"):
        frames(data)


def test_encrypted_pixels_are_named():
    data = ultrasound(GREYS, without=["PixelData"], EncryptedAttributesSequence=[])
    with pytest.raises(InputError, match="is encrypted"):
        frames(data)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_named(share):
    data = ultrasound(np.stack([COLOURS, COLOURS]))
    with pytest.raises(InputError, match=r"cut short|holds no pixels"):
        frames(data[: int(share * len(data))])


def test_a_jpeg_ls_stream_without_its_end_is_not_decoded():
    made = dcmread(io.BytesIO(compressed(ultrasound(COLOURS), JPEGLSLossless)))
    (stream,) = generate_frames(made.PixelData, number_of_frames=1)
    made.PixelData = encapsulate([stream[: len(stream) // 2]])
    with pytest.raises(InputError, match="cut short"):
        open_dicom(written(made), max_pixels=MAX_PIXELS)  # decoding it might never end


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEG2000])
def test_a_stream_larger_than_the_header_says_is_not_decoded(syntax):
    image = Pillow.new("L", (5000, 4000))
    file = io.BytesIO()
    image.save(file, "JPEG" if syntax == JPEGBaseline8Bit else "JPEG2000")
    data = ultrasound(GREYS, syntax=syntax, PixelData=encapsulate([file.getvalue()]))
    with pytest.raises(InputError, match=r"of 4000 x 5000 x 1 .* header says 40"):
        open_dicom(data, max_pixels=MAX_PIXELS)


def test_a_deflated_bomb_is_not_inflated():
    plain = ultrasound(GREYS, syntax=DeflatedExplicitVRLittleEndian)
    meta_end = 144 + int.from_bytes(plain[140:144], "little")  # after the group's length
    bomb = zlib.compressobj(9, wbits=-15)
    body = b"".join(bomb.compress(bytes(2**20)) for _ in range(80)) + bomb.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(InputError, match="inflates to more than 64 MiB"):
        frames(plain[:meta_end] + body + b"\xff" * 100)  # inflating all of it fails


def test_run_lengths_that_hold_too_much_are_not_expanded():
    made = dcmread(io.BytesIO(compressed(ultrasound(GREYS), RLELossless)))
    made.PixelData = encapsulate([bytes(10_000)])
    with pytest.raises(InputError, match="holds more pixels than its header says"):
        open_dicom(written(made), max_pixels=MAX_PIXELS)


@QUIET
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_flipped_bytes_give_a_scan_or_a_sentence(data):
    source = data.draw(st.sampled_from(_WHOLE))
    broken = bytearray(source)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(132, len(source) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        frames(bytes(broken), max_pixels=1_000_000)


_WHOLE = (
    ultrasound(GREYS, regions=[region((0, 0, 39, 59), 0.01, 0.01)]),
    ultrasound(np.stack([COLOURS, COLOURS])),
    ultrasound(COLOURS, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422"),
    ultrasound(COLOURS, syntax=JPEG2000),
    compressed(ultrasound(COLOURS), RLELossless),
    compressed(ultrasound(COLOURS), JPEGLSLossless),
    as_ultrasound("SC_rgb_jpeg_gdcm.dcm"),
)


def test_nothing_of_a_patient_is_warned_of(caplog):
    data = ultrasound(GREYS, PatientBirthDate=PATIENT, StudyDate="PLANTED", PatientSex=PATIENT)
    with warnings.catch_warnings(record=True) as caught:
        scan = open_dicom(data, max_pixels=MAX_PIXELS)
        str(scan.header.get("PatientBirthDate"))
    assert not [w for w in caught if "PLANTED" in str(w.message)]
    assert "PLANTED" not in caplog.text


def test_too_little_memory_is_not_reported_as_damage():
    with pytest.raises(InputError, match="needs more memory than is free"), reading():
        np.ones(2**60, np.uint8)  # more than any machine has
