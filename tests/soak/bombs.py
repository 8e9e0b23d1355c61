"""Small files that would take all memory or hours: one of each kind, made from nothing."""

import struct
import zlib

import numpy as np
from PIL import Image as Pillow
from pydicom.uid import JPEG2000, DeflatedExplicitVRLittleEndian

from tests.dicom_maker import ultrasound
from tests.made_images import stored

SQ_END, ITEM, ITEM_END = (struct.pack("<HHL", 0xFFFE, e, 0) for e in (0xE0DD, 0xE000, 0xE00D))
OPEN_ITEM = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
GREY = (np.arange(60 * 80).reshape(60, 80) % 251).astype(np.uint8)


def _inserted(element: bytes, before: bytes) -> bytes:
    """A deflated ultrasound object with one more element, right before another's tag."""
    plain = ultrasound(GREY)
    deflated = ultrasound(GREY, syntax=DeflatedExplicitVRLittleEndian)
    begin = plain.index(b"\x08\x00\x16\x00UI")  # the data set begins with its SOP class
    at = plain.index(before, begin)
    body = plain[begin:at] + element + plain[at:]
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflated[: _end_of_meta(deflated)] + packer.compress(body) + packer.flush()


def _end_of_meta(data: bytes) -> int:
    """Where the file meta information ends: its first element holds its length."""
    (length,) = struct.unpack_from("<L", data, 132 + 8)
    return 132 + 12 + length


def _element(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    long = vr in (b"SQ", b"OB", b"OW", b"UN", b"UT")
    form = "<HH2sHL" if long else "<HH2sH"
    length = (0, len(value)) if long else (len(value),)
    return struct.pack(form, group, element, vr, *length) + value


def _open_sequence(group: int, element: int, content: bytes) -> bytes:
    return struct.pack("<HH2sHL", group, element, b"SQ", 0, 0xFFFFFFFF) + content + SQ_END


PIXELS = b"\x28\x00\x02\x00US"
"""The tag of SamplesPerPixel, the first of the image's own elements."""


def dicom_items() -> bytes:
    """8 million empty items in a sequence without a length."""
    return _inserted(_open_sequence(0x0019, 0x1001, 8_000_000 * ITEM), PIXELS)


def dicom_regions() -> bytes:
    """8 million ultrasound regions in a sequence with its length."""
    return _inserted(_element(0x0018, 0x6011, b"SQ", 8_000_000 * ITEM), b"\x20\x00\x0d\x00UI")


def dicom_elements() -> bytes:
    """2 million elements in the data set itself."""
    numbered = np.zeros((2_000_000, 2), "<u4")
    numbered[:, 1] = np.frombuffer(b"LO\0\0", "<u4")[0]
    numbers = np.arange(2_000_000, dtype="<u4")
    numbered[:, 0] = (0x1000 + numbers % 0xE000) << 16 | (0x0009 + 2 * (numbers // 0xE000) % 8)
    return _inserted(numbered.tobytes(), b"\x10\x00\x10\x00PN")


def dicom_depth() -> bytes:
    """Sequences a million deep."""
    level = struct.pack("<HH2sHL", 0x0019, 0x1001, b"SQ", 0, 0xFFFFFFFF) + OPEN_ITEM
    return _inserted(level * 1_000_000, PIXELS)


def dicom_values() -> bytes:
    """A spacing of 30 million numbers."""
    spacing = _element(0x0028, 0x0030, b"UT", b"1\\" * 30_000_000)
    return _inserted(spacing, b"\x28\x00\x00\x01US")


def jpeg2000_tiles() -> bytes:
    """A JPEG 2000 image of 65,025 tiles, none of which is there."""
    made = ultrasound(np.zeros((9_945, 9_945), np.uint8), syntax=JPEG2000)
    tile = struct.pack(">2L", 9_945, 9_945)
    at = made.index(b"\xff\x4f\xff\x51")
    size = made.index(tile, made.index(tile, at) + 8)
    return made[:size] + struct.pack(">2L", 39, 39) + made[size + 8 :]


def tiff_directories() -> bytes:
    """A million frames, each a directory of one entry, behind the first."""
    first = stored(Pillow.fromarray(GREY), "TIFF")
    (at,) = struct.unpack_from("<L", first, 4)
    (count,) = struct.unpack_from("<H", first, at)
    chain = bytearray()
    for number in range(1_000_000):
        following = len(first) + 18 * (number + 1)
        chain += struct.pack("<HHHLLL", 1, 254, 4, 1, 0, following)
    end = at + 2 + 12 * count
    return first[:end] + struct.pack("<L", len(first)) + first[end + 4 :] + bytes(chain)


def jpeg_segments() -> bytes:
    """Ten million empty segments before the pixels."""
    plain = stored(Pillow.fromarray(GREY), "JPEG")
    return plain[:2] + b"\xff\xe5\0\2" * 10_000_000 + plain[2:]


def jpeg_scans() -> bytes:
    """A progressive JPEG of 60 megapixels with 20,000 passes over it."""
    side = 7_744
    plain = stored(Pillow.new("L", (side, side), 128), "JPEG", progressive=True)
    last = plain.rindex(b"\xff\xda")
    passes = plain[last:-2]
    return plain[:-2] + passes * (20_000_000 // len(passes)) + plain[-2:]


def png_pixels() -> bytes:
    """Ten thousand by ten thousand black pixels, less one row: as many as are allowed."""
    return stored(Pillow.new("L", (10_000, 9_999)), "PNG")


def png_chunks() -> bytes:
    """Ten million empty chunks before the pixels."""
    plain = stored(Pillow.fromarray(GREY), "PNG")
    empty = struct.pack(">L4sL", 0, b"teST", zlib.crc32(b"teST"))
    return plain[:33] + empty * 10_000_000 + plain[33:]


BOMBS = {
    "dicom-items.dcm": dicom_items,
    "dicom-regions.dcm": dicom_regions,
    "dicom-elements.dcm": dicom_elements,
    "dicom-depth.dcm": dicom_depth,
    "dicom-values.dcm": dicom_values,
    "jpeg2000-tiles.dcm": jpeg2000_tiles,
    "tiff-directories.tif": tiff_directories,
    "jpeg-segments.jpg": jpeg_segments,
    "jpeg-scans.jpg": jpeg_scans,
    "png-chunks.png": png_chunks,
}
