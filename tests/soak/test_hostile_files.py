"""Files that are broken, far too large, or very many."""

import json
import struct
import sys
import time
import zlib
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from tests.dicom_maker import compressed, region, ultrasound, written
from tests.soak.jobs import image, peak_mb

MUTATED = 10_000
MUTATED_DICOM = 2_000
MANY = 50_000
FORMS = ("PNG", "JPEG", "TIFF", "BMP")


def segmenting(out: str, *options: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "busicli",
        "segment-dir",
        "scans",
        out,
        "--progress",
        "none",
        *options,
    ]


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """The file with bits flipped, cut short, or continued as another file."""
    kind = rng.integers(3)
    if kind == 0:
        changed = np.frombuffer(data, np.uint8).copy()
        positions = rng.integers(0, len(changed), rng.integers(1, 20))
        changed[positions] ^= np.uint8(1) << rng.integers(0, 8, len(positions), dtype=np.uint8)
        return changed.tobytes()
    cut = int(rng.integers(0, len(data)))
    return data[:cut] if kind == 1 else data[:cut] + other[int(rng.integers(0, len(other))) :]


def check_mutated(good: dict[str, bytes], count: int, folder: Path, *options: str) -> None:
    """Each of so many broken files has its row, none hangs, crashes or swells."""
    rng = np.random.default_rng(0)
    names = list(good)
    (folder / "scans").mkdir(parents=True)
    for number in range(count):
        one, other = (names[position] for position in rng.integers(len(names), size=2))
        name = f"{number:05d}-{one}"
        (folder / "scans" / name).write_bytes(mutated(good[one], good[other], rng))
    started = time.monotonic()
    status, peak, err = peak_mb(segmenting("out", *options), folder)
    assert time.monotonic() - started < 10 + count / 5
    assert status in (0, 3)
    assert "Traceback" not in err
    assert peak < 1000
    rows = [json.loads(line) for line in (folder / "out" / "manifest.jsonl").open()]
    assert len(rows) == count
    assert all(row["reason"] for row in rows if row["status"] != "ok")


def test_ten_thousand_broken_files_each_have_their_row(tmp_path):
    good = {f"x.{form.lower()}": image(form, 48, seed) for seed, form in enumerate(FORMS)}
    check_mutated(good, MUTATED, tmp_path, "--no-overlays")


def test_broken_dicom_files_each_have_their_row(tmp_path):
    grey = (np.arange(60 * 80).reshape(60, 80) % 251).astype(np.uint8)
    colour = np.dstack([grey, grey[::-1], grey])
    good = {
        "grey.dcm": ultrasound(grey, regions=[region((0, 0, 59, 79), 0.01, 0.01)]),
        "cine.dcm": ultrasound(np.stack([colour, colour])),
        "jpeg.dcm": ultrasound(colour, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422"),
        "jpeg2000.dcm": ultrasound(colour, syntax=JPEG2000),
        "rle.dcm": compressed(ultrasound(colour), RLELossless),
        "jpegls.dcm": compressed(ultrasound(colour), JPEGLSLossless),
        "lossless.dcm": lossless_jpeg(),
    }
    check_mutated(good, MUTATED_DICOM, tmp_path, "--dicom", "seg,sr,sc", "--jobs", "2")


def lossless_jpeg() -> bytes:
    """One of pydicom's own files, said to be ultrasound: no encoder is at hand."""
    made = dcmread(get_testdata_file("SC_rgb_jpeg_gdcm.dcm"))
    made.Modality = "US"
    return written(made)


def png_of(rows: int, columns: int) -> bytes:
    """A PNG that claims to be so large, its pixels all 0 and packed into few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000 * 1000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_images_that_swell_are_refused_at_once_and_undecoded(tmp_path):
    (tmp_path / "scans").mkdir()
    for number, side in enumerate((20_000, 100_000, 2**31 - 1)):
        (tmp_path / "scans" / f"{number}.png").write_bytes(png_of(side, side))
    (tmp_path / "scans" / "fine.png").write_bytes(image("PNG", 48, 0))
    started = time.monotonic()
    status, peak, err = peak_mb(segmenting("out"), tmp_path)
    taken = time.monotonic() - started
    assert status == 3
    rows = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").open()]
    assert [row["status"] for row in rows] == ["failed"] * 3 + ["ok"]
    assert "Traceback" not in err
    for number in range(3):
        (tmp_path / "scans" / f"{number}.png").unlink()
    started = time.monotonic()
    _, without, _ = peak_mb(segmenting("other"), tmp_path)
    assert taken < time.monotonic() - started + 3  # a second each
    assert peak < without + 300


def test_time_and_memory_a_scan_do_not_grow_with_their_number(tmp_path):
    spent = {}
    for count in (MANY // 10, MANY):
        folder = tmp_path / str(count)
        (folder / "scans").mkdir(parents=True)
        data = image("PNG", 8, 0)
        for number in range(count):
            (folder / "scans" / f"{number:05d}.png").write_bytes(data)
        started = time.monotonic()
        status, peak, _ = peak_mb(segmenting("out", "--no-overlays"), folder)
        assert status == 0
        spent[count] = (time.monotonic() - started) / count, peak
    few, many = spent[MANY // 10], spent[MANY]
    assert many[0] < 1.2 * few[0]
    assert many[1] < 1.3 * few[1]
