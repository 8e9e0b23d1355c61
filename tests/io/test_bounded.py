import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from busicli.io.bounded import is_bounded_image
from tests.made_images import stored

GREYS = Pillow.fromarray((np.arange(48 * 64).reshape(48, 64) % 251).astype(np.uint8))


def with_chunks(kind: bytes, data: bytes, count: int) -> bytes:
    """The PNG with more chunks behind its header, which takes 8 + 25 bytes."""
    plain = stored(GREYS, "PNG")
    chunk = struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
    return plain[:33] + count * chunk + plain[33:]


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP"])
def test_ordinary_images_are_bounded(form, mode):
    assert is_bounded_image(stored(GREYS.convert(mode), form))


@pytest.mark.parametrize(
    "data",
    [
        stored(GREYS, "JPEG", progressive=True),
        stored(GREYS, "TIFF"),
        stored(GREYS, "PNG", save_all=True, append_images=[GREYS.rotate(180)]),
        with_chunks(b"teST", b"", 5000),
        with_chunks(b"iCCP", bytes(70_000), 1),
        stored(GREYS, "PNG")[:-12],
        stored(Pillow.new("L", (4097, 4097)), "PNG"),  # over 16 * 2**20 pixels
        stored(GREYS, "JPEG")[:2] + 70 * b"\xff\xe5\0\2" + stored(GREYS, "JPEG")[2:],
        stored(GREYS, "JPEG")[:2] + 20_000 * b"\xff" + stored(GREYS, "JPEG")[2:],
        stored(GREYS, "BMP")[:30] + b"\1" + stored(GREYS, "BMP")[31:],  # run-length encoded
        b"BM",
        b"",
    ],
    ids=[
        *("passes", "TIFF", "animated", "chunks", "profile", "cut", "large"),
        *("segments", "fill bytes", "run lengths", "stub", "empty"),
    ],
)
def test_what_may_cost_more_than_its_pixels_is_not(data):
    assert not is_bounded_image(data)
