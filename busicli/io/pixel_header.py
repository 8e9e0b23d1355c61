"""What the header of an image file, other than DICOM, says of its pages and their greys."""

from dataclasses import dataclass
from math import isfinite

from PIL import Image as Pillow

_SUBFILE, _OLD_SUBFILE, _BITS, _PHOTOMETRIC = 254, 255, 258, 262
_HIGHEST, _HIGHEST_OF_FORMAT = 281, 341
"""Tags of TIFF 6.0."""
_REDUCED, _MASK = 1, 4
"""Flags of NewSubfileType."""
_WHITE_IS_ZERO = 0
_PNG_CHUNKS = 33
"""Where the chunks after a PNG's header begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelHeader:
    """What is said of one page's samples."""

    room: int = 8
    """Bits that the container has for a sample."""
    stated: int | None = None
    """Bits of a grey sample according to the header; None where it says nothing."""
    white_is_zero: bool = False
    """Of greys of more than 8 bits; Pillow inverts the others itself."""


def page_count(image: Pillow.Image) -> int:
    """Pages of an opened file.

    A JPEG has one: its second image is a copy for monitors, or a gain map.
    """
    return 1 if image.format in ("MPO", "JPEG") else int(getattr(image, "n_frames", 1))


def is_page(image: Pillow.Image) -> bool:
    """Whether the page that a file is turned to is a frame, not a thumbnail or a mask."""
    flags = _number(image, _SUBFILE) or 0
    return not flags & (_REDUCED | _MASK) and _number(image, _OLD_SUBFILE) != 2


def pixel_header(image: Pillow.Image, data: bytes) -> PixelHeader:
    """What the header says of the page that a file is turned to; `data` is the file's bytes."""
    if image.format == "TIFF":
        return _of_tiff(image)
    if image.format == "PNG":
        return PixelHeader(room=data[24], stated=_plausible(_significant_bits(data)))
    return PixelHeader()


def _of_tiff(image: Pillow.Image) -> PixelHeader:
    room = _number(image, _BITS) or 1
    highest = _number(image, _HIGHEST) or _number(image, _HIGHEST_OF_FORMAT) or 0
    stated = room if room % 8 else highest.bit_length()
    return PixelHeader(
        room=room,
        stated=_plausible(stated),
        white_is_zero=_number(image, _PHOTOMETRIC) == _WHITE_IS_ZERO,
    )


def _number(image: Pillow.Image, tag: int) -> int | None:
    """The first value of a TIFF's tag; None where it is missing or not a number."""
    value = getattr(image, "tag_v2", {}).get(tag)
    if isinstance(value, tuple):
        value = value[0] if value else None
    return int(value) if isinstance(value, (int, float)) and isfinite(value) else None


def _plausible(bits: int) -> int | None:
    return bits if 8 <= bits <= 16 else None


def _significant_bits(data: bytes) -> int:
    """The bits of a PNG's first channel according to its sBIT chunk, before IDAT; 0 for none."""
    position = _PNG_CHUNKS
    while (kind := data[position + 4 : position + 8]) not in (b"IDAT", b"IEND", b""):
        if kind == b"sBIT":
            return data[position + 8]
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return 0
