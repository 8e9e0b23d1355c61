"""The loop of a run: scans in order to workers, their results to the journal."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, takewhile

from busicli.batch.cluster import results_on_cluster, task_size
from busicli.batch.inputs import InputFile
from busicli.batch.journal import CRASHED, MAX_CRASHES, Journal, RowOffset
from busicli.batch.outputs import files_of, remove_all_but, wanted_outputs
from busicli.batch.request import Callbacks, SegmentRequest
from busicli.batch.same_object import KnownObjects
from busicli.batch.tally import Tally
from busicli.batch.worker import ScanWorker
from busicli.io.escaping import percent_escape
from busicli.io.review_store import CHANGED_AFTER_REVIEW, ReviewStore
from busicli.io.scan_results import ScanResult
from busicli.parallel.threads import ordered_map


@dataclass(frozen=True, slots=True)
class FinishedScan:
    """A scan whose result stands in the journal."""

    offset: RowOffset
    new: bool
    """False where an earlier run's result was kept."""


@dataclass(frozen=True, slots=True)
class ScanLoop:
    """One run over its scans."""

    request: SegmentRequest
    worker: ScanWorker
    journal: Journal
    callbacks: Callbacks
    reviewed: ReviewStore = field(default_factory=dict)
    """What people have decided on scans, whatever the weights and settings were."""
    tally: Tally = field(default_factory=Tally)
    known: KnownObjects = field(default_factory=KnownObjects)

    def run(self, entries: Sequence[InputFile]) -> list[FinishedScan]:
        """Segment scans; fewer are finished, in their order, where the run is stopped."""
        finished: list[FinishedScan] = []
        for results in takewhile(bool, self._results(entries)):  # empty where a worker was stopped
            for result in results:
                self._remove_stale(entries[len(finished)], result)
                finished.append(self._finish(result))
        return finished

    def _results(self, entries: Sequence[InputFile]) -> Iterator[list[ScanResult]]:
        """Results of a few scans at a time, in order.

        A worker takes a scan, or as many as the engine likes at once, from file to mask on one
        core. So no more scans are in memory than a few for each worker.
        """
        if self.request.cluster:
            chunks = takewhile(self._continues, _chunks(entries, task_size(len(entries))))
            tasks = (self._send(some) for some in chunks)
            stop_status = self.callbacks.stop_status
            return results_on_cluster(self.request, self.worker, tasks, stop_status)
        first, size = _crash_suspects(entries, self.journal), self.worker.engine.batch
        singly = takewhile(self._continues, _chunks(entries[:first], 1))
        chunks = takewhile(self._continues, _chunks(entries[first:], size))
        return chain(
            ordered_map(self._here, singly, jobs=1),
            ordered_map(self._here, chunks, jobs=self.request.jobs),
        )

    def _continues(self, _: object) -> bool:
        limit = self.request.max_failures
        enough = limit is not None and self.tally.failures >= limit
        return not enough and not self.callbacks.stop_status()

    def _send(
        self, entries: Sequence[InputFile]
    ) -> tuple[Sequence[InputFile], list[ScanResult | None]]:
        """A task for a cluster: scans with their earlier results."""
        earlier = self._earlier(entries)
        self.journal.send(_to_do(entries, earlier))
        return entries, earlier

    def _here(self, entries: Sequence[InputFile]) -> list[ScanResult]:
        """The results of a few scans on this machine; none where the run was stopped.

        Scans at which processes died again and again are given up.
        """
        if self.callbacks.stop_status():
            return []
        tried = [entry for entry in entries if not self._is_given_up(entry)]
        earlier = self._earlier(tried)
        self.journal.begin(_to_do(tried, earlier))
        made = iter(self.worker.results(tried, earlier, self._begin_again))
        return [_given_up(entry) if self._is_given_up(entry) else next(made) for entry in entries]

    def _begin_again(self, entry: InputFile) -> None:
        """A scan that was finished has changed, and is under way once more."""
        self.journal.begin([percent_escape(entry.relative)])

    def _is_given_up(self, entry: InputFile) -> bool:
        return self.journal.crash_count(percent_escape(entry.relative)) >= MAX_CRASHES

    def _earlier(self, entries: Sequence[InputFile]) -> list[ScanResult | None]:
        return [earlier_result(entry, self.journal, self.reviewed) for entry in entries]

    def _remove_stale(self, entry: InputFile, result: ScanResult) -> None:
        """Remove files that an earlier run made of a scan and this run did not.

        They would contradict the result. Nothing is removed of a scan whose mask has the name of
        another scan's.
        """
        if result.reason == CHANGED_AFTER_REVIEW:
            return
        if entry.clash or entry.error or not self.journal.has_results(result.scan):
            return
        outputs = wanted_outputs(self.request.outputs)
        kept = files_of(result, entry.relative, outputs)
        remove_all_but(self.request.out, entry.relative, kept)

    def _finish(self, result: ScanResult) -> FinishedScan:
        """Count a result, report it, and keep it in the journal unless it stands there."""
        journal, offset = self.journal, self.journal.earlier(result.scan)
        before = journal.earlier_result(result.scan)
        # images may have been drawn again from the mask of a kept result
        same = before and replace(before, files=result.files) == replace(result, new=False)
        kept = same or result.reviewed is not None
        result = replace(result, new=not (kept and result.status == "ok"))
        marked = self.known.marked(result)
        self.tally.add(marked)
        unfinished = journal.has_started(result.scan) or journal.crash_count(result.scan)
        if before != replace(result, new=False) or offset is None or unfinished:
            offset = journal.append(result)
        self.callbacks.on_result(marked)
        return FinishedScan(offset, result.new)


def earlier_result(entry: InputFile, journal: Journal, reviewed: ReviewStore) -> ScanResult | None:
    """A scan's result as a person reviewed it, else as an earlier run left it; None for none."""
    name = percent_escape(entry.relative)
    before = journal.earlier_result(name)
    if (found := reviewed.get(name)) and found.result:
        return replace(found.result, files=before.files if before else {})
    return before


def _given_up(entry: InputFile) -> ScanResult:
    return ScanResult(scan=percent_escape(entry.relative), status="failed", reason=CRASHED)


def _crash_suspects(entries: Sequence[InputFile], journal: Journal) -> int:
    """How many scans to segment one by one: up to the last one that a process died at.

    Of several side by side nobody could tell which one killed the process.
    """
    if not journal.any_crashes():
        return 0
    names = enumerate((percent_escape(entry.relative) for entry in entries), start=1)
    return max((number for number, name in names if journal.crash_count(name)), default=0)


def _to_do(entries: Iterable[InputFile], earlier: Iterable[ScanResult | None]) -> Iterator[str]:
    """The names of scans that have no mask yet, and can have one."""
    for entry, result in zip(entries, earlier, strict=True):
        if not (entry.not_done or (result and result.status == "ok")):
            yield percent_escape(entry.relative)


def _chunks(entries: Sequence[InputFile], size: int) -> Iterator[Sequence[InputFile]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
