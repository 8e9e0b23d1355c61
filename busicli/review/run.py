"""`review`: decisions that people made on the page become masks, tables, page and objects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from busicli.batch.output_lock import known_scans
from busicli.batch.tables import write_run_outputs
from busicli.errors import BusicliError, InputError
from busicli.io.checksums import checksum_line, verify_line
from busicli.io.escaping import percent_escape
from busicli.io.files import atomic_text, remove_leftovers
from busicli.io.locks import folder_lock
from busicli.io.output_paths import own_folder
from busicli.io.review_store import (
    ReviewedScan,
    ReviewStore,
    read_store,
    reviewed_results,
    write_store,
)
from busicli.io.reviews import Review, ReviewFile, read_reviews
from busicli.io.run_record import RunRecord
from busicli.io.scan_results import (
    ScanResult,
    journal_line,
    manifest_line,
    parse_journal_line,
)
from busicli.io.written_paths import WrittenPaths
from busicli.report.reading import read_run_record, run_results
from busicli.review.agreement import Agreement, Disagreement, agreement, disagreements
from busicli.review.objects import NOT_FOUND, ReviewedObjects
from busicli.review.scan_files import ReviewedFiles, kept_review
from busicli.types import Track

ROWS = "rows.jsonl"
"""In our own folder: the results, while manifest and table of lesions are replaced."""
SOME_REFUSED = 3
AHEAD = timedelta(days=1)
"""How far a reviewer's clock may be ahead: a later review could never replace one of next year."""
_IN_FUTURE = "has a review from more than a day ahead"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """Which reviews to apply, and where."""

    out: Path
    files: tuple[Path, ...]
    scans: Path | None = None
    """Folder of the scans, for DICOM objects; None is where segment-dir read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOutcome:
    """What became of the reviews."""

    new: int
    """Reviews that were not there before."""
    known: int
    """Reviews that were, or that a newer one of the same person replaces."""
    refused: tuple[str, ...]
    """A sentence for each review that does not fit OUT."""
    disagreements: tuple[Disagreement, ...]
    agreement: Agreement
    without_objects: int
    """Reviewed scans whose DICOM objects could not be made again."""

    @property
    def exit_status(self) -> int:
        """0, or 3 where reviews were refused."""
        return SOME_REFUSED if self.refused else 0


def review(request: ReviewRequest, track: Track[ReviewedScan]) -> ReviewOutcome:
    """Apply reviews to the results in OUT; without files, only resume and repair.

    A file that is no file of reviews of this run is refused as a whole, before anything is
    changed; a review of another scan or mask by name. Of several reviews of a frame the newest
    holds. Stopped at any moment, the same command makes the same results.

    Raises BusicliError where OUT holds no finished run, is in use or cannot be written.
    """
    files = [read_reviews(path) for path in request.files]
    own = own_folder(request.out)
    if not (own.is_dir() and (request.out / "run.json").is_file()):
        raise InputError(f"{request.out} holds no finished run; name a folder of segment-dir.")
    try:
        with folder_lock(own):
            remove_leftovers(request.out)
            return _Reviewing(request).run(files, track)
    except OSError as error:
        raise BusicliError(
            f"{request.out} cannot be written: {error.strerror}; "
            "make room or allow writing, and run again to resume."
        ) from error


class _Reviewing:
    """One run of `review` over OUT, which it holds."""

    def __init__(self, request: ReviewRequest) -> None:
        out = request.out
        self.out = out
        self.record: RunRecord = read_run_record(out)
        self.rows = own_folder(out) / ROWS
        self.store: ReviewStore = read_store(out)
        self.refused: list[str] = []
        self.scans = request.scans or known_scans(out)
        objects = ReviewedObjects(out, self.record.settings, self.scans)
        written = WrittenPaths(out / "masks")
        self.files = ReviewedFiles(out, self.record.settings, written, objects)

    def run(self, files: Sequence[ReviewFile], track: Track[ReviewedScan]) -> ReviewOutcome:
        """Take the reviews, write what follows from them, and count."""
        for file in files:
            self._check_run(file)
        reviews = [one for file in files for one in file.reviews]
        new = self._take(reviews)
        known = len(reviews) - new - len(self.refused)
        write_store(self.out, self.store)
        self._apply(track)
        self._write_tables()
        named = {one.scan for one in reviews}
        ours = [scan for name, scan in sorted(self.store.items()) if name in named]
        return ReviewOutcome(
            new=new,
            known=known,
            refused=tuple(self.refused),
            disagreements=tuple(disagreements(ours)),
            agreement=agreement(self.store.values()),
            without_objects=sum(map(_lacks_objects, self.store.values())),
        )

    def _check_run(self, file: ReviewFile) -> None:
        if not file.run or file.run != self.record.id:
            raise InputError(
                f"the reviews are of run {percent_escape(file.run) or 'unknown'}, but {self.out} "
                f"holds run {self.record.id or 'unknown'}; name the folder that they are of."
            )

    def _results(self) -> Iterator[ScanResult]:
        """The results in OUT, in order, also where their tables were being replaced."""
        if not self.rows.is_file():
            yield from run_results(self.out)
            return
        with self.rows.open("rb") as file:
            for line in file:
                new, _, row = (verify_line(line) or b"").partition(b"\t")
                yield replace(parse_journal_line(row), new=new == b"1")

    def _take(self, reviews: Sequence[Review]) -> int:
        """Take what fits OUT into the store, and forget scans that changed; how many are new."""
        by_scan: dict[str, list[Review]] = {}
        for one in sorted(reviews, key=lambda one: one.at):  # a mask is drawn before it is accepted
            by_scan.setdefault(one.scan, []).append(one)
        new = 0
        for result in self._results():
            own = by_scan.pop(result.scan, [])
            kept = self.store.get(result.scan)
            if kept is not None and kept.model.sha256 != result.sha256 and result.status == "ok":
                self._forget(kept)
                kept = None
            if own:
                new += self._take_scan(kept or ReviewedScan(model=result, reviews=()), own)
        for scan in sorted(by_scan):
            why = "is not among the results; name the folder that its review is of."
            self.refused += [_sentence(scan, why)] * len(by_scan[scan])
        return new

    def _take_scan(self, scan: ReviewedScan, reviews: Sequence[Review]) -> int:
        before = {kept.review for kept in scan.reviews}
        latest = f"{datetime.now(UTC) + AHEAD:%Y-%m-%dT%H:%M:%SZ}"
        new = 0
        for one in reviews:
            if one in before:
                continue
            try:
                if one.at > latest:
                    raise InputError(f"{_IN_FUTURE}, {one.at}; set the clock there, review again.")
                more = scan.with_review(kept_review(self.files, scan, one))
            except InputError as error:
                self.refused.append(_sentence(one.scan, str(error)))
                continue
            new += more is not scan
            scan = more
        if scan.reviews:
            self.store[scan.model.scan] = scan
        return new

    def _forget(self, scan: ReviewedScan) -> None:
        """Forget the reviews of a scan whose file is another one now."""
        del self.store[scan.model.scan]
        for path in self.files.model_paths(scan.model):
            path.unlink(missing_ok=True)

    def _apply(self, track: Track[ReviewedScan]) -> None:
        """Write the files of all scans that need it; what was done stays done when stopped."""
        here = {result.scan for result in self._results() if result.scan in self.store}
        todo = [self.store[scan] for scan in sorted(here) if self._is_unfinished(self.store[scan])]
        try:
            for scan in track(iter(todo), len(todo)):
                try:
                    done = replace(scan, result=self.files.apply(scan))
                    self.store[scan.model.scan] = done
                except InputError as error:
                    self.refused.append(_sentence(scan.model.scan, str(error)))
        finally:
            write_store(self.out, self.store)

    def _is_unfinished(self, scan: ReviewedScan) -> bool:
        if scan.result is None or not self.files.stands(scan.result):
            return True
        return self.scans is not None and NOT_FOUND.startswith(scan.result.dicom_left_out or "-")

    def _write_tables(self) -> None:
        """Write the tables and the page, unless they are as the reviews want them."""
        pairs = ((row, r) for row in self._results() for r in reviewed_results(self.store, [row]))
        if not self.rows.is_file() and all(
            manifest_line(row) == manifest_line(result) for row, result in pairs
        ):
            return
        if not self.rows.is_file():
            with atomic_text(self.rows) as file:
                file.writelines(map(_row, self._results()))
        write_run_outputs(self.out, reviewed_results(self.store, self._results()), self.record)
        self.rows.unlink()


def _row(result: ScanResult) -> str:
    return checksum_line(f"{int(result.new)}\t{journal_line(result)}").decode()


def _sentence(scan: str, why: str) -> str:
    return f"{percent_escape(scan)} {why}"


def _lacks_objects(scan: ReviewedScan) -> bool:
    return (
        scan.result is not None
        and bool(scan.model.dicom)
        and not scan.result.dicom
        and (scan.result.reviewed is not None and scan.result.reviewed.decision != "rejected")
    )
