"""Scans to masks, contours and tables, in batches, whatever some of the scans are."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from busicli.batch.cluster import rows_on_cluster, task_size
from busicli.batch.inputs import MASK, InputFile, from_folder, from_list
from busicli.batch.journal import CRASHED, MAX_CRASHES, Journal, Row, RowOffset, open_journal
from busicli.batch.output_lock import acquire_output
from busicli.batch.request import Callbacks, SegmentOutcome, SegmentRequest
from busicli.batch.shards import ShardRecord, shard_folder, write_shard
from busicli.batch.tables import keep_card, manifest_row, write_run_outputs
from busicli.batch.worker import ScanWorker, scan_worker
from busicli.errors import BusicliError, InputError
from busicli.io.escaping import percent_escape
from busicli.io.files import remove_leftovers, sha256_bytes
from busicli.io.output_paths import OutputPaths
from busicli.models.weights import resolve_weights
from busicli.parallel.threads import ordered_map

JOURNAL = "journal.jsonl"
NO_SCAN, SOME_FAILED = 1, 3
STATUSES = ("ok", "failed", "skipped")
LISTED_FAILURES = 10


def segment_batch(request: SegmentRequest, callbacks: Callbacks) -> SegmentOutcome:
    """Do every scan, or resume where an earlier run stopped; a bad scan becomes a failed row.

    Raises BusicliError where nothing can be done: weights refused, no scans, OUT locked or full.
    """
    entries = list_inputs(request)
    worker = scan_worker(request)
    if worker.note:
        callbacks.on_note(worker.note)
    try:
        with acquire_output(request):
            keep_card(request.out, resolve_weights(request.weights)[0])
            outcome = _Run(request, worker).all(entries, callbacks)
    except BrokenPipeError:  # whoever read the rows went away: not the folder's error
        raise
    except OSError as error:
        raise BusicliError(
            f"{request.out} cannot be written: {error.strerror}; "
            "make room or allow writing, and run again to resume."
        ) from error
    if outcome.exit_status == NO_SCAN:
        raise no_scan(request)
    return outcome


def list_inputs(request: SegmentRequest) -> list[InputFile]:
    """Every input of a run, also of its other parts; InputError where none is a scan."""
    if isinstance(request.scans, Path):
        entries = from_folder(request.scans, request.out)
    else:
        entries = from_list(request.scans)
    if all(entry.skip for entry in entries):
        raise no_scan(request)
    if request.names == "keep":
        return entries
    return [_hashed(entry) for entry in entries]


def journal_key(settings: dict[str, Any]) -> str:
    """What a run's journal is known by: its rows hold for these settings alone."""
    return sha256_bytes(json.dumps(settings, sort_keys=True).encode())


def no_scan(request: SegmentRequest) -> InputError:
    """What to raise where nothing that was found is a scan."""
    came = "the list" if isinstance(request.scans, tuple) else str(request.scans)
    return InputError(f"{came} holds no scan; give PNG, JPEG, BMP, TIFF or DICOM files.")


def _hashed(entry: InputFile) -> InputFile:
    """Hashes do not clash as names do."""
    name = sha256_bytes(os.fsencode(entry.relative))[:16]
    return replace(entry, relative=PurePosixPath(name), clash="")


class _Run:
    """One run over a list of scans: what came of them so far and where it goes."""

    def __init__(self, request: SegmentRequest, worker: ScanWorker) -> None:
        self.request, self.worker, self.settings = request, worker, worker.settings
        own, shard = OutputPaths(request.out).own, request.shard
        self.own = own if shard is None else shard_folder(own, shard.number)
        self.counts: Counter[str] = Counter()
        self.failed: list[Row] = []
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()

    def all(self, entries: Sequence[InputFile], callbacks: Callbacks) -> SegmentOutcome:
        """Do the scans, several side by side; write the tables whether it ends or is stopped."""
        shard = self.request.shard
        if shard is None:  # another part may be at work on what would seem to be left over
            remove_leftovers(self.request.out)
        mine = [
            at for at, entry in enumerate(entries) if shard is None or shard.holds(entry.relative)
        ]
        callbacks.on_start(len(mine))
        with open_journal(self.own / JOURNAL, journal_key(self.settings)) as journal:
            offsets = self._scans([entries[at] for at in mine], journal, callbacks)
            stopped = callbacks.stop_status() if len(offsets) < len(mine) else 0
            status = self._status(stopped)
            rows = map(journal.read, offsets)
            if shard is None:
                if self.request.cluster and len(offsets) == len(mine):  # of workers that were lost
                    remove_leftovers(self.request.out)
                self._write_run(rows, len(mine), status)
            else:
                at_rows = ({"at": at, **row} for at, row in zip(mine, rows, strict=False))
                write_shard(self.own, self._shard_record(entries, mine, len(offsets)), at_rows)
        return self._outcome(len(mine), status)

    def _scans(
        self, entries: Sequence[InputFile], journal: Journal, callbacks: Callbacks
    ) -> list[RowOffset]:
        """Where each scan's row stands, in the scans' order; fewer than `entries` if stopped, by
        the user or by failures.

        A worker takes a scan (as many as the engine likes at once) from its file to its mask: it
        reads, computes and writes on one core, so that half as many workers again as cores keep all
        busy, and no more scans are in memory than a few a worker.
        """

        def continues(_: object) -> bool:
            limit = self.request.max_failures
            enough = limit is not None and self.counts["failed"] >= limit
            return not enough and not callbacks.stop_status()

        def earlier(entries: Sequence[InputFile]) -> list[Row | None]:
            found = [journal.earlier(percent_escape(entry.relative)) for entry in entries]
            return [journal.read(offset) if offset else None for offset in found]

        def sent(entries: Sequence[InputFile]) -> tuple[Sequence[InputFile], list[Row | None]]:
            rows = earlier(entries)
            journal.send(_to_do(entries, rows))
            return entries, rows

        def here(entries: Sequence[InputFile]) -> list[Row]:
            stopped = callbacks.stop_status()
            return [] if stopped else self._rows(entries, earlier(entries), journal)

        offsets: list[RowOffset] = []
        few = task_size(len(entries)) if self.request.cluster else self.worker.engine.batch
        chunks = takewhile(continues, _chunks(entries, few))
        if self.request.cluster:
            tasks = (sent(some) for some in chunks)
            done = rows_on_cluster(self.request, self.worker, tasks, callbacks.stop_status)
        else:
            first = _crash_suspects(entries, journal)
            singly = takewhile(continues, _chunks(entries[:first], 1))
            chunks = takewhile(continues, _chunks(entries[first:], few))
            jobs = self.request.jobs
            done = chain(ordered_map(here, singly, jobs=1), ordered_map(here, chunks, jobs=jobs))
        for rows in takewhile(bool, done):  # the tables end where a worker found itself stopped
            for row in rows:
                self._remove_stale(entries[len(offsets)], row, journal)
                offsets.append(self._note(row, journal))
                callbacks.on_row(manifest_row(row))
        return offsets

    def _rows(
        self, entries: Sequence[InputFile], earlier: Sequence[Row | None], journal: Journal
    ) -> list[Row]:
        """The rows of a few scans, started in the journal, but of those that processes died at."""
        names = [percent_escape(entry.relative) for entry in entries]
        tried = [
            (entry, row)
            for name, entry, row in zip(names, entries, earlier, strict=True)
            if journal.crash_count(name) < MAX_CRASHES
        ]
        journal.begin(_to_do(*zip(*tried, strict=True)) if tried else ())
        made = iter(
            self.worker.rows(
                [entry for entry, _ in tried],
                [row for _, row in tried],
                lambda entry: journal.begin([percent_escape(entry.relative)]),
            )
        )
        return [
            next(made)
            if journal.crash_count(name) < MAX_CRASHES
            else {"scan": name, "status": "failed", "reason": CRASHED}
            for name in names
        ]

    def _remove_stale(self, entry: InputFile, row: Row, journal: Journal) -> None:
        """Remove what an earlier run made of a scan and this one did not: it would stand beside a
        row that says otherwise. Of a scan whose mask's name another scan has, nothing is its own.
        """
        if entry.clash or entry.error or not journal.has_results(row["scan"]):
            return
        paths, wanted = OutputPaths(self.request.out), set(self._files(entry, row))
        for path in paths.standing(entry.relative):
            if path not in wanted:
                path.unlink(missing_ok=True)
                with suppress(OSError):  # a folder of frames, once the last of them is gone
                    path.parent.rmdir()

    def _files(self, entry: InputFile, row: Row) -> Iterator[Path]:
        """What this run has made of a scan."""
        if row["status"] != "ok":
            return
        paths, request = OutputPaths(self.request.out), self.request
        kinds = (
            (True, paths.mask),
            (request.overlays, paths.overlay),
            (request.probabilities, paths.probability),
            (request.report, paths.thumbnail),
        )
        frames = len(row["masks"])
        for number in range(1, frames + 1):
            yield from (w(entry.relative, number, frames) for wanted, w in kinds if wanted)
        for made in row.get("dicom", ()):
            yield paths.dicom(entry.relative, made["frame"], frames, made["kind"])

    def _note(self, row: Row, journal: Journal) -> RowOffset:
        """Count a row, and keep it in the journal unless it stands there."""
        offset = journal.earlier(row["scan"])
        kept = offset is not None and journal.read(offset) == row
        self.counts[row["status"]] += 1
        self.counts["kept"] += kept and row["status"] == "ok"
        self.counts["masks"] += row.get("reason") == MASK
        self.counts["with lesions"] += bool(row.get("lesions"))
        self.counts["shown whole"] += bool(row.get("shown_whole"))
        self.counts["for review"] += bool(row.get("review"))
        if row["status"] == "failed" and len(self.failed) < LISTED_FAILURES:
            self.failed.append(manifest_row(row))
        unfinished = journal.has_started(row["scan"]) or journal.crash_count(row["scan"])
        return offset if kept and offset and not unfinished else journal.append(row)

    def _status(self, stopped: int) -> int:
        if stopped or self.counts["failed"]:
            return stopped or SOME_FAILED
        # a part may be left without a scan: the whole is judged by the merge
        return 0 if self.counts["ok"] or self.request.shard else NO_SCAN

    def _write_run(self, rows: Iterable[Row], inputs: int, status: int) -> None:
        record = {
            **self.settings,
            "counts": self._counts(inputs),
            "start": self.started.isoformat(timespec="seconds"),
            "end": datetime.now(UTC).isoformat(timespec="seconds"),
            "exit_status": status,
        }
        write_run_outputs(self.request.out, rows, record)

    def _shard_record(
        self, entries: Sequence[InputFile], mine: Sequence[int], done: int
    ) -> ShardRecord:
        names = (f"{percent_escape(entry.relative)}\n".encode() for entry in entries)
        return ShardRecord(
            settings=self.settings,
            listing=sha256_bytes(*names),
            counts=self._counts(len(mine)),
            next=percent_escape(entries[mine[done]].relative) if done < len(mine) else "",
            start=self.started.isoformat(timespec="seconds"),
            end=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _counts(self, inputs: int) -> dict[str, int]:
        counts = {status: self.counts[status] for status in STATUSES}
        return {**counts, "inputs": inputs, "pending": inputs - sum(counts.values())}

    def _outcome(self, inputs: int, status: int) -> SegmentOutcome:
        return SegmentOutcome(
            exit_status=status,
            counts={name: self.counts[name] for name in STATUSES},
            kept=self.counts["kept"],
            masks=self.counts["masks"],
            with_lesions=self.counts["with lesions"],
            for_review=self.counts["for review"],
            shown_whole=self.counts["shown whole"],
            inputs=inputs,
            seconds=time.monotonic() - self.clock,
            weights=self.settings["weights"]["name"],
            failed=tuple(self.failed),
        )


def _crash_suspects(entries: Sequence[InputFile], journal: Journal) -> int:
    """How many scans to do one by one: up to the last that a process died at. Of several side by
    side nobody could tell which one it was that killed it.
    """
    if not journal.any_crashes():
        return 0
    names = enumerate((percent_escape(entry.relative) for entry in entries), start=1)
    return max((number for number, name in names if journal.crash_count(name)), default=0)


def _to_do(entries: Iterable[InputFile], earlier: Iterable[Row | None]) -> Iterator[str]:
    """The names of scans that are not done yet, and can be."""
    for entry, row in zip(entries, earlier, strict=True):
        if not (entry.not_done or (row and row["status"] == "ok")):
            yield percent_escape(entry.relative)


def _chunks(entries: Sequence[InputFile], size: int) -> Iterator[Sequence[InputFile]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
