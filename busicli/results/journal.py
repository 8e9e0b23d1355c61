"""The journal of a run: one JSON line a finished scan, appended while running.

Its first line is the run's key (weights and settings by hash). A later run with the same key takes
rows over; with another key it starts anew.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from busicli.files import write_whole

Row = dict[str, Any]


def read_journal(path: Path, key: str) -> dict[str, Row]:
    """The newest row of each scan by name; empty where there is no journal of this key.

    A last line cut short by a crash is left out.
    """
    if not path.is_file():
        return {}
    rows: dict[str, Row] = {}
    lines = path.read_bytes().split(b"\n")
    if not lines or _parsed(lines[0]) != {"key": key}:
        return {}
    for line in lines[1:]:
        if isinstance(row := _parsed(line), dict) and "scan" in row:
            rows[row["scan"]] = row
    return rows


@contextmanager
def journal(path: Path, key: str, kept: Mapping[str, Row]) -> Iterator["JournalWriter"]:
    """An open journal that begins with the rows taken over from an earlier run."""
    lines = [json.dumps({"key": key}), *(_line(row) for row in kept.values())]
    write_whole(path, ("\n".join(lines) + "\n").encode())
    with path.open("a", encoding="utf-8") as file:
        yield JournalWriter(file)


class JournalWriter:
    """Appends rows so that they survive the machine."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def append(self, rows: list[Row]) -> None:
        """Write rows and wait until they are on the disk."""
        self._file.writelines(_line(row) + "\n" for row in rows)
        self._file.flush()
        os.fsync(self._file.fileno())


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
