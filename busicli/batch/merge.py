"""The parts of a run to one whole: manifest, tables, page and record."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from busicli.batch.shards import ShardRecord, count_shards, read_shard, shard_folder, shard_rows
from busicli.batch.tables import write_run_outputs
from busicli.errors import BusicliError, InputError
from busicli.io.files import folder_lock, remove_leftovers
from busicli.io.output_paths import OutputPaths

Row = dict[str, Any]
NAMED = 5
"""How many missing parts are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOutcome:
    """What was put together."""

    exit_status: int
    """0, or 3 where scans failed."""
    shards: int
    counts: dict[str, int]
    """Inputs by status."""


def merge(out: Path) -> MergeOutcome:
    """Write the whole run's tables, page and record, as one run over all scans would have.

    Raises BusicliError, naming the first of them, where parts have not run or were stopped, and
    where they do not fit together; InputError, once all is written, where none held a scan.
    """
    own = OutputPaths(out).own
    of = count_shards(own)
    if of is None:
        raise InputError(f"{out} holds no parts; name a folder that segment-dir --part wrote to.")
    with folder_lock(own):
        folders = [shard_folder(own, number) for number in range(1, of + 1)]
        records = _complete(out, [read_shard(folder) for folder in folders])
        remove_leftovers(out)
        counts = Counter[str]()
        for record in records:
            counts.update(record.counts)
        status = 3 if counts["failed"] else 0 if counts["ok"] else 1
        names = ("ok", "failed", "skipped", "inputs", "pending")
        document = {
            **records[0].settings,
            "parts": of,
            "counts": {name: counts[name] for name in names},
            "start": min(record.start for record in records),
            "end": max(record.end for record in records),
            "exit_status": status,
        }
        write_run_outputs(out, _rows(folders), document)
    if status == 1:
        raise InputError(f"none of the {of} parts of {out} held a scan; look at what was listed.")
    return MergeOutcome(
        exit_status=status, shards=of, counts={name: counts[name] for name in names[:3]}
    )


def _complete(out: Path, found: Sequence[ShardRecord | None]) -> list[ShardRecord]:
    """The records, once they are sure to make up one whole run."""
    missing = [number for number, record in enumerate(found, start=1) if record is None]
    if missing:
        named = ", ".join(map(str, missing[:NAMED])) + (", ..." if missing[NAMED:] else "")
        raise BusicliError(
            f"{out} lacks {len(missing)} of {len(found)} parts ({named}), which have not ended; "
            f"run them, as --part {missing[0]}/{len(found)}."
        )
    records = [record for record in found if record is not None]
    for number, record in enumerate(records, start=1):
        if record.counts["pending"]:
            raise BusicliError(
                f"part {number} of {out} was stopped with {record.counts['pending']} scans to go, "
                f"{record.next} the first; run --part {number}/{len(records)} again."
            )
        if record.settings != records[0].settings:
            raise BusicliError(
                f"parts 1 and {number} of {out} were made with other weights or settings, or by "
                "other versions; run one of them again like the other."
            )
        if record.listing != records[0].listing:
            raise BusicliError(
                f"parts 1 and {number} of {out} saw other scans: files came or went between them; "
                "run both again."
            )
    return records


def _rows(folders: Sequence[Path]) -> Iterator[Row]:
    """All parts' rows in the scans' order, one at a time."""
    for row in heapq.merge(*map(shard_rows, folders), key=itemgetter("at")):
        yield {name: value for name, value in row.items() if name != "at"}
