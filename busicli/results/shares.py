"""What the parts of a run leave for each other and for the merge, under OUT/.busicli/.

`parts.json` says how many parts there are; `part-0003/` holds a part's journal, its lock and, once
it has ended, `part.json` and `rows.jsonl`: its rows in the scans' order, each with its place in the
whole list.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from busicli.errors import BusicliError
from busicli.files import whole_text, write_json, write_whole
from busicli.parts import Part

Row = dict[str, Any]
_READ_BYTES = 65536
_SECONDS = 60.0
"""How long another part may take to write down how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord:
    """How a part ended."""

    settings: Row
    """All that decides a scan's result, as in `run.json`."""
    listing: str
    """SHA-256 of the whole list of inputs: parts that saw other lists do not fit together."""
    counts: dict[str, int]
    """Inputs by status, `inputs` and `pending` among them."""
    next: str
    """The first scan that is still to be done; empty where all are done."""
    start: str
    end: str


def part_folder(own: Path, number: int) -> Path:
    """Where a part keeps its journal and its lock; `own` is OUT/.busicli."""
    return own / f"part-{number:04d}"


def check_parts(own: Path, part: Part) -> None:
    """Raise BusicliError where OUT is in another number of parts, or holds a run that is whole."""
    if (own / "journal.jsonl").is_file():
        raise BusicliError(
            f"{own.parent} holds a run that was not in parts; name another folder for --part."
        )
    found = count_parts(own)
    if found not in (None, part.of):
        raise BusicliError(
            f"{own.parent} is written in {found} parts, not {part.of}; "
            f"take --part I/{found} or name another folder."
        )


def join_parts(own: Path, part: Part) -> None:
    """Write down how many parts share OUT, or agree with what another wrote down.

    Raises BusicliError as `check_parts` does.
    """
    own.mkdir(parents=True, exist_ok=True)
    with FileLock(own / "parts.lock", timeout=_SECONDS):
        check_parts(own, part)
        if count_parts(own) is None:
            write_whole(own / "parts.json", json.dumps({"of": part.of}).encode() + b"\n")


def count_parts(own: Path) -> int | None:
    """In how many parts OUT is written; None where it is not in parts."""
    try:
        return int(json.loads((own / "parts.json").read_bytes())["of"])
    except FileNotFoundError:
        return None


def write_part(folder: Path, record: PartRecord, rows: Iterable[Row]) -> None:
    """Leave a part's rows, in the scans' order and each with its place `at`, then its record."""
    with whole_text(folder / "rows.jsonl") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    write_json(folder / "part.json", asdict(record))


def remove_part(folder: Path) -> None:
    """Withdraw a part's record, if there is one: it is under way again, and not to be merged."""
    (folder / "part.json").unlink(missing_ok=True)


def read_part(folder: Path) -> PartRecord | None:
    """How a part ended; None where it has not."""
    try:
        return PartRecord(**json.loads((folder / "part.json").read_bytes()))
    except FileNotFoundError:
        return None


def part_rows(folder: Path) -> Iterator[Row]:
    """A part's rows in order, each with its place `at`, a few in memory.

    The file is opened for those few alone: more parts may be read side by side than a process may
    hold files open.
    """
    start = 0
    while True:
        with (folder / "rows.jsonl").open("rb") as file:
            file.seek(start)
            lines = file.readlines(_READ_BYTES)  # whole lines, one at least
            start = file.tell()
        if not lines:
            return
        yield from map(json.loads, lines)
