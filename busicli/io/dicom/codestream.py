"""What the header of a compressed image says, read without decoding it."""

from collections.abc import Iterator
from itertools import islice

_START = b"\xff\xd8"
_START_2000 = b"\xff\x4f\xff\x51"
_BOXES_2000 = b"\x00\x00\x00\x0cjP  "
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Markers that begin a frame: JPEG's (ISO 10918-1 B.1.1.3) and JPEG-LS's (ISO 14495-1 C.1.1)."""
_SEQUENTIAL = frozenset({0xC0, 0xC1})
"""Of these, those of one pass."""
_PASS = b"\xff\xda"
_MAX_SEGMENTS = 64
_MAX_STEPS = 10_000
"""Segments, fill bytes or boxes that are looked at."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length field."""

_COD = 0x52
"""JPEG 2000's marker of how components are coded."""

Size = tuple[int, int, int]
"""Rows, columns and samples per pixel."""


def image_size(stream: bytes) -> Size | None:
    """The size in the header of a JPEG, JPEG-LS or JPEG 2000 stream; None if it is not found.

    >>> image_size(bytes.fromhex("ffd8 ffc0 0011 08 0102 0304 03"))
    (258, 772, 3)
    >>> image_size(b"no image") is None
    True
    """
    if stream.startswith(_START):
        return _size_jpeg(stream)
    if stream.startswith(_BOXES_2000):
        return _size_boxed(stream)
    if stream.startswith(_START_2000):
        return _size_2000(stream)
    return None


def is_plain_jpeg(stream: bytes, *, max_pixels: int) -> bool:
    """Whether a JPEG stream has one pass over at most so many pixels, and few segments before it.

    Decoding it then takes time in proportion to its pixels; thousands of passes over a progressive
    image take hours. Within a pass, the marker of another cannot occur.
    """
    if not stream.startswith(_START) or stream.count(_PASS) != 1:
        return False
    pixels = 0
    for marker, position in islice(_segments(stream), _MAX_SEGMENTS):
        if marker in _FRAMES:
            rows, columns = (_number(stream, position + at, 2) for at in (5, 7))
            pixels = rows * columns if marker in _SEQUENTIAL else 0
        elif marker == _PASS[1]:
            return 0 < pixels <= max_pixels
    return False


def may_have_passes(stream: bytes) -> bool:
    """Whether a JPEG stream may have several passes over its pixels; one with a thumbnail may."""
    return stream.startswith(_START) and stream.count(_PASS) > 1


def component_ids(stream: bytes) -> bytes:
    r"""The numbers that a JPEG stream gives its components; empty if they are not found.

    >>> component_ids(bytes.fromhex("ffd8 ffc0 0011 08 0102 0304 03 011100 021100 031100"))
    b'\x01\x02\x03'
    """
    frame = _frame_jpeg(stream)
    return stream[frame + 10 : frame + 10 + 3 * stream[frame + 9] : 3] if frame else b""


def has_colour_transform(stream: bytes) -> bool:
    """Whether a JPEG 2000 stream's first components are transformed, which its decoder undoes.

    From the COD marker of the main header: ISO 15444-1 A.6.1.
    """
    codestream = _codestream_2000(stream)
    for marker, position in islice(_segments(codestream), _MAX_SEGMENTS):
        if marker == _COD and position + 9 <= len(codestream):
            return bool(codestream[position + 8])
    return False


def _size_jpeg(stream: bytes) -> Size | None:
    frame = _frame_jpeg(stream)
    if not frame:
        return None
    return _number(stream, frame + 5, 2), _number(stream, frame + 7, 2), stream[frame + 9]


def _frame_jpeg(stream: bytes) -> int:
    """Where the frame's header begins; 0 if it is not found."""
    for marker, position in _segments(stream):
        if marker in _FRAMES and position + 10 <= len(stream):
            return position
    return 0


def _segments(stream: bytes) -> Iterator[tuple[int, int]]:
    """Each segment's marker and position, from the stream's start to the first that is damaged."""
    position = len(_START)
    for _ in range(_MAX_STEPS):
        if position + 4 > len(stream) or stream[position] != 0xFF:
            return
        marker = stream[position + 1]
        if marker == 0xFF:  # fill bytes
            position += 1
        elif marker in _ALONE:
            position += 2
        else:
            yield marker, position
            position += 2 + _number(stream, position + 2, 2)


def _size_2000(codestream: bytes) -> Size | None:
    """From the SIZ marker, which comes first: ISO 15444-1 A.5.1."""
    siz = codestream[len(_START_2000) :]
    if not codestream.startswith(_START_2000) or len(siz) < 38:
        return None
    right, bottom, left, top = (_number(siz, 4 + 4 * i, 4) for i in range(4))
    return bottom - top, right - left, _number(siz, 36, 2)


def _size_boxed(stream: bytes) -> Size | None:
    """The size in the codestream's own box, not in bytes elsewhere that look like one.

    None if the header box before it says otherwise: decoders differ in which they trust.
    ISO 15444-1 I.5.
    """
    said = None
    for kind, content in _boxes(stream):
        if kind == b"jp2c":
            found = _size_2000(content)
            return found if found == said else None
        if kind == b"jp2h" and content[4:8] == b"ihdr":  # always its first
            rows, columns = (_number(content, 8 + 4 * i, 4) for i in range(2))
            said = rows, columns, _number(content, 16, 2)
    return None


def _codestream_2000(stream: bytes) -> bytes:
    """The codestream without the boxes around it; empty if there is none."""
    if not stream.startswith(_BOXES_2000):
        return stream
    return next((content for kind, content in _boxes(stream) if kind == b"jp2c"), b"")


def _boxes(stream: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box, up to the first that is cut short or runs backwards."""
    position = 0
    for _ in range(_MAX_STEPS):
        if position + 8 > len(stream):
            return
        length, kind, begin = (
            _number(stream, position, 4),
            stream[position + 4 : position + 8],
            position + 8,
        )
        if length == 1:
            length, begin = _number(stream, begin, 8), begin + 8
        end = position + length if length else len(stream)
        yield kind, stream[begin:end]
        if end < begin:
            return
        position = end


def _number(stream: bytes, position: int, length: int) -> int:
    return int.from_bytes(stream[position : position + length], "big")
