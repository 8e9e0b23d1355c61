"""Values of a scan's header that a new object may hold, with their bytes as they are.

Text keeps its bytes and its character set: so it reads as in the scan, whatever that set is.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from pydicom import Dataset
from pydicom.charset import STAND_ALONE_ENCODINGS, convert_encodings, python_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import UID

_GROUP = 64
"""Most characters of each of the three forms of a person's name. PS3.5 6.2."""
_ESCAPE = b"\x1b"
Valid = Callable[[str], bool]


def character_sets(header: Dataset) -> list[str] | None:
    """The character sets that a header declares, in the standard's spelling; None if unknown.

    An empty list is the default repertoire. PS3.3 C.12.1.1.2.
    """
    declared = header.get("SpecificCharacterSet") or ""
    names = [declared] if isinstance(declared, str) else [str(name or "") for name in declared]
    names = [_standard_name(name) for name in names]
    if len(names) == 1 and names[0].startswith("ISO 2022 IR"):
        alone = names[0].replace("ISO 2022 IR", "ISO_IR")  # nothing to switch to
        names = [alone if alone in python_encoding else names[0]]
    if names in ([""], ["ISO_IR 6"]):
        return []
    known = all(name in python_encoding for name in names)
    alone_only = len(names) > 1 and set(names) & set(STAND_ALONE_ENCODINGS)
    return names if known and not alone_only else None


def is_valid(header: Dataset, name: str, valid: Valid, sets: Sequence[str] | None) -> bool:
    """Whether an attribute's text is of these character sets and passes a check, or is empty.

    Without known character sets only ASCII is. Text that switches between sets is taken on trust:
    its bytes may look like any delimiter.
    """
    value = raw_bytes(header, name)
    if sets is None and not value.isascii():
        return False
    if _ESCAPE in value and any(each.startswith("ISO 2022") for each in sets or ()):
        return True
    try:
        text = value.decode(convert_encodings(list(sets or ()))[0])
    except UnicodeDecodeError:
        return False
    return not text or valid(text)


def raw_bytes(header: Dataset, name: str) -> bytes:
    """An attribute's bytes as in the file, without padding; empty where it is not there."""
    tag = tag_for_keyword(name)
    element = header.get_item(tag) if tag is not None and tag in header else None
    value = element.value if element is not None else None
    return value.strip(b"\0 ") if isinstance(value, bytes) else str(value or "").strip().encode()


def raw_element(name: str, value: bytes) -> RawDataElement:
    """An element that is written with exactly these bytes, padded to an even number."""
    tag = Tag(tag_for_keyword(name) or 0)
    padded = value + b" " * (len(value) % 2)
    return RawDataElement(tag, dictionary_VR(tag), len(padded), padded, 0, False, True)


def is_uid(value: object) -> bool:
    """Whether a value is one well-formed identifier."""
    return isinstance(value, str) and UID(value).is_valid


def is_name(text: str) -> bool:
    """Whether text is one person's name: at most three forms of at most five parts each."""
    forms = text.split("=")
    whole = all(len(form) <= _GROUP and form.count("^") <= 4 for form in forms)
    return len(forms) <= 3 and whole and _is_one(text)


def is_line(most: int) -> Valid:
    """A check that text is one value of at most so many characters."""
    return lambda text: len(text) <= most and _is_one(text)


def is_matching(pattern: str) -> Valid:
    """A check that text is as a regular expression says."""
    return lambda text: re.fullmatch(pattern, text) is not None


def is_date(text: str) -> bool:
    """Whether text is a date that exists."""
    return re.fullmatch(r"\d{8}", text) is not None and _parses(text, "%Y%m%d")


def is_time(text: str) -> bool:
    """Whether text is a time of day: hours, with or without minutes and seconds."""
    whole = text.partition(".")[0]
    shape = re.fullmatch(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?", text)
    return shape is not None and _parses(whole, "%H%M%S"[: len(whole)])


def _parses(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _is_one(text: str) -> bool:
    """Whether there is no second value and no control character."""
    return "\\" not in text and text.isprintable()


def _standard_name(name: str) -> str:
    """Common misspellings put right: `ISO-IR 100`, `iso_ir 192`, `ISO IR 100`."""
    name = name.strip().upper()
    found = re.fullmatch(r"ISO[ _-]?(2022[ _-]?)?IR[ _-]?(\d+)", name)
    if not found:
        return name
    return f"ISO 2022 IR {found[2]}" if found[1] else f"ISO_IR {found[2]}"
