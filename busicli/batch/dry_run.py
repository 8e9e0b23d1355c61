"""What a run over scans would do, without doing it: nothing is written."""

from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from busicli.batch.inputs import InputFile
from busicli.batch.journal import CRASHED, MAX_CRASHES, Journal, look_into_journal
from busicli.batch.load_scan import KeptScan, LoadedScan, load_scan
from busicli.batch.orphans import is_mask, orphan_files
from busicli.batch.output_lock import check_output
from busicli.batch.request import SegmentRequest
from busicli.batch.run import JOURNAL, journal_folder, journal_key, list_inputs, no_scan
from busicli.batch.run_scans import earlier_result
from busicli.batch.worker import ScanWorker, scan_worker
from busicli.io.escaping import percent_escape
from busicli.io.review_store import read_store
from busicli.io.scan_results import ScanResult
from busicli.parallel.threads import ordered_map
from busicli.types import Track


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedScan:
    """What would become of one input."""

    scan: str
    """Name in results, escaped for reading."""
    status: Literal["to do", "done", "failed", "skipped"]
    reason: str = ""
    """Why it would fail or be skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """What a run would do."""

    scans: list[PlannedScan]
    """In order."""
    orphans: int
    """Masks of scans that are not among the inputs."""


def dry_run(request: SegmentRequest, track: Track[PlannedScan]) -> PlannedRun:
    """What would become of each input: all are read and decoded as in the run.

    Raises BusicliError where the run would end at once: weights or OUT refused, no scan found.
    """
    check_output(request)
    shard, inputs = request.shard, list_inputs(request)
    entries = [entry for entry in inputs if shard is None or shard.holds(entry.relative)]
    worker = scan_worker(request)
    path = journal_folder(request) / JOURNAL
    key = journal_key(worker.settings)
    with closing(worker), look_into_journal(path, key) as journal:
        reviewed = read_store(request.out)
        rows = ordered_map(
            lambda entry: _plan(entry, worker, earlier_result(entry, journal, reviewed), journal),
            entries,
            jobs=request.jobs,
        )
        planned = list(track(rows, len(entries)))
        gone = orphan_files(request.out, journal.scans(), inputs)
    if shard is None and all(scan.status == "skipped" for scan in planned):
        raise no_scan(request)
    return PlannedRun(scans=planned, orphans=sum(is_mask(request.out, path) for path in gone))


def _plan(
    entry: InputFile, worker: ScanWorker, earlier: ScanResult | None, journal: Journal
) -> PlannedScan:
    name = percent_escape(entry.relative)
    if journal.crash_count(name) >= MAX_CRASHES:
        return PlannedScan(scan=name, status="failed", reason=CRASHED)
    loaded = load_scan(entry, worker.scan_settings, earlier)
    if isinstance(loaded, LoadedScan):
        return PlannedScan(scan=name, status="to do")
    if isinstance(loaded, KeptScan):
        return PlannedScan(scan=name, status="done")
    status = "done" if loaded.status == "ok" else loaded.status
    return PlannedScan(scan=name, status=status, reason=loaded.reason)
