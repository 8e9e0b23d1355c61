"""Joins the parts of a run: manifest, tables, page and record."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from busicli.batch.shards import (
    ShardRecord,
    ShardRow,
    count_shards,
    read_shard,
    shard_folder,
    shard_rows,
)
from busicli.batch.tables import write_run_outputs
from busicli.batch.tally import NO_SCAN, SOME_FAILED
from busicli.errors import BusicliError, InputError
from busicli.io.files import remove_leftovers
from busicli.io.locks import folder_lock
from busicli.io.output_paths import own_folder
from busicli.io.review_store import read_store, reviewed_results
from busicli.io.run_record import RunCounts, RunRecord
from busicli.io.scan_results import STATUSES, ScanResult
from busicli.report.formatting import counted

NAMED = 5
"""How many missing parts are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOutcome:
    """What was joined."""

    exit_status: int
    """0, or 3 where scans failed."""
    shards: int
    counts: RunCounts


def merge(out: Path) -> MergeOutcome:
    """Write the whole run's tables, page and record, as one run over all scans would have.

    Raises BusicliError, naming the first of them, where parts have not run or were stopped, and
    where they do not fit together; InputError, once all is written, where none held a scan.
    """
    own = own_folder(out)
    of = count_shards(own)
    if of is None:
        raise InputError(f"{out} holds no parts; name a folder that segment-dir --part wrote to.")
    with folder_lock(own):
        folders = [shard_folder(own, number) for number in range(1, of + 1)]
        records = _complete(out, [read_shard(folder) for folder in folders])
        record = _joined(records)
        remove_leftovers(out)
        results = reviewed_results(read_store(out), _results(out, folders, records))
        write_run_outputs(out, results, record)
    if record.exit_status == NO_SCAN:
        raise InputError(f"none of the {of} parts of {out} held a scan; look at the list of scans.")
    return MergeOutcome(exit_status=record.exit_status, shards=of, counts=record.counts)


def _joined(records: Sequence[ShardRecord]) -> RunRecord:
    names = [field.name for field in fields(RunCounts)]
    sums = {name: sum(getattr(each.counts, name) for each in records) for name in names}
    counts = RunCounts(**sums)
    return RunRecord(
        settings=records[0].settings,
        counts=counts,
        start=min(record.start for record in records),
        end=max(record.end for record in records),
        exit_status=SOME_FAILED if counts.failed else 0 if counts.ok else NO_SCAN,
        parts=len(records),
    )


def _complete(out: Path, found: Sequence[ShardRecord | None]) -> list[ShardRecord]:
    """The records, checked to make up one whole run."""
    missing = [number for number, record in enumerate(found, start=1) if record is None]
    if missing:
        named = ", ".join(map(str, missing[:NAMED])) + (", ..." if missing[NAMED:] else "")
        raise BusicliError(
            f"{out} lacks {len(missing)} of {len(found)} parts ({named}), which have not ended "
            f"or are damaged; run them, as --part {missing[0]}/{len(found)}."
        )
    records = [record for record in found if record is not None]
    for number, record in enumerate(records, start=1):
        if record.counts.pending:
            pending = counted(record.counts.pending, "scan")
            raise BusicliError(
                f"part {number} of {out} was stopped with {pending} to go, "
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


def _results(
    out: Path, folders: Sequence[Path], records: Sequence[ShardRecord]
) -> Iterator[ScanResult]:
    """All parts' results in the scans' order, one at a time.

    Raises BusicliError where a row is damaged, is missing, or is there twice; nothing is written
    then, for tables appear whole.
    """
    parts = [
        _part_rows(folder, record.counts, f"part {number}/{len(folders)} of {out}")
        for number, (folder, record) in enumerate(zip(folders, records, strict=True), start=1)
    ]
    for position, row in enumerate(heapq.merge(*parts, key=attrgetter("at"))):
        if row.at != position:
            raise BusicliError(
                f"the parts of {out} do not make up one run: row {position} is missing or there "
                "twice; run every part again."
            )
        yield row.result


def _part_rows(folder: Path, counts: RunCounts, part: str) -> Iterator[ShardRow]:
    """The rows of a part; BusicliError where they are not those that its record counts."""
    seen: Counter[str] = Counter()
    try:
        for row in shard_rows(folder):
            seen[row.result.status] += 1
            yield row
    except (InputError, OSError) as error:
        raise BusicliError(f"{part} is damaged; run it again with --part.") from error
    if any(seen[status] != getattr(counts, status) for status in STATUSES):
        raise BusicliError(
            f"{part} has other rows than its record counts; run it again with --part."
        )
