"""What `busicli segment-dir` reads from its command line and from stdin."""

import codecs
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from busicli.errors import InputError, UsageError

if TYPE_CHECKING:
    from busicli.io.output_paths import Kind


def check_together(*pairs: tuple[str, bool, str, bool]) -> None:
    """Raise UsageError where both options of a pair are given."""
    for one, has_one, other, has_other in pairs:
        if has_one and has_other:
            raise UsageError(f"{one} and {other} exclude each other; leave one of them out.")


def refuse_url(name: str) -> None:
    """Raise InputError where a folder is named by a URL."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name):
        raise InputError(f"{name} is a URL, not a folder; mount that storage, or copy the scans.")


def dicom_kinds(text: str | None) -> "tuple[Kind, ...]":
    """The DICOM objects that --dicom names, in a fixed order. Raises UsageError for others."""
    from busicli.io.output_paths import KINDS

    named = [part.strip() for part in text.split(",")] if text is not None else []
    if unknown := [part for part in named if part not in KINDS]:
        raise UsageError(f"--dicom has {unknown[0]!r}; give some of {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if kind in named)


def listed_paths(*, nul: bool) -> tuple[Path, ...]:
    """Paths from stdin as raw bytes, in UTF-16 where its byte-order mark is there; not empty ones.

    Raises UsageError where lines hold a NUL, InputError where stdin is closed.
    """
    if sys.stdin is None:
        raise InputError("stdin is closed; give a list of paths on it, or name a folder of scans.")
    data = sys.stdin.buffer.read()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as PowerShell writes
        data = os.fsencode(data.decode("utf-16", "replace"))
    if nul:
        return tuple(Path(os.fsdecode(part)) for part in data.split(b"\0") if part)
    if b"\0" in data:
        raise UsageError(
            "the list on stdin holds NUL bytes; give -0 if they separate the paths, or write the "
            "list in UTF-8."
        )
    names = (name for line in data.split(b"\n") for name in _names(line))
    return tuple(Path(os.fsdecode(name)) for name in names if name)


def _names(line: bytes) -> list[bytes]:
    """The name in a line, without what Windows adds to it unless there is a file with that.

    Several where lines end as on old Macs.
    """
    bare = line.removeprefix(codecs.BOM_UTF8).rstrip(b"\r")
    plain = bare.strip().strip(b'"')
    forms = (line, line.rstrip(b"\r"), bare, bare.strip(), plain, plain.replace(b"\\", b"/"))
    if found := next((name for name in forms if name and os.path.lexists(name)), b""):
        return [found]
    return (
        [name for part in bare.split(b"\r") for name in _names(part)] if b"\r" in bare else [bare]
    )


def nothing_to_do(*, as_json: bool) -> None:
    """Say that the list is empty: on stderr with --json, and not at all with --quiet too."""
    from busicli.cli.progress import is_quiet

    if not (as_json and is_quiet()):
        print("The list on stdin is empty: nothing to do.", file=sys.stderr if as_json else None)
