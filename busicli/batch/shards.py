"""Parts of a run: which scans belong to which, and what each leaves for the merge.

Under OUT/.busicli/, `parts.json` says how many parts there are. `part-0003/` holds a part's journal
and lock and, once it has ended, `part.json` and `rows.jsonl`: its results in the scans' order, each
behind its position in the whole list.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

from busicli.errors import BusicliError, InputError, UsageError
from busicli.io.checksums import (
    add_checksum,
    checksum_line,
    verified_json,
    verify_checksum,
    verify_line,
)
from busicli.io.files import atomic_text, open_regular, parse_json, read_regular, write_json
from busicli.io.locks import file_lock
from busicli.io.run_record import RunCounts, RunSettings
from busicli.io.scan_results import ScanResult, journal_line, parse_journal_line
from busicli.report.formatting import counted
from busicli.settings.values import check_values, from_plain

MAX_SHARDS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of several runs that share the scans and the results' folder."""

    number: int
    """From 1."""
    of: int
    """How many there are."""

    def holds(self, relative: PurePosixPath) -> bool:
        """Whether a scan belongs to this part: by its path alone, whatever else is there.

        >>> shards = [Shard(number=n, of=3) for n in (1, 2, 3)]
        >>> sum(shard.holds(PurePosixPath("a/x.png")) for shard in shards)
        1
        """
        digest = hashlib.sha256(os.fsencode(relative)).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1


def parse_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """`I/N`, or `slurm`: the position in a job array by Slurm's variables.

    Raises UsageError where the text is neither, or those variables are missing.

    >>> parse_shard("2/8", {})
    Shard(number=2, of=8)
    >>> parse_shard("slurm", {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "1",
    ...     "SLURM_ARRAY_TASK_MAX": "9", "SLURM_ARRAY_TASK_STEP": "2"})
    Shard(number=4, of=5)
    """
    if text == "slurm":
        return _of_array(environment)
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    number, of = (int(group) for group in found.groups()) if found else (0, 0)
    if not 1 <= number <= of <= MAX_SHARDS:
        raise UsageError(f"--part is {text}; it must be I/N with I from 1 to N, or slurm.")
    return Shard(number=number, of=of)


def _of_array(environment: Mapping[str, str]) -> Shard:
    names = [f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "MAX")]
    try:
        task, first, last = (int(environment[name]) for name in names)
        step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
        count = (last - first) // step + 1
        number = (task - first) // step + 1
        # an array such as 1,5,6 has a count that no even step makes
        even = int(environment.get("SLURM_ARRAY_TASK_COUNT", count)) == count
    except (KeyError, ValueError, ZeroDivisionError):
        raise UsageError(
            "--part slurm needs the variables of a Slurm job array; submit it by sbatch --array."
        ) from None
    if not even or (task - first) % step:
        raise UsageError(
            "--part slurm needs an array of even steps, as --array=1-10; this one leaves some out."
        )
    return Shard(number=number, of=count)


_READ_BYTES = 65536
_SECONDS = 60.0
"""How long another part may take to write how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRecord:
    """How a part ended."""

    settings: RunSettings
    listing: str
    """SHA-256 of the whole list of inputs: parts that saw other lists do not fit together."""
    counts: RunCounts
    """Of the part's own inputs."""
    next: str
    """The first scan that is still to be segmented; empty where none is left."""
    start: str
    """UTC, ISO 8601, as `end`."""
    end: str

    def to_json(self) -> dict[str, Any]:
        """The document of `part.json`, with its checksum."""
        return add_checksum({**asdict(self), "settings": self.settings.to_json()})

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The record of a document that `to_json` made; InputError where it is damaged."""
        document = verify_checksum(document)
        try:
            settings = RunSettings.from_json(document["settings"])
            record = from_plain(cls, {**document, "settings": settings})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("it is no record of a part.") from error
        check_values(record)
        return record


@dataclass(frozen=True, slots=True)
class ShardRow:
    """A result of a part and its position in the whole list of inputs, from 0."""

    at: int
    result: ScanResult


def shard_folder(own: Path, number: int) -> Path:
    """Where a part keeps its journal and its lock; `own` is OUT/.busicli."""
    return own / f"part-{number:04d}"


def check_shards(own: Path, shard: Shard) -> None:
    """Raise BusicliError where OUT is in another number of parts, or holds a run that is whole."""
    if (own / "journal.jsonl").is_file():
        raise BusicliError(
            f"{own.parent} holds a run that was not in parts; name another folder for --part."
        )
    found = _count_or_none(own)
    if found is not None and found != shard.of:
        raise BusicliError(
            f"{own.parent} is written in {counted(found, 'part')}, not {shard.of}; "
            f"take --part I/{found} or name another folder."
        )


def join_shards(own: Path, shard: Shard) -> None:
    """Write how many parts share OUT, or check what another part wrote.

    Raises BusicliError as `check_shards` does.
    """
    own.mkdir(parents=True, exist_ok=True)
    with file_lock(own / "parts.lock", timeout_s=_SECONDS):
        check_shards(own, shard)
        if _count_or_none(own) is None:
            write_json(own / "parts.json", add_checksum({"of": shard.of}))


def count_shards(own: Path) -> int | None:
    """How many parts OUT is written in; None where it is not in parts.

    Raises InputError where the file that says so is damaged. The next part writes it again.
    """
    try:
        of = verified_json(read_regular(own / "parts.json")).get("of")
        if type(of) is int and 1 <= of <= MAX_SHARDS:
            return of
    except FileNotFoundError:
        return None
    except InputError:
        pass
    raise InputError(
        f"parts.json of {own.parent} is damaged; run one of its parts again with --part."
    )


def _count_or_none(own: Path) -> int | None:
    try:
        return count_shards(own)
    except InputError:
        return None


def write_shard(folder: Path, record: ShardRecord, rows: Iterable[ShardRow]) -> None:
    """Leave a part's results, in the scans' order, then its record."""
    with atomic_text(folder / "rows.jsonl") as file:
        for row in rows:
            text = f"{row.at}\t{int(row.result.new)}\t{journal_line(row.result)}"
            file.write(checksum_line(text).decode())
    write_json(folder / "part.json", record.to_json())


def remove_shard(folder: Path) -> None:
    """Remove a part's record, if there is one: the part is under way again."""
    (folder / "part.json").unlink(missing_ok=True)


def read_shard(folder: Path) -> ShardRecord | None:
    """How a part ended; None where it has not, or where its record is damaged."""
    try:
        return ShardRecord.from_json(parse_json(read_regular(folder / "part.json")))
    except (FileNotFoundError, InputError):
        return None


def shard_rows(folder: Path) -> Iterator[ShardRow]:
    """A part's results in order, a few in memory.

    The file is closed after each few: more parts may be read side by side than a process may have
    files open. Raises InputError at a damaged row.
    """
    start = 0
    while True:
        with open_regular(folder / "rows.jsonl") as file:
            file.seek(start)
            lines = file.readlines(_READ_BYTES)  # whole lines, one at least
            start = file.tell()
        if not lines:
            return
        yield from map(_shard_row, lines)


def _shard_row(line: bytes) -> ShardRow:
    text = verify_line(line)
    if text is None:
        raise InputError("a row is damaged.")
    at, new, row = text.split(b"\t", maxsplit=2)
    return ShardRow(int(at), replace(parse_journal_line(row), new=new == b"1"))
