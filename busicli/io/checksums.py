"""Checksums of what is stored and read back, so that damage is found and never used.

| stored | checked | where it does not hold |
|---|---|---|
| a line of `journal.jsonl` or `rows.jsonl` | its own checksum | the scan is segmented again |
| `run.json`, `started.json`, `parts.json`, `part.json`, a card | `checksum` within | one sentence |
| a scan's files | SHA-256 in its journal row (`masks`, `files`) | they are made again |

They find damage. They do not stop a person who changes a file and its checksum too: cards are
pinned by their whole hash for that.
"""

import json
from collections.abc import Mapping
from typing import Any

from busicli.errors import InputError
from busicli.io.files import parse_json, sha256_bytes

CHECKSUM = "checksum"
_DIGITS = 16


def checksum_line(text: str) -> bytes:
    """A line of a log: the text's checksum, a space, the text, a line end."""
    data = text.encode()
    return b"%s %s\n" % (_checksum(data).encode(), data)


def verify_line(line: bytes) -> bytes | None:
    """The text of a line that `checksum_line` made; None where the line is damaged or cut short."""
    checksum, _, text = line.removesuffix(b"\n").partition(b" ")
    return text if checksum == _checksum(text).encode() else None


def add_checksum(document: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON document with the checksum of its values, which are the same however it is printed."""
    return {**document, CHECKSUM: _checksum(_canonical(document))}


def verify_checksum(document: object) -> dict[str, Any]:
    """The values of a document that `add_checksum` made; InputError where they are others."""
    if isinstance(document, dict):
        values = {key: value for key, value in document.items() if key != CHECKSUM}
        if document.get(CHECKSUM) == _checksum(_canonical(values)):
            return values
    raise InputError("its checksum does not agree: it is damaged, or of another version.")


def verified_json(data: bytes) -> dict[str, Any]:
    """The values of a file that holds a document of `add_checksum`; InputError where damaged."""
    return verify_checksum(parse_json(data))


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _checksum(data: bytes) -> str:
    return sha256_bytes(data)[:_DIGITS]
