"""What Pillow and libtiff print by themselves stays off stderr, but for --debug."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

IMAGE_DESCRIPTION, STRIP_COUNTS = 270, 279


def tiff(compression: str) -> bytearray:
    pixels = (np.arange(96 * 128).reshape(96, 128) % 251).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "TIFF", compression=compression, tiffinfo={270: "x" * 40})
    return bytearray(file.getvalue())


def with_length(data: bytearray, tag: int, length: int) -> bytes:
    """The same file with another length of a tag's value."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = range(start + 2, start + 2 + 12 * count, 12)
    at = next(at for at in entries if struct.unpack_from("<H", data, at) == (tag,))
    struct.pack_into("<I", data, at + 4, length)
    return bytes(data)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisy")
    (folder / "scans").mkdir()
    files = {
        "long_tag.tif": with_length(tiff("tiff_adobe_deflate"), IMAGE_DESCRIPTION, 10**7),
        "lzw.tif": bytes(tiff("tiff_lzw")[:-400]),
        "jpeg.tif": bytes(tiff("jpeg")).replace(b"\xff\xdb", b"\xff\x00", 1),
    }
    for name, data in files.items():
        (folder / "scans" / name).write_bytes(data)
    return folder


def test_no_library_speaks_on_stderr(noisy, run):
    options = ("--no-report", "--progress", "none")
    quiet = run("segment-dir", "scans", "out", *options, cwd=noisy)
    assert quiet.err == ""
    assert "long_tag.tif" in (noisy / "out/manifest.jsonl").read_text()
    loud = run("--debug", "segment-dir", "scans", "again", *options, cwd=noisy)
    assert "Tag data larger than file" in loud.err
