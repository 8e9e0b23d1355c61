"""What came of a run's scans so far."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from busicli.batch.inputs import MASK
from busicli.batch.request import SegmentOutcome
from busicli.io.run_record import RunCounts
from busicli.io.scan_results import STATUSES, ScanResult

NO_SCAN, SOME_FAILED = 1, 3
LISTED_FAILURES = 10
"""Failed scans that the outcome names."""


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(slots=True)
class Tally:
    """Counts of a run, from its start on."""

    start: str = field(default_factory=now)
    failed: list[ScanResult] = field(default_factory=list)
    """The first scans that failed."""
    orphans: int = 0
    """Masks of scans that are not among the inputs."""
    _clock: float = field(default_factory=time.monotonic)
    _by_status: Counter[str] = field(default_factory=Counter)
    _kept: int = 0
    _masks: int = 0
    _with_lesions: int = 0
    _for_review: int = 0
    _shown_whole: int = 0
    _same_objects: int = 0
    _reviewed: int = 0

    def add(self, result: ScanResult) -> None:
        """Count one more input."""
        self._by_status[result.status] += 1
        self._kept += result.status == "ok" and not result.new
        self._masks += result.reason == MASK
        self._with_lesions += bool(result.lesions)
        self._for_review += result.review
        self._shown_whole += bool(result.shown_whole)
        self._same_objects += bool(result.same_object_as)
        self._reviewed += result.reviewed is not None
        if result.status == "failed" and len(self.failed) < LISTED_FAILURES:
            self.failed.append(result)

    @property
    def failures(self) -> int:
        """How many scans have failed."""
        return self._by_status["failed"]

    def exit_status(self, stopped: int, *, is_part: bool) -> int:
        """The exit status of a run that ends now; `stopped` is not 0 where a signal ended it."""
        if stopped or self.failures:
            return stopped or SOME_FAILED
        # a part may hold no scan: the merge judges the whole
        return 0 if self._by_status["ok"] or is_part else NO_SCAN

    def counts(self, inputs: int) -> RunCounts:
        """Inputs by status, of so many in all."""
        done = {status: self._by_status[status] for status in STATUSES}
        return RunCounts(**done, inputs=inputs, pending=inputs - sum(done.values()))

    def outcome(self, inputs: int, exit_status: int, weights: str) -> SegmentOutcome:
        """How a run of so many inputs ended."""
        return SegmentOutcome(
            exit_status=exit_status,
            counts=self.counts(inputs),
            kept=self._kept,
            masks=self._masks,
            orphans=self.orphans,
            with_lesions=self._with_lesions,
            for_review=self._for_review,
            shown_whole=self._shown_whole,
            same_objects=self._same_objects,
            reviewed=self._reviewed,
            seconds=time.monotonic() - self._clock,
            weights=weights,
            failed=tuple(self.failed),
        )
