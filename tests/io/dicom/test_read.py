import contextlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom.examples
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from busicli.errors import InputError
from busicli.io.dicom.read import is_dicom
from tests.dicom_maker import compressed, ultrasound
from tests.io.dicom.made_frames import COLOURS, FOLDER, GREYS, QUIET, as_ultrasound, frames, only


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
