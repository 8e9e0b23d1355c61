"""What a run over scans would do, without doing it: nothing is written."""

from collections.abc import Callable, Iterable, Iterator

from busicli.batch.inputs import Work
from busicli.batch.journal import DEATHS, DIED, Journal, look_into_journal
from busicli.batch.output_lock import check_out
from busicli.batch.process_scan import Opened, open_scan
from busicli.batch.request import SegmentRequest
from busicli.batch.run import JOURNAL, journal_key, no_scan, works_of
from busicli.batch.shards import part_folder
from busicli.batch.worker import ScanWorker, scan_worker
from busicli.io.escaping import written_name
from busicli.io.output_paths import Layout
from busicli.parallel.threads import in_order

Plan = list[dict[str, str]]
"""A row an input: scan, status (to do, done, failed or skipped) and reason."""
Track = Callable[[Iterator[dict[str, str]], int], Iterable[dict[str, str]]]


def plan(request: SegmentRequest, track: Track) -> Plan:
    """Each input's fate, in the scans' order: all are read and decoded, as the run would.

    Raises BusicliError where the run would end at once: weights or OUT refused, no scan found.
    """
    check_out(request)
    part = request.part
    works = [work for work in works_of(request) if part is None or part.holds(work.relative)]
    worker = scan_worker(request)
    own = Layout(request.out).own
    if part is not None:
        own = part_folder(own, part.number)
    with look_into_journal(own / JOURNAL, journal_key(worker.settings)) as journal:
        rows = in_order(lambda work: _row(work, worker, journal), works, jobs=request.jobs)
        planned = list(track(rows, len(works)))
    if part is None and all(row["status"] == "skipped" for row in planned):
        raise no_scan(request)
    return planned


def _row(work: Work, worker: ScanWorker, journal: Journal) -> dict[str, str]:
    name = written_name(work.relative)
    if journal.deaths(name) >= DEATHS:
        return {"scan": name, "status": "failed", "reason": DIED}
    place = journal.earlier(name)
    opened = open_scan(work, worker.steps, journal.read(place) if place else None)
    if isinstance(opened, Opened):
        return {"scan": name, "status": "to do", "reason": ""}
    status = "done" if opened["status"] == "ok" else opened["status"]
    return {"scan": name, "status": status, "reason": opened["reason"]}
