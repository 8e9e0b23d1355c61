"""The journal of a run: one JSON line for each finished scan, appended while running.

Each line begins with its checksum (`busicli.io.checksums`). What a damaged line said is lost: its
scan is segmented again.
Its first line is the run's key: weights and settings by hash. A later run with the same key takes
the results over. A run with another key starts a new journal and notes which scans have files of
the old one. Results stay in the file and are read back when needed: memory holds an offset a scan,
however long the results. Scans are noted when they start too. A scan that started and left no
result was under way when the process died.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import IO, Any

from busicli.errors import BusicliError, InputError
from busicli.io.checksums import checksum_line, verify_line
from busicli.io.files import atomic_write, parse_json, sync_file_system
from busicli.io.output_paths import stays_below
from busicli.io.scan_results import ScanResult, journal_line, parse_journal_line

MAX_CRASHES = 3
"""Crashes after which a scan is given up, all but the first with no other scan under way. A file
that crashes a decoder or takes all memory would end every night's job. A scan that was given up is
tried again alone, and one more crash is enough."""
_NAMES = {"scan", "started", "left", "made"}
CRASHED = "the program crashed each time at it: too little memory, or a library error"


@dataclass(frozen=True, slots=True)
class RowOffset:
    """Where a result stands in the journal, in bytes."""

    start: int
    length: int
    has_files: bool
    """Whether it is the result of a scan that was segmented."""


@dataclass(slots=True)
class _Earlier:
    """What earlier runs left."""

    offsets: dict[str, RowOffset] = field(default_factory=dict)
    """Of each scan's newest result."""
    crash_count: Counter[str] = field(default_factory=Counter)
    """How often a scan was started since, without a result."""
    made: set[str] = field(default_factory=set)
    """Scans that may have files: of a run with another key, or under way when one ended."""
    lost: bool = False
    """Whether lines are damaged, so that any scan may have files."""


class Journal:
    """Results by offset, for reading, starting and appending by several threads at once."""

    def __init__(self, file: IO[bytes], earlier: _Earlier) -> None:
        """`file` is open for reading and appending, at its end; see `open_journal`."""
        self._file = file
        self._earlier = earlier
        self._end = file.seek(0, os.SEEK_END)
        self._started: set[str] = set()
        self._lock = Lock()

    def earlier(self, scan: str) -> RowOffset | None:
        """The newest result that an earlier run left of a scan."""
        return self._earlier.offsets.get(scan)

    def earlier_result(self, scan: str) -> ScanResult | None:
        """What stands there; None where there is none, or it is no result."""
        offset = self.earlier(scan)
        try:
            return self.read(offset) if offset else None
        except InputError:
            return None

    def has_results(self, scan: str) -> bool:
        """Whether an earlier run, of this key or another, may have written files of a scan."""
        offset = self.earlier(scan)
        started = scan in self._earlier.made or scan in self._earlier.crash_count
        return self._earlier.lost or started or bool(offset and offset.has_files)

    def scans(self) -> set[str]:
        """Every scan of which an earlier run, of this key or another, may have written files."""
        return {*self._earlier.offsets, *self._earlier.made, *self._earlier.crash_count}

    def crash_count(self, scan: str) -> int:
        """How many processes in a row died while this scan was under way."""
        return self._earlier.crash_count[scan]

    def any_crashes(self) -> bool:
        """Whether a process died at some scan that has no result since."""
        return bool(self._earlier.crash_count)

    def begin(self, scans: Iterable[str]) -> None:
        """Note that scans are under way; `append` must follow for each, or the process dies."""
        started = tuple(scans)
        with self._lock:
            self._started.update(started)
            for scan in started:
                self._write({"started": scan})

    def send(self, scans: Iterable[str]) -> None:
        """Note that other processes may write files of scans, even if this one dies."""
        with self._lock:
            for scan in scans:
                self._write({"made": scan})

    def leave(self) -> None:
        """Note that nothing is under way any more, though not all of it was finished."""
        with self._lock:
            for scan in self._started:
                self._write({"left": scan})

    def has_started(self, scan: str) -> bool:
        """Whether this run has started a scan that has no result yet."""
        return scan in self._started

    def read(self, offset: RowOffset) -> ScanResult:
        """The result that stands there, as one of an earlier run: not new."""
        line = os.pread(self._file.fileno(), offset.length, offset.start)
        return replace(parse_journal_line(verify_line(line) or b""), new=False)

    def append(self, result: ScanResult) -> RowOffset:
        """Hand a result to the system: from here on it survives the process.

        Raises BusicliError where the journal was taken away, and with it what was made so far.
        """
        with self._lock:
            if not self._is_in_place():
                raise BusicliError(
                    "the folder of results was removed or replaced while busicli wrote into it; "
                    "run the same command again."
                )
            self._started.discard(result.scan)
            return self._write_line(journal_line(result), has_files=result.status == "ok")

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), Path(self._file.name).stat())
        except FileNotFoundError:
            return False

    def _write(self, note: dict[str, str]) -> RowOffset:
        return self._write_line(json.dumps(note, ensure_ascii=False))

    def _write_line(self, text: str, *, has_files: bool = False) -> RowOffset:
        data = checksum_line(text)
        self._file.write(data)
        self._file.flush()
        offset = RowOffset(self._end, len(data), has_files)
        self._end += len(data)
        return offset


@contextmanager
def open_journal(path: Path, key: str) -> Iterator[Journal]:
    """The journal of this key, started if there is none.

    When the block ends, it is on the disk with all that was written beside it.

    Damaged lines are passed over, as is a last one that a crash cut short. Where the block ends by
    an unexpected error (no memory, a library's error), what was under way counts as a crash.
    """
    earlier = _earlier(path, key)
    if earlier is None:
        earlier = _of_other_key(path)
        notes: list[dict[str, object]] = [{"key": key}]
        notes += [{"lost": True}] if earlier.lost else []
        notes += ({"made": scan} for scan in sorted(earlier.made))
        lines = (checksum_line(json.dumps(note, ensure_ascii=False)) for note in notes)
        atomic_write(path, b"".join(lines))
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
        sync_file_system(file.fileno())


def _leave(journal: Journal) -> None:
    with suppress(OSError):  # of a full disk, which the caller reports already
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
            _take(found, row, RowOffset(start, len(line), row.get("status") == "ok"))
            start += len(line)
    return found


def _take(found: _Earlier, row: dict[str, Any], offset: RowOffset) -> None:
    """Add one line of a journal to what was found in those before it."""
    if "scan" in row and "status" in row:
        scan = row["scan"]
        found.offsets[scan] = offset
        found.crash_count.pop(scan, None)
        if row.get("reason") == CRASHED:
            found.crash_count[scan] = MAX_CRASHES - 1
    elif "started" in row:
        found.crash_count[row["started"]] += 1
    elif "left" in row:
        found.crash_count.pop(row["left"], None)
        found.made.add(row["left"])
    elif "made" in row:
        found.made.add(row["made"])
    else:
        found.lost = True


def _of_other_key(path: Path) -> _Earlier:
    """Which scans may have files, by a journal of another key."""
    found = _Earlier()
    with (path if path.is_file() else Path(os.devnull)).open("rb") as file:
        for row in map(_parsed, file):  # one by one: rows may be long and many
            if "made" in row or "started" in row:
                found.made.add(row.get("made") or row["started"])
            elif row.get("status") == "ok" and "scan" in row:
                found.made.add(row["scan"])
            elif not row or "lost" in row:
                found.lost = True
    return found


def _ends_a_line(file: IO[bytes]) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _parsed(line: bytes) -> dict[str, Any]:
    """The JSON object of a line; empty where the line is damaged, or names no scan by a path."""
    text = verify_line(line)
    try:
        row = parse_json(text) if text else {}
    except InputError:
        return {}
    right = isinstance(row, dict) and all(stays_below(row[n]) for n in _NAMES & row.keys())
    return row if right else {}
