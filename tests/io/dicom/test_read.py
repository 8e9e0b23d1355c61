import contextlib
import io
import shutil
import subprocess
import warnings
import zlib
from pathlib import Path

import numpy as np
import pydicom.examples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from busicli.errors import InputError
from busicli.io.dicom.codestream import image_size
from busicli.io.dicom.read import NotUltrasoundError, is_dicom, open_dicom, reading
from busicli.io.images import MAX_PIXELS
from tests.dicom_maker import PATIENT, compressed, region, ultrasound, written

GREYS = (np.arange(40 * 60).reshape(40, 60) % 251).astype(np.uint8)
COLOURS = np.dstack([GREYS, GREYS[::-1], np.full_like(GREYS, 7)])
FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
QUIET = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def frames(data: bytes, max_pixels: int = MAX_PIXELS) -> list[np.ndarray]:
    return [frame.image for frame in open_dicom(data, max_pixels=max_pixels).frames()]


def only(data: bytes) -> np.ndarray:
    (frame,) = frames(data)
    assert frame.dtype == np.uint8
    assert frame.shape[2] == 3
    return frame


def as_ultrasound(name: str) -> bytes:
    """One of pydicom's own files, said to be ultrasound."""
    made = dcmread(FOLDER / name)
    made.Modality = "US"
    return written(made)


def grey_of(data: bytes) -> np.ndarray:
    frame = only(data)
    assert (frame == frame[..., :1]).all()
    return frame[..., 0]


def test_greys_come_as_they_are():
    assert (grey_of(ultrasound(GREYS)) == GREYS).all()


def test_monochrome1_is_turned_round():
    assert (grey_of(ultrasound(GREYS, photometric="MONOCHROME1")) == 255 - GREYS).all()


def test_colours_stay_red_green_blue():
    assert (only(ultrasound(COLOURS)) == COLOURS).all()


def test_ybr_becomes_rgb():
    luma = np.dstack([GREYS, np.full_like(GREYS, 128), np.full_like(GREYS, 128)])
    assert (grey_of(ultrasound(luma, photometric="YBR_FULL")) == GREYS).all()


def test_a_palette_gives_its_colours():
    ramp = (np.arange(256, dtype=np.uint16) << 8).tobytes()
    flat = np.full(256, 7 << 8, np.uint16).tobytes()
    tables = {
        f"{colour}PaletteColorLookupTable{part}": value
        for colour, table in (("Red", ramp), ("Green", ramp), ("Blue", flat))
        for part, value in (("Descriptor", [256, 0, 16]), ("Data", table))
    }
    frame = only(ultrasound(GREYS, photometric="PALETTE COLOR", **tables))
    assert (frame == np.dstack([GREYS, GREYS, np.full_like(GREYS, 7)])).all()


def test_16_bits_become_8():
    wide = GREYS.astype(np.uint16) * 257  # 65535 / 255
    assert (grey_of(ultrasound(wide)) == GREYS).all()


def test_12_bits_of_16_become_8():
    wide = np.array([[0, 2048, 4095, 0]], np.uint16)
    data = ultrasound(wide, BitsStored=12, HighBit=11)
    assert grey_of(data).tolist() == [[0, 128, 255, 0]]  # 2048 / 4095 * 255 = 127.5, to even


def test_a_window_is_what_a_viewer_shows():
    # PS3.3 C.11.2.1.2: below 50 + 0.5 - 50.5 black, above 50 + 0.5 + 49.5 white
    data = ultrasound(np.array([[0, 50, 100, 200]], np.uint8), WindowCenter=50.5, WindowWidth=101)
    assert grey_of(data).tolist() == [[0, 128, 255, 255]]


def table(bits: int, entries: list[int]) -> Dataset:
    """A look-up table of stored values from 0 up."""
    made = Dataset()
    made.LUTDescriptor, made.ModalityLUTType = [len(entries), 0, bits], "US"
    made.LUTData = np.array(entries, "<u2").tobytes()
    made["LUTData"].VR = "OW"
    return made


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        *[("VOILUTSequence", bits) for bits in (8, 12, 16)],
        *[("ModalityLUTSequence", bits) for bits in (8, 16)],  # of 12 pydicom reads none
    ],
)
def test_a_table_is_black_and_white_at_the_ends_of_its_own_bits(name, bits):
    entries = np.linspace(0, 2**bits - 1, 256).round().astype(int)[::-1].tolist()
    data = ultrasound(np.array([[0, 128, 255, 0]], np.uint8), **{name: [table(bits, entries)]})
    assert grey_of(data).tolist() == [[255, 127, 0, 255]]


def test_frames_of_a_cine_come_ordered_map():
    found = frames(ultrasound(np.stack([GREYS, GREYS[::-1], GREYS[:, ::-1]])))
    assert [(frame[..., 0] == GREYS).all() for frame in found] == [True, False, False]
    assert (found[1][..., 0] == GREYS[::-1]).all()


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
@pytest.mark.parametrize("pixels", [GREYS, COLOURS, np.stack([COLOURS, COLOURS[::-1]])])
def test_lossless_compression_changes_nothing(pixels, syntax):
    plain = ultrasound(pixels)
    assert np.array_equal(frames(compressed(plain, syntax)), frames(plain))


def test_jpeg_2000_without_loss_changes_nothing():
    assert (only(ultrasound(COLOURS, syntax=JPEG2000)) == COLOURS).all()


def test_jpeg_is_near():
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    found = grey_of(ultrasound(smooth, syntax=JPEGBaseline8Bit)).astype(int)
    assert np.abs(found - smooth).max() <= 2


@QUIET
def test_lossless_jpeg_of_another_program_is_read():
    assert (
        only(as_ultrasound("SC_rgb_jpeg_gdcm.dcm")) == only(as_ultrasound("SC_rgb_rle.dcm"))
    ).all()


@pytest.mark.skipif(not shutil.which("dcmcjpeg"), reason="needs dcmcjpeg: Debian package dcmtk")
@pytest.mark.parametrize("process", ["+e1", *(f"+el +sv {n}" for n in range(1, 8))])
@pytest.mark.parametrize("pixels", [GREYS, COLOURS, np.stack([COLOURS, COLOURS[::-1]])])
def test_lossless_jpeg_changes_nothing(pixels, process, tmp_path):
    plain = ultrasound(pixels)
    assert np.array_equal(frames(of_dcmtk(plain, process, tmp_path)), frames(plain))


@pytest.mark.skipif(not shutil.which("dcmcjpeg"), reason="needs dcmcjpeg: Debian package dcmtk")
def test_lossless_jpeg_of_ybr_becomes_rgb(tmp_path):
    luma = np.dstack([GREYS, np.full_like(GREYS, 128), np.full_like(GREYS, 128)])
    plain = ultrasound(luma, photometric="YBR_FULL")
    assert (grey_of(of_dcmtk(plain, "+e1", tmp_path)) == GREYS).all()


@pytest.mark.skipif(not shutil.which("dcmcjpeg"), reason="needs dcmcjpeg: Debian package dcmtk")
def test_lossless_jpeg_of_16_bits_is_refused_by_name(tmp_path):
    wide = ultrasound(GREYS.astype(np.uint16) << 4)
    with pytest.raises(InputError, match="more than 8 bits"):
        frames(of_dcmtk(wide, "+e1", tmp_path))


def of_dcmtk(data: bytes, process: str, folder: Path) -> bytes:
    (folder / "plain.dcm").write_bytes(data)
    arguments = [*process.split(), folder / "plain.dcm", folder / "lossless.dcm"]
    subprocess.run(["dcmcjpeg", *map(str, arguments)], check=True)
    return (folder / "lossless.dcm").read_bytes()


def test_a_deflated_object_is_read():
    deflated = ultrasound(GREYS, syntax=DeflatedExplicitVRLittleEndian)
    assert (grey_of(deflated) == GREYS).all()


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        ("rgb_color", (240, 320, 3), 1),
        ("palette_color", (350, 800, 3), 1),
        ("jpeg2k", (480, 640, 3), 1),
        ("ybr_color", (240, 320, 3), 30),
    ],
)
def test_real_ultrasound(name, shape, count):
    data = Path(pydicom.examples.get_path(name)).read_bytes()
    found = frames(data)
    assert len(found) == count
    assert {frame.shape for frame in found} == {shape}
    assert all(frame.max() > 10 for frame in found)


def test_real_ultrasound_of_the_old_byte_order():
    frame = only(Path(get_testdata_file("ExplVR_BigEnd.dcm")).read_bytes())
    assert frame.shape == (60, 80, 3)


@QUIET
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.*")), ids=lambda path: path.name)
def test_whatever_pydicom_tries_itself_on_is_a_scan_or_one_sentence(path):
    data = path.read_bytes()
    if not is_dicom(data):
        return
    with contextlib.suppress(InputError):
        assert frames(data)


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


@pytest.mark.parametrize("form", ["JPEG", "JPEG2000"])
def test_a_stream_says_its_size(form):
    file = io.BytesIO()
    Pillow.new("RGB", (70, 50)).save(file, form)
    assert image_size(file.getvalue()) == (50, 70, 3)


def test_a_boxed_stream_that_contradicts_its_box_has_no_size():
    file = io.BytesIO()
    Pillow.new("RGB", (70, 50)).save(file, "JPEG2000")
    box = file.getvalue().index(b"ihdr") + 4
    lying = bytearray(file.getvalue())
    lying[box : box + 4] = (51).to_bytes(4, "big")
    assert image_size(bytes(lying)) is None


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\xff\x4f\xff\x51"]))
def test_any_bytes_have_a_size_or_none(tail, start):
    found = image_size(start + tail)
    assert found is None or len(found) == 3


def test_too_little_memory_is_not_reported_as_damage():
    with pytest.raises(InputError, match="needs more memory than is free"), reading():
        np.ones(2**60, np.uint8)  # more than any machine has
