"""What a run over scans would do, without doing it: nothing is written."""

from collections.abc import Callable, Iterable, Iterator

from busicli.batch.inputs import InputFile
from busicli.batch.journal import CRASHED, MAX_CRASHES, Journal, look_into_journal
from busicli.batch.output_lock import check_output
from busicli.batch.process_scan import LoadedScan, load_scan
from busicli.batch.request import SegmentRequest
from busicli.batch.run import JOURNAL, journal_key, list_inputs, no_scan
from busicli.batch.shards import shard_folder
from busicli.batch.worker import ScanWorker, scan_worker
from busicli.io.escaping import percent_escape
from busicli.io.output_paths import OutputPaths
from busicli.parallel.threads import ordered_map

DryRun = list[dict[str, str]]
"""A row an input: scan, status (to do, done, failed or skipped) and reason."""
Track = Callable[[Iterator[dict[str, str]], int], Iterable[dict[str, str]]]


def dry_run(request: SegmentRequest, track: Track) -> DryRun:
    """Each input's fate, in the scans' order: all are read and decoded, as the run would.

    Raises BusicliError where the run would end at once: weights or OUT refused, no scan found.
    """
    check_output(request)
    shard = request.shard
    entries = [
        entry for entry in list_inputs(request) if shard is None or shard.holds(entry.relative)
    ]
    worker = scan_worker(request)
    own = OutputPaths(request.out).own
    if shard is not None:
        own = shard_folder(own, shard.number)
    with look_into_journal(own / JOURNAL, journal_key(worker.settings)) as journal:
        rows = ordered_map(lambda entry: _row(entry, worker, journal), entries, jobs=request.jobs)
        rows_done = list(track(rows, len(entries)))
    if shard is None and all(row["status"] == "skipped" for row in rows_done):
        raise no_scan(request)
    return rows_done


def _row(entry: InputFile, worker: ScanWorker, journal: Journal) -> dict[str, str]:
    name = percent_escape(entry.relative)
    if journal.crash_count(name) >= MAX_CRASHES:
        return {"scan": name, "status": "failed", "reason": CRASHED}
    offset = journal.earlier(name)
    loaded = load_scan(entry, worker.scan_settings, journal.read(offset) if offset else None)
    if isinstance(loaded, LoadedScan):
        return {"scan": name, "status": "to do", "reason": ""}
    status = "done" if loaded["status"] == "ok" else loaded["status"]
    return {"scan": name, "status": status, "reason": loaded["reason"]}
