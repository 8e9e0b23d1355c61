"""Whether a file's own structure bounds what decoding it costs, seen without decoding it.

Decoding such a file takes time and memory in proportion to its pixels. Of all other files nothing
is known: they are decoded where they can be killed.
"""

import struct

from busicli.io.dicom.codestream import is_plain_jpeg

_MAX_PIXELS = 16 * 2**20
"""Of an image that is decoded at once; more take seconds."""
_MAX_CHUNKS = 4096
_MAX_BESIDE = 64 * 2**10
"""Bytes of a PNG beside its pixels."""
_PNG = b"\x89PNG\r\n\x1a\n"
_KNOWN = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
"""Chunks of a PNG that hold its pixels."""
_ANIMATED = b"acTL"


def is_bounded_image(data: bytes) -> bool:
    """Whether a PNG, JPEG or BMP costs no more than its pixels, which are at most 16 million.

    >>> is_bounded_image(b"no image")
    False
    """
    if data.startswith(_PNG):
        return _is_bounded_png(data)
    if data.startswith(b"BM"):
        return _is_bounded_bmp(data)
    return is_plain_jpeg(data, max_pixels=_MAX_PIXELS)


def _is_bounded_png(data: bytes) -> bool:
    """Few chunks, little beside the pixels, one frame."""
    position, beside, pixels = len(_PNG), 0, 0
    for _ in range(_MAX_CHUNKS):
        if position + 12 > len(data):
            return False
        length, kind = struct.unpack_from(">L4s", data, position)
        if kind == b"IHDR":
            width, height = struct.unpack_from(">2L", data, position + 8)
            pixels = width * height
        if kind == b"IEND":
            return beside <= _MAX_BESIDE and 0 < pixels <= _MAX_PIXELS
        if kind == _ANIMATED:
            return False
        beside += 0 if kind in _KNOWN else length
        position += 12 + length
    return False


def _is_bounded_bmp(data: bytes) -> bool:
    """Not run-length encoded, and of so many pixels."""
    if len(data) < 34 or struct.unpack_from("<L", data, 14)[0] < 40:
        return False
    width, height = struct.unpack_from("<2l", data, 18)
    (compression,) = struct.unpack_from("<L", data, 30)
    return compression in (0, 3) and 0 < width * abs(height) <= _MAX_PIXELS
