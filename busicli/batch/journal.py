"""The journal of a run: one JSON line a finished scan, appended while running.

Its first line is the run's key (weights and settings by hash). A later run with the same key takes
rows over; with another key it starts again, and notes which scans there were results of. Rows stay
in the file and are read back when asked for, so that memory holds a place a scan, however long the
rows. Scans are noted when they are started too: one that was, and left no row, was under way when
the process died.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO, Any

from busicli.errors import BusicliError
from busicli.io.files import atomic_write

Row = dict[str, Any]
RowOffset = tuple[int, int]
"""Where a row stands in the journal: its first byte and its bytes."""


MAX_CRASHES = 3
"""Processes that may die at a scan, all but the first with nothing beside it, before it is given
up: one that crashes a decoder or takes all memory would else end every night's job. Given up, it is
tried again alone, and one more death is enough.
"""
CRASHED = "the program died each time at it: too little memory, or a library error"


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What earlier runs left."""

    offsets: dict[str, RowOffset] = field(default_factory=dict)
    """Of each scan's newest row."""
    crash_count: Counter[str] = field(default_factory=Counter)
    """How often a scan was started since, and left no row."""
    made: set[str] = field(default_factory=set)
    """Scans that a run with another key has made results of, or started; of this key, those that
    were under way and may have been written when it ended.
    """


class Journal:
    """Rows by place, for reading, beginning and appending by several threads at once."""

    def __init__(self, file: IO[bytes], earlier: _Earlier) -> None:
        """`file` is open for reading and appending, at its end; see `open_journal`."""
        self._file = file
        self._earlier = earlier
        self._end = file.seek(0, os.SEEK_END)
        self._started: set[str] = set()
        self._lock = Lock()

    def earlier(self, scan: str) -> RowOffset | None:
        """The newest row that an earlier run left of a scan."""
        return self._earlier.offsets.get(scan)

    def has_results(self, scan: str) -> bool:
        """Whether an earlier run, of this key or another, has made results of a scan, or died while
        it may have been writing some.
        """
        offset = self.earlier(scan)
        started = scan in self._earlier.made or scan in self._earlier.crash_count
        return started or bool(offset and self.read(offset)["status"] == "ok")

    def crash_count(self, scan: str) -> int:
        """How many processes in a row died while this scan was under way."""
        return self._earlier.crash_count[scan]

    def any_crashes(self) -> bool:
        """Whether there is a scan that the last process at it died at."""
        return bool(self._earlier.crash_count)

    def begin(self, scans: Iterable[str]) -> None:
        """Note that scans are under way; `append` must follow for each, or the process dies."""
        started = tuple(scans)
        with self._lock:
            self._started.update(started)
            for scan in started:
                self._write({"started": scan})

    def send(self, scans: Iterable[str]) -> None:
        """Note that other processes may write results of scans, whatever becomes of this one."""
        with self._lock:
            for scan in scans:
                self._write({"made": scan})

    def leave(self) -> None:
        """Note that nothing is under way any more, though not all of it was done."""
        with self._lock:
            for scan in self._started:
                self._write({"left": scan})

    def has_started(self, scan: str) -> bool:
        """Whether this run has."""
        return scan in self._started

    def read(self, offset: RowOffset) -> Row:
        """The row that stands there."""
        start, length = offset
        row: Row = json.loads(os.pread(self._file.fileno(), length, start))
        return row

    def append(self, row: Row) -> RowOffset:
        """Hand a row to the system: from here on it survives the process, however that dies."""
        with self._lock:
            self._started.discard(row["scan"])
            return self._write(row)

    def _write(self, row: Row) -> RowOffset:
        line = _line(row)
        self._file.write(line)
        self._file.flush()
        offset = self._end, len(line)
        self._end += len(line)
        return offset


@contextmanager
def open_journal(path: Path, key: str) -> Iterator[Journal]:
    """The journal of this key, started if there is none; on the disk when the block ends.

    Lines that are no rows are passed over, as is a last one that a crash cut short. Where the block
    ends by an error (no memory, a library's error), what was under way counts as a death.
    """
    earlier = _earlier(path, key)
    if earlier is None:
        earlier = _Earlier(made=_made(path))
        atomic_write(path, b"".join([_line({"key": key}), *map(_made_row, sorted(earlier.made))]))
    with path.open("a+b") as file:
        if not _ends_a_line(file):
            file.write(b"\n")
            file.flush()
        journal = Journal(file, earlier)
        try:
            yield journal
        except (BusicliError, OSError, KeyboardInterrupt, SystemExit):
            _leave(journal)
            raise
        _leave(journal)
        os.fsync(file.fileno())


def _leave(journal: Journal) -> None:
    with suppress(OSError):  # of a full disk, which the caller hears of already
        journal.leave()


@contextmanager
def look_into_journal(path: Path, key: str) -> Iterator[Journal]:
    """The journal of this key for reading alone: nothing is made or changed; empty if none is."""
    earlier = _earlier(path, key)
    with (path if earlier else Path(os.devnull)).open("rb") as file:
        yield Journal(file, earlier or _Earlier())


def _earlier(path: Path, key: str) -> _Earlier | None:
    """What stands in a journal; None where there is none of this key."""
    if not path.is_file():
        return None
    found = _Earlier()
    with path.open("rb") as file:
        first = file.readline()
        if _parsed(first) != {"key": key}:
            return None
        start = len(first)
        for line in file:
            row = _parsed(line)
            if isinstance(row, dict) and "scan" in row:
                found.offsets[row["scan"]] = start, len(line)
                found.crash_count.pop(row["scan"], None)
                if row.get("reason") == CRASHED:
                    found.crash_count[row["scan"]] = MAX_CRASHES - 1
            elif isinstance(row, dict) and "started" in row:
                found.crash_count[row["started"]] += 1
            elif isinstance(row, dict) and "left" in row:
                found.crash_count.pop(row["left"], None)
                found.made.add(row["left"])
            elif isinstance(row, dict) and "made" in row:
                found.made.add(row["made"])
            start += len(line)
    return found


def _made(path: Path) -> set[str]:
    """The scans that a journal of another key holds results of, or knows of."""
    found = set()
    with (path if path.is_file() else Path(os.devnull)).open("rb") as file:
        for row in map(_parsed, file):  # one by one: rows may be long and many
            if isinstance(row, dict) and ("made" in row or "started" in row):
                found.add(row.get("made") or row["started"])
            elif isinstance(row, dict) and row.get("status") == "ok":
                found.add(row["scan"])
    return found


def _made_row(scan: str) -> bytes:
    return _line({"made": scan})


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
