"""Scans to masks, outlines and tables, in batches, whatever some of the scans are."""

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
from busicli.batch.inputs import MASK, Work, from_folder, from_list
from busicli.batch.journal import DEATHS, DIED, Journal, Place, Row, open_journal
from busicli.batch.output_lock import held
from busicli.batch.request import Listeners, SegmentOutcome, SegmentRequest
from busicli.batch.shards import PartRecord, part_folder, write_part
from busicli.batch.tables import keep_card, manifest_row, write_whole_run
from busicli.batch.worker import ScanWorker, scan_worker
from busicli.errors import BusicliError, InputError
from busicli.io.escaping import written_name
from busicli.io.files import remove_leftovers, sha256_bytes
from busicli.io.output_paths import Layout
from busicli.models.weights import locate
from busicli.parallel.threads import in_order

JOURNAL = "journal.jsonl"
NO_SCAN, SOME_FAILED = 1, 3
STATUSES = ("ok", "failed", "skipped")
LISTED_FAILURES = 10


def segment(request: SegmentRequest, listeners: Listeners) -> SegmentOutcome:
    """Do every scan, or go on where an earlier run stopped; a bad scan becomes a failed row.

    Raises BusicliError where nothing can be done: weights refused, no scans, OUT locked or full.
    """
    works = works_of(request)
    worker = scan_worker(request)
    if worker.note:
        listeners.on_note(worker.note)
    try:
        with held(request):
            keep_card(request.out, locate(request.weights)[0])
            outcome = _Run(request, worker).all(works, listeners)
    except BrokenPipeError:  # whoever read the rows went away: no fault of the folder
        raise
    except OSError as error:
        raise BusicliError(
            f"{request.out} cannot be written: {error.strerror}; "
            "make room or allow writing, and run again to go on."
        ) from error
    if outcome.exit_status == NO_SCAN:
        raise no_scan(request)
    return outcome


def works_of(request: SegmentRequest) -> list[Work]:
    """Every input of a run, also of its other parts; InputError where none is a scan."""
    if isinstance(request.scans, Path):
        works = from_folder(request.scans, request.out)
    else:
        works = from_list(request.scans)
    if all(work.skip for work in works):
        raise no_scan(request)
    if request.names == "keep":
        return works
    return [_hashed(work) for work in works]


def journal_key(settings: dict[str, Any]) -> str:
    """What a run's journal is known by: its rows hold for these settings alone."""
    return sha256_bytes(json.dumps(settings, sort_keys=True).encode())


def no_scan(request: SegmentRequest) -> InputError:
    """What to raise where nothing that was found is a scan."""
    came = "the list" if isinstance(request.scans, tuple) else str(request.scans)
    return InputError(f"{came} holds no scan; give PNG, JPEG, BMP, TIFF or DICOM files.")


def _hashed(work: Work) -> Work:
    """Hashes do not clash as names do."""
    name = sha256_bytes(os.fsencode(work.relative))[:16]
    return replace(work, relative=PurePosixPath(name), clash="")


class _Run:
    """One run over a list of scans: what came of them so far and where it goes."""

    def __init__(self, request: SegmentRequest, worker: ScanWorker) -> None:
        self.request, self.worker, self.settings = request, worker, worker.settings
        own, part = Layout(request.out).own, request.part
        self.own = own if part is None else part_folder(own, part.number)
        self.counts: Counter[str] = Counter()
        self.failed: list[Row] = []
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()

    def all(self, works: Sequence[Work], listeners: Listeners) -> SegmentOutcome:
        """Do the scans, several side by side; write the tables whether it ends or is stopped."""
        part = self.request.part
        if part is None:  # another part may be at work on what would seem to be left over
            remove_leftovers(self.request.out)
        mine = [at for at, work in enumerate(works) if part is None or part.holds(work.relative)]
        listeners.on_start(len(mine))
        with open_journal(self.own / JOURNAL, journal_key(self.settings)) as journal:
            places = self._scans([works[at] for at in mine], journal, listeners)
            stopped = listeners.stop_status() if len(places) < len(mine) else 0
            status = self._status(stopped)
            rows = map(journal.read, places)
            if part is None:
                if self.request.cluster and len(places) == len(mine):  # of workers that were lost
                    remove_leftovers(self.request.out)
                self._write_whole(rows, len(mine), status)
            else:
                at_rows = ({"at": at, **row} for at, row in zip(mine, rows, strict=False))
                write_part(self.own, self._part_record(works, mine, len(places)), at_rows)
        return self._outcome(len(mine), status)

    def _scans(self, works: Sequence[Work], journal: Journal, listeners: Listeners) -> list[Place]:
        """Where each scan's row stands, in the scans' order; fewer than `works` if stopped, by the
        user or by failures.

        A worker takes a scan (as many as the engine likes at once) from its file to its mask: it
        reads, computes and writes on one core, so that half as many workers again as cores keep all
        busy, and no more scans are in memory than a few a worker.
        """

        def goes_on(_: object) -> bool:
            limit = self.request.max_failures
            enough = limit is not None and self.counts["failed"] >= limit
            return not enough and not listeners.stop_status()

        def earlier(works: Sequence[Work]) -> list[Row | None]:
            found = [journal.earlier(written_name(work.relative)) for work in works]
            return [journal.read(place) if place else None for place in found]

        def sent(works: Sequence[Work]) -> tuple[Sequence[Work], list[Row | None]]:
            rows = earlier(works)
            journal.send(_to_do(works, rows))
            return works, rows

        def here(works: Sequence[Work]) -> list[Row]:
            stopped = listeners.stop_status()
            return [] if stopped else self._rows(works, earlier(works), journal)

        places: list[Place] = []
        few = task_size(len(works)) if self.request.cluster else self.worker.engine.batch
        parts = takewhile(goes_on, _parts(works, few))
        if self.request.cluster:
            tasks = (sent(some) for some in parts)
            done = rows_on_cluster(self.request, self.worker, tasks, listeners.stop_status)
        else:
            first = _suspicious(works, journal)
            singly = takewhile(goes_on, _parts(works[:first], 1))
            parts = takewhile(goes_on, _parts(works[first:], few))
            jobs = self.request.jobs
            done = chain(in_order(here, singly, jobs=1), in_order(here, parts, jobs=jobs))
        for rows in takewhile(bool, done):  # the tables end where a worker found itself stopped
            for row in rows:
                self._remove_stale(works[len(places)], row, journal)
                places.append(self._note(row, journal))
                listeners.on_row(manifest_row(row))
        return places

    def _rows(
        self, works: Sequence[Work], earlier: Sequence[Row | None], journal: Journal
    ) -> list[Row]:
        """The rows of a few scans, begun in the journal, but of those that processes died at."""
        names = [written_name(work.relative) for work in works]
        tried = [
            (work, row)
            for name, work, row in zip(names, works, earlier, strict=True)
            if journal.deaths(name) < DEATHS
        ]
        journal.begin(_to_do(*zip(*tried, strict=True)) if tried else ())
        made = iter(
            self.worker.rows(
                [work for work, _ in tried],
                [row for _, row in tried],
                lambda work: journal.begin([written_name(work.relative)]),
            )
        )
        return [
            next(made)
            if journal.deaths(name) < DEATHS
            else {"scan": name, "status": "failed", "reason": DIED}
            for name in names
        ]

    def _remove_stale(self, work: Work, row: Row, journal: Journal) -> None:
        """Remove what an earlier run made of a scan and this one did not: it would stand beside a
        row that says otherwise. Of a scan whose mask's name another scan has, nothing is its own.
        """
        if work.clash or work.fault or not journal.has_results(row["scan"]):
            return
        layout, wanted = Layout(self.request.out), set(self._files(work, row))
        for path in layout.standing(work.relative):
            if path not in wanted:
                path.unlink(missing_ok=True)
                with suppress(OSError):  # a folder of frames, once the last of them is gone
                    path.parent.rmdir()

    def _files(self, work: Work, row: Row) -> Iterator[Path]:
        """What this run has made of a scan."""
        if row["status"] != "ok":
            return
        layout, request = Layout(self.request.out), self.request
        kinds = (
            (True, layout.mask),
            (request.overlays, layout.overlay),
            (request.probabilities, layout.probability),
            (request.report, layout.thumbnail),
        )
        frames = len(row["masks"])
        for number in range(1, frames + 1):
            yield from (w(work.relative, number, frames) for wanted, w in kinds if wanted)
        for made in row.get("dicom", ()):
            yield layout.dicom(work.relative, made["frame"], frames, made["kind"])

    def _note(self, row: Row, journal: Journal) -> Place:
        """Count a row, and keep it in the journal unless it stands there."""
        place = journal.earlier(row["scan"])
        kept = place is not None and journal.read(place) == row
        self.counts[row["status"]] += 1
        self.counts["kept"] += kept and row["status"] == "ok"
        self.counts["masks"] += row.get("reason") == MASK
        self.counts["with lesions"] += bool(row.get("lesions"))
        self.counts["shown whole"] += bool(row.get("shown_whole"))
        self.counts["for review"] += bool(row.get("review"))
        if row["status"] == "failed" and len(self.failed) < LISTED_FAILURES:
            self.failed.append(manifest_row(row))
        unfinished = journal.has_begun(row["scan"]) or journal.deaths(row["scan"])
        return place if kept and place and not unfinished else journal.append(row)

    def _status(self, stopped: int) -> int:
        if stopped or self.counts["failed"]:
            return stopped or SOME_FAILED
        # a part may be left without a scan: the whole is judged by the merge
        return 0 if self.counts["ok"] or self.request.part else NO_SCAN

    def _write_whole(self, rows: Iterable[Row], inputs: int, status: int) -> None:
        record = {
            **self.settings,
            "counts": self._counts(inputs),
            "start": self.started.isoformat(timespec="seconds"),
            "end": datetime.now(UTC).isoformat(timespec="seconds"),
            "exit_status": status,
        }
        write_whole_run(self.request.out, rows, record)

    def _part_record(self, works: Sequence[Work], mine: Sequence[int], done: int) -> PartRecord:
        names = (f"{written_name(work.relative)}\n".encode() for work in works)
        return PartRecord(
            settings=self.settings,
            listing=sha256_bytes(*names),
            counts=self._counts(len(mine)),
            next=written_name(works[mine[done]].relative) if done < len(mine) else "",
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


def _suspicious(works: Sequence[Work], journal: Journal) -> int:
    """How many scans to do one by one: up to the last that a process died at. Of several side by
    side nobody could tell which one it was that killed it.
    """
    if not journal.any_deaths():
        return 0
    names = enumerate((written_name(work.relative) for work in works), start=1)
    return max((number for number, name in names if journal.deaths(name)), default=0)


def _to_do(works: Iterable[Work], earlier: Iterable[Row | None]) -> Iterator[str]:
    """The names of scans that are not done yet, and can be."""
    for work, row in zip(works, earlier, strict=True):
        if not (work.not_done or (row and row["status"] == "ok")):
            yield written_name(work.relative)


def _parts(works: Sequence[Work], size: int) -> Iterator[Sequence[Work]]:
    for start in range(0, len(works), size):
        yield works[start : start + size]
