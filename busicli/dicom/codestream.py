"""The size that a compressed picture says it has, read from its bytes without decoding them."""

_START = b"\xff\xd8"
_START_2000 = b"\xff\x4f\xff\x51"
_BOXES_2000 = b"\x00\x00\x00\x0cjP  "
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Markers that begin a frame: JPEG's (ISO 10918-1 B.1.1.3) and JPEG-LS's (ISO 14495-1 C.1.1)."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers that no length follows."""


def picture_size(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG, JPEG-LS or JPEG 2000 stream; None where none are found.

    >>> picture_size(bytes.fromhex("ffd8 ffc0 0011 08 0102 0304"))
    (258, 772)
    >>> picture_size(b"no picture") is None
    True
    """
    if stream.startswith(_START):
        return _size_jpeg(stream)
    start = stream.find(_START_2000) if stream.startswith(_BOXES_2000) else 0
    if start >= 0 and stream.startswith(_START_2000, start):
        return _size_2000(stream[start + 4 :])
    return None


def _size_jpeg(stream: bytes) -> tuple[int, int] | None:
    place = len(_START)
    while place + 9 <= len(stream):
        if stream[place] != 0xFF:
            return None
        marker = stream[place + 1]
        if marker == 0xFF:  # fill bytes
            place += 1
        elif marker in _ALONE:
            place += 2
        elif marker in _FRAMES:
            return _number(stream, place + 5, 2), _number(stream, place + 7, 2)
        else:
            place += 2 + _number(stream, place + 2, 2)
    return None


def _size_2000(size_marker: bytes) -> tuple[int, int] | None:
    """From the SIZ marker's content: ISO 15444-1 A.5.1."""
    if len(size_marker) < 20:
        return None
    right, bottom, left, top = (_number(size_marker, 4 + 4 * i, 4) for i in range(4))
    return bottom - top, right - left


def _number(stream: bytes, place: int, length: int) -> int:
    return int.from_bytes(stream[place : place + length], "big")
