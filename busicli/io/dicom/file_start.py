"""Where a DICOM file's data set begins, with or without the preamble of PS3.10."""

import re
from typing import Literal

PREAMBLE = 128
_META, _IDENTIFYING = 0x0002, 0x0008
_FIRST = {0x0000, 0x0001, 0x0005, 0x0006, 0x0008, 0x0012, 0x0014, 0x0016, 0x0018, 0x0020}
"""Elements of the group 0008 that a data set may begin with."""
_LONGEST = 1024
"""No first element holds more bytes."""


def data_start(data: bytes) -> int | None:
    r"""Where the first element of a DICOM file begins; None for other files.

    Without a preamble a file begins with the file meta information, or, as it is sent over a
    network, with the data set itself. Its first element is then looked at closely.

    >>> data_start(bytes(128) + b"DICM"), data_start(b"\x02\0\0\0UL\4\0"), data_start(b"no DICOM")
    (132, 0, None)
    """
    if data[PREAMBLE : PREAMBLE + 4] == b"DICM":
        return PREAMBLE + 4
    begins = _is_first_element(data, "little") or _is_first_element(data, "big")
    return 0 if begins else None


def _is_first_element(data: bytes, order: Literal["little", "big"]) -> bool:
    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    group, element = number(0, 2), number(2, 2)
    if (group, element) != (_META, 0) and not (group == _IDENTIFYING and element in _FIRST):
        return False
    if re.match(rb"[A-Z]{2}", data[4:6]):
        return number(6, 2) <= _LONGEST
    implicit = number(4, 4)
    return order == "little" and implicit % 2 == 0 and 0 < implicit <= _LONGEST
