"""File names as they are written into tables, messages and reports."""

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePath

_FORMULA = re.compile(r"(?:^|(?<=[;|]))(?=[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])")
"""Where one begins, also in full width, which spreadsheets of East Asia read alike. Where the comma
is for decimals, they begin a cell at a semicolon, quotes or not."""


def percent_escape(path: str | PurePath) -> str:
    r"""A path, or text with one; control characters and bytes that are not UTF-8 become %XX.

    >>> percent_escape(os.fsdecode(b"caf\xe9.png"))
    'caf%E9.png'
    """
    text = os.fsencode(path).decode("utf-8", errors="surrogateescape")
    return "".join(c if _is_plain(c) else _escaped(c) for c in text)


def escape_controls(text: str, also: str = "") -> str:
    r"""Text for a terminal or a log: what is not to be read becomes %XX, but for line ends, tabs
    and the characters in `also`.

    >>> escape_controls("a\x1b[2Jb\n")
    'a%1B[2Jb\n'
    """
    kept = "\n\t" + also
    if text.translate(dict.fromkeys(map(ord, kept))).isprintable():
        return text
    return "".join(c if c in kept or _is_plain(c) else _escaped(c) for c in text)


def _is_plain(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"  # spaces of any kind


def _escaped(character: str) -> str:
    errors = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", errors))


def escape_csv_formula(text: str) -> str:
    """Text with an apostrophe wherever a spreadsheet would run the rest as a formula.

    >>> escape_csv_formula("=1+1.png")
    "'=1+1.png"
    """
    return _FORMULA.sub("'", text)


def first_few(names: Sequence[str], most: int = 3) -> str:
    """The first few names and the number of the others, for use in a sentence.

    >>> first_few(["a", "b"]), first_few(["a", "b", "c", "d"], most=2), first_few([])
    ('a, b', 'a, b and 2 more', '')
    """
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left:,} more" if left > 0 else "")
