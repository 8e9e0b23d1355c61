"""PNG written fast: each row's differences, packed by symbol frequency alone.

Speckle does not repeat, so looking for repeats, as encoders do, costs time and saves no space.
W3C, Portable Network Graphics (PNG) Specification, third edition, sections 5, 9 and 11.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE = 0, 2, 3
_ROWS_AT_ONCE = 64
"""So many filtered rows fit into a processor's cache, and a large image is never there twice."""
_SUB = 1
"""The filter that keeps each byte's difference from the pixel on its left."""


def encode_scan_png(pixels: NDArray[np.uint8], palette: bytes = b"") -> bytes:
    """A (rows, columns, 3) uint8 RGB image, or (rows, columns) uint8 greys, as PNG without loss.

    With a `palette`, three bytes for each of at most 256 colours, greys are its indices. Rows and
    columns are at least 1.
    """
    rows, columns = pixels.shape[:2]
    kind = _PALETTE if palette else _GREY if pixels.ndim == 2 else _RGB
    header = struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)
    pack = zlib.compressobj(level=1, strategy=zlib.Z_HUFFMAN_ONLY)
    tops = range(0, rows, _ROWS_AT_ONCE)
    strips = (_filtered(pixels[top : top + _ROWS_AT_ONCE]) for top in tops)
    data = b"".join([*(pack.compress(strip.data) for strip in strips), pack.flush()])
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", data), (b"IEND", b"")]
    wanted = (_chunk(kind, body) for kind, body in chunks if body or kind == b"IEND")
    return b"".join([_SIGNATURE, *(part for chunk in wanted for part in chunk)])


def _filtered(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(rows, 1 + columns x channels): the filter's number, then each byte less its left one."""
    rows, columns = pixels.shape[:2]
    flat = pixels.reshape(rows, -1)
    step = flat.shape[1] // columns
    lines = np.empty((rows, 1 + flat.shape[1]), np.uint8)
    lines[:, 0] = _SUB
    lines[:, 1 : 1 + step] = flat[:, :step]
    np.subtract(flat[:, step:], flat[:, :-step], out=lines[:, 1 + step :])
    return lines


def _chunk(kind: bytes, body: bytes) -> tuple[bytes, ...]:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)
