"""The journal of a run: one JSON line a finished scan, appended while running.

Its first line is the run's key (weights and settings by hash). A later run with the same key takes
rows over; with another key it starts anew. Rows stay in the file and are read back when asked for,
so that memory holds a place a scan, however long the rows.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from busicli.files import write_whole

Row = dict[str, Any]
Place = tuple[int, int]
"""Where a row stands in the journal: its first byte and its bytes."""


class Journal:
    """Rows by place, for reading by several threads at once and appending by one."""

    def __init__(self, file: IO[bytes], earlier: dict[str, Place]) -> None:
        """`file` is open for reading and appending, at its end; see `open_journal`."""
        self._file = file
        self._earlier = earlier
        self._end = file.seek(0, os.SEEK_END)

    def earlier(self, scan: str) -> Place | None:
        """The newest row that an earlier run left of a scan."""
        return self._earlier.get(scan)

    def read(self, place: Place) -> Row:
        """The row that stands there."""
        start, length = place
        row: Row = json.loads(os.pread(self._file.fileno(), length, start))
        return row

    def append(self, row: Row) -> Place:
        """Hand a row to the system: from here on it survives the process, however that dies."""
        line = _line(row)
        self._file.write(line)
        self._file.flush()
        place = self._end, len(line)
        self._end += len(line)
        return place


@contextmanager
def open_journal(path: Path, key: str) -> Iterator[Journal]:
    """The journal of this key, begun if there is none; on the disk when the block ends.

    Lines that are no rows are passed over, as is a last one that a crash cut short.
    """
    earlier = _places(path, key)
    if earlier is None:
        write_whole(path, _line({"key": key}))
    with path.open("a+b") as file:
        if not _ends_a_line(file):
            file.write(b"\n")
            file.flush()
        yield Journal(file, earlier or {})
        os.fsync(file.fileno())


def _places(path: Path, key: str) -> dict[str, Place] | None:
    """The place of each scan's newest row; None where there is no journal of this key."""
    if not path.is_file():
        return None
    places: dict[str, Place] = {}
    with path.open("rb") as file:
        first = file.readline()
        if _parsed(first) != {"key": key}:
            return None
        start = len(first)
        for line in file:
            row = _parsed(line)
            if isinstance(row, dict) and "scan" in row:
                places[row["scan"]] = start, len(line)
            start += len(line)
    return places


def _ends_a_line(file: IO[bytes]) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _line(row: Row) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
