"""What `busicli segment-dir` prints: progress, results and the summary."""

import logging
from typing import Any

from busicli.batch.outputs import wanted_outputs
from busicli.batch.request import SegmentOutcome, SegmentRequest
from busicli.cli.progress import bar
from busicli.io.escaping import percent_escape
from busicli.io.scan_results import ScanResult, manifest_line
from busicli.report.formatting import counted
from busicli.report.write import REPORT

TABLES = ("lesions.csv", "manifest.jsonl", "run.json")
_log = logging.getLogger(__name__)


class ProgressOutput:
    """Progress on stderr while scans are segmented, and JSON lines on stdout if asked for."""

    def __init__(self, form: str, as_json: bool) -> None:
        self.form, self.as_json = form, as_json
        self.bar: Any = None

    def start(self, scans: int) -> None:
        """Begin the bar."""
        verbose = _log.isEnabledFor(logging.INFO)  # then each scan has a line of its own
        form = "none" if verbose and self.form == "auto" else self.form
        self.bar = bar("segmenting", scans, form)  # type: ignore[arg-type]

    def result(self, result: ScanResult) -> None:
        """Report a finished scan."""
        _log.info("%s", _line(result))
        if self.as_json:
            print(manifest_line(result), flush=True)
        self.bar.update(1)

    def close(self) -> None:
        """End the bar, if it was started."""
        if self.bar is not None:
            self.bar.close()


def _line(result: ScanResult) -> str:
    """One scan's result in a few words."""
    if result.status != "ok":
        return f"{result.scan}: {result.status}: {result.reason}"
    confidence = "" if result.confidence is None else f", confidence {result.confidence:.2f}"
    review = f", for review ({', '.join(result.why_review)})" if result.review else ""
    lesions = counted(len(result.lesions), "lesion")
    return f"{result.scan}: {lesions}{confidence}{review}; {result.milliseconds:.0f} ms"


def show(outcome: SegmentOutcome, request: SegmentRequest) -> None:
    """Print how a run ended and where its results are."""
    _show_counts(outcome)
    _show_review(outcome, request)
    _show_same_objects(outcome)
    _show_failures(outcome)
    _show_orphans(outcome, request)
    _show_pending(outcome, request)
    out, shard = request.out, request.shard
    if shard is not None:
        print(f"This was part {shard.number} of {shard.of}; once all are done: busicli merge {out}")
        return
    _show_written(request)
    print("Not a medical device: a person must check every mask.")


def _show_counts(outcome: SegmentOutcome) -> None:
    counts = outcome.counts
    new = counts.ok - outcome.kept
    kept = f" ({new} new, {outcome.kept} in an earlier run)" if outcome.kept else ""
    print(
        f"{counted(counts.ok, 'scan')} segmented{kept}, lesions in {outcome.with_lesions}; "
        f"{counts.failed} failed, {_skipped(counts.skipped, outcome.masks)}; "
        f"{outcome.seconds:.1f} s with {percent_escape(outcome.weights)}."
    )


def orphans_text(orphans: int, end: str) -> str:
    """A sentence on the masks without a scan, with its end."""
    verb = "belongs" if orphans == 1 else "belong"
    return f"{counted(orphans, 'mask')} of earlier runs {verb} to no scan of this one: {end}."


def _show_orphans(outcome: SegmentOutcome, request: SegmentRequest) -> None:
    removed = request.prune and not outcome.counts.pending
    if outcome.orphans:
        print(orphans_text(outcome.orphans, "removed" if removed else "--prune removes such masks"))


def _skipped(files: int, masks: int) -> str:
    """How many files were skipped, and how many of them as masks beside their scans."""
    number = "" if masks == files else f"{masks} of them "
    return f"{counted(files, 'file')} skipped" + (f" ({number}masks beside scans)" if masks else "")


def _show_review(outcome: SegmentOutcome, request: SegmentRequest) -> None:
    if outcome.reviewed:
        print(f"{counted(outcome.reviewed, 'scan')} stayed as a person reviewed them.")
    if outcome.for_review:
        whole = request.shard is None
        rows = "their rows in manifest.jsonl say" if whole else "once merged their rows say"
        needs = "needs" if outcome.for_review == 1 else "need"
        print(f'{outcome.for_review} {needs} a person\'s eye first: {rows} "review": true.')
    shown = any(output.shows_scan for output in wanted_outputs(request.outputs))
    if outcome.shown_whole and shown:
        print(
            f"{counted(outcome.shown_whole, 'scan')} described no ultrasound region, or regions "
            "that are the whole image: their images show all text that is in them; "
            'manifest.jsonl says "shown_whole": true.'
        )


def _show_same_objects(outcome: SegmentOutcome) -> None:
    if outcome.same_objects:
        print(
            f"{counted(outcome.same_objects, 'scan')} with the SOP Instance UID of another scan: "
            'manifest.jsonl names it as "same_object_as"; check the export of these scans.'
        )


def _show_failures(outcome: SegmentOutcome) -> None:
    for result in outcome.failed:
        print(f"  failed: {result.scan}: {result.reason}")
    if more := outcome.counts.failed - len(outcome.failed):
        print(f"  and {more} more: see manifest.jsonl")


def _show_pending(outcome: SegmentOutcome, request: SegmentRequest) -> None:
    limit, pending = request.max_failures, outcome.counts.pending
    if not pending:
        return
    remain = f"{counted(pending, 'file')} {'remains' if pending == 1 else 'remain'}"
    if limit is not None and outcome.counts.failed >= limit:
        print(
            f"Stopped: too many scans failed, {remain}. Fix or remove them, or raise "
            "--max-failures, then run again."
        )
    else:
        print(f"Stopped: {remain}. Run the same command again to resume.")


def _show_written(request: SegmentRequest) -> None:
    out = request.out
    folders = dict.fromkeys(f"{output.folder}/" for output in wanted_outputs(request.outputs))
    wanted = ((REPORT,) if request.report else ()) + tuple(folders)
    if "dicom/" in folders and not (out / "dicom").exists():
        print("No DICOM object was made: no scan is one, or manifest.jsonl says why not.")
    written = [name for name in wanted if (out / name).exists()]
    print(f"Results in {out}: {', '.join((*written, *TABLES))}")
