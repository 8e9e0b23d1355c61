"""What kind of file it is that busicli does not read, so that an error can name it."""

import re
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

from busicli.io.files import open_regular

UNREAD_SUFFIXES = (
    *(".gif", ".webp", ".avif", ".heic", ".heif", ".jp2", ".j2k", ".jxl"),
    *(".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"),
)
"""How images and volumes are named that are not read, so that none is left out unnoticed."""
_GZIP = 31
"""For zlib: data with a gzip header."""
_HEAD = 4096
"""Bytes that tell what is inside a gzip file or an array."""
_STARTS: Mapping[bytes, str] = {
    b"GIF8": "a GIF image",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 image",
    b"\xff\x4f\xff\x51": "a JPEG 2000 image",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL image",
    b"\xff\x0a": "a JPEG XL image",
    b"8BPS": "a Photoshop file",
    b"\x00\x00\x01\x00": "an icon",
    b"\x00\x00\x02\x00": "a cursor",
    b"DDS ": "a DDS texture",
    b"v/1\x01": "an OpenEXR image",
    b"NRRD": "an NRRD volume",
    b"NDims": "a MetaImage header",
    b"ObjectType": "a MetaImage header",
    b"\x89HDF": "an HDF5 file",
    b"MATLAB ": "a MATLAB file",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"PK\x03\x04": "a ZIP archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an XZ archive",
    b"\x1a\x45\xdf\xa3": "a video",
    b"\x00\x00\x01\xba": "a video",
    b"\x00\x00\x01\xb3": "a video",
    b"SQLite format 3": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"II\xbc\x01": "a JPEG XR image",
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself",
    b"{": "a JSON file",
}
_RIFF = {b"WEBP": "a WebP image", b"AVI ": "a video"}
_BRANDS = {b"avif": "an AVIF image", b"heic": "a HEIC image", b"heix": "a HEIC image"}
"""Of files in ISO's base media format; the others are videos."""
_BMP_HEADER = 14
_NETPBM = re.compile(rb"P([1-7F][\s#])|Pf\s")
_MARKUP = re.compile(rb"\s*(\xef\xbb\xbf)?\s*<(\?xml|!doctype|html|svg)", re.IGNORECASE)
_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
_NUMBERS = {1: "B", 3: "H", 4: "I"}
"""TIFF's types of whole numbers, as in `struct`."""
_FORMATS = {2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex floats"}
_COMPRESSIONS = {
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy DNG JPEG",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
    22610: "JPEG XR",
    34934: "JPEG XR",
}
_READ_COMPRESSIONS = {*range(1, 9), 32771, 32773, 32809, 32946, 34676, 34677, 34925, 50000}
_BITS, _COMPRESSION, _SAMPLE_FORMAT = 258, 259, 339


def unread_kind(data: bytes) -> str:
    r"""What a file is that is not read, with its article; empty where that is not known.

    >>> unread_kind(b"GIF89a"), unread_kind(b"RIFF\0\0\0\0WEBP"), unread_kind(b"?")
    ('a GIF image', 'a WebP image', '')
    """
    if data.startswith(b"\x1f\x8b"):
        return _compressed_kind(data)
    if data.startswith(b"\x93NUMPY"):
        objects = re.search(rb"'descr':\s*'\|O", data[:_HEAD])
        return "a NumPy file of Python objects, such as Cellpose's _seg.npy" * bool(objects)
    if _is_nifti(data):
        return "a NIfTI volume"
    if form := _read_form(data):
        return f"a {form} of an unusual or damaged form"
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12], "a RIFF file")
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "a video")
    if _NETPBM.match(data):
        return "a Netpbm image"
    if _MARKUP.match(data[:_HEAD]):
        return "an HTML or XML file"
    return next((kind for start, kind in _STARTS.items() if data.startswith(start)), "")


def kind_of_file(path: Path) -> str:
    """As `unread_kind`, of a file; also empty where it cannot be read."""
    try:
        with open_regular(path) as file:
            return unread_kind(file.read(_HEAD))
    except OSError:
        return ""


def unread_tiff(data: bytes) -> str:
    """What samples or compression a TIFF holds that are not read; empty where they are, and of
    other files.

    Only the first image is looked at.
    """
    order = _TIFF.get(data[:4])
    if order is None:
        return ""
    try:
        tags = _first_tags(data, order)
    except struct.error:
        return ""
    bits, form = tags.get(_BITS, 1), tags.get(_SAMPLE_FORMAT, 1)
    compression = tags.get(_COMPRESSION, 1)
    if compression not in _READ_COMPRESSIONS:
        return f"a TIFF compressed as {_COMPRESSIONS.get(compression, f'number {compression}')}"
    read = {1: bits <= 32, 2: bits in (16, 32), 3: bits == 32, 4: bits <= 32}.get(form, False)
    return "" if read else f"a TIFF of {bits}-bit {_FORMATS.get(form, 'integers')}"


def _first_tags(data: bytes, order: str) -> dict[int, int]:
    """The first value of each tag of whole numbers in the first directory."""
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    tags = {}
    for number in range(count):
        at = start + 2 + 12 * number
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, at)
        if code := _NUMBERS.get(kind):
            inside = struct.calcsize(code) * length <= 4
            (where,) = (at + 8,) if inside else struct.unpack_from(f"{order}I", data, at + 8)
            (tags[tag],) = struct.unpack_from(f"{order}{code}", data, where)
    return tags


def _read_form(data: bytes) -> str:
    """The format of an image that would be read if its header were as usual."""
    if data.startswith(b"\x89PNG\r\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:2] == b"BM" and data[6:10] == bytes(4) and len(data) > _BMP_HEADER:
        return "BMP"
    return "TIFF" if data[:4] in _TIFF else ""


def _compressed_kind(data: bytes) -> str:
    try:
        head = zlib.decompressobj(wbits=_GZIP).decompress(data, _HEAD)
    except zlib.error:
        return "a gzip archive"
    return "a compressed NIfTI volume" if _is_nifti(head) else "a gzip archive"


def _is_nifti(data: bytes) -> bool:
    sizes = {int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big")}
    first, second = 348 in sizes and data[344:347], 540 in sizes and data[4:7]
    return first in (b"n+1", b"ni1") or second in (b"n+2", b"ni2")
