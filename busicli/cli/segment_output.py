"""What is seen of `busicli segment-dir`: progress, rows, how it ended, what it would do."""

import json
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from busicli.batch.dry_run import DryRun
    from busicli.batch.request import SegmentOutcome, SegmentRequest

LISTED = 10
TABLES = ("lesions.csv", "manifest.jsonl", "run.json")
_log = logging.getLogger(__name__)


class ProgressOutput:
    """What is seen while scans are done: a bar on stderr, JSON lines on stdout if asked for."""

    def __init__(self, form: str, as_json: bool) -> None:
        self.form, self.as_json = form, as_json
        self.bar: Any = None

    def start(self, scans: int) -> None:
        """Begin the bar."""
        from busicli.cli.progress import bar

        verbose = _log.isEnabledFor(logging.INFO)  # what each scan became is progress enough
        form = "none" if verbose and self.form == "auto" else self.form
        self.bar = bar("segmenting", scans, form)  # type: ignore[arg-type]

    def row(self, row: dict[str, Any]) -> None:
        """Tell of a scan that is done."""
        _log.info("%s", _line(row))
        if self.as_json:
            print(json.dumps(row, ensure_ascii=False), flush=True)
        self.bar.update(1)

    def close(self) -> None:
        """End the bar, if it was started."""
        if self.bar is not None:
            self.bar.close()


def _line(row: dict[str, Any]) -> str:
    """What became of a scan."""
    if row["status"] != "ok":
        return f"{row['scan']}: {row['status']}: {row['reason']}"
    confidence = "" if row["confidence"] is None else f", confidence {row['confidence']:.2f}"
    return (
        f"{row['scan']}: {row['lesions']} lesion{'' if row['lesions'] == 1 else 's'}{confidence}"
        f"{', for review' if row['review'] else ''}; {row['milliseconds']:.0f} ms"
    )


def show(outcome: "SegmentOutcome", request: "SegmentRequest") -> None:
    """Print how a run ended and where its results are."""
    from busicli.report.formatting import counted

    out, shard, counts = request.out, request.shard, outcome.counts
    done = counts["ok"]
    before = f" ({outcome.kept} of them in an earlier run)" if outcome.kept else ""
    print(
        f"{counted(done, 'scan')} segmented{before}, lesions in {outcome.with_lesions}; "
        f"{counts['failed']} failed, {_skipped(counts['skipped'], outcome.masks)}; "
        f"{outcome.seconds:.1f} s with {outcome.weights}."
    )
    if outcome.for_review:
        rows = "their rows in manifest.jsonl say" if shard is None else "once merged their rows say"
        needs = "needs" if outcome.for_review == 1 else "need"
        print(f'{outcome.for_review} {needs} a person\'s eye first: {rows} "review": true.')
    if outcome.shown_whole and (request.overlays or request.report):
        print(
            f"{counted(outcome.shown_whole, 'scan')} described no ultrasound region, or regions "
            "that are all of the image: what is written in them stands in their images; "
            'manifest.jsonl says "shown_whole": true.'
        )
    for row in outcome.failed:
        print(f"  failed: {row['scan']}: {row['reason']}")
    if more := counts["failed"] - len(outcome.failed):
        print(f"  and {more} more: see manifest.jsonl")
    left = outcome.inputs - sum(counts.values())
    limit = request.max_failures
    if left and limit is not None and counts["failed"] >= limit:
        print(
            f"Stopped with {counted(left, 'file')} to go, for scans failed; what was under way "
            "was finished. Fix or remove those that failed, or allow more failures, and run again."
        )
    elif left:
        print(f"Stopped with {counted(left, 'file')} to go; run the same command again to resume.")
    if shard is not None:
        print(f"This was part {shard.number} of {shard.of}; once all are done: busicli merge {out}")
        return
    made = {
        "report.html": request.report,
        "masks/": True,
        "overlays/": request.overlays,
        "thumbnails/": request.report,
        "probabilities/": request.probabilities,
        "dicom/": request.dicom,
    }
    written = [name for name, wanted in made.items() if wanted and (out / name).exists()]
    if request.dicom and not (out / "dicom").exists():
        print("No DICOM object was made: no scan is one, or manifest.jsonl says why not.")
    print(f"Results in {out}: {', '.join((*written, *TABLES))}")
    print("Not a medical device: a person must check every mask.")


def _skipped(files: int, masks: int) -> str:
    """How many files were passed over, and whether it was for masks that stand beside scans."""
    from busicli.report.formatting import counted

    number = "" if masks == files else f"{masks} of them "
    return f"{counted(files, 'file')} skipped" + (f" ({number}masks beside scans)" if masks else "")


def show_dry_run(planned: "DryRun", out: Path) -> None:
    """Print what a run would do."""
    from busicli.report.formatting import counted

    counts = Counter(row["status"] for row in planned)
    print(
        f"{counted(counts['to do'], 'scan')} would be segmented, done already: {counts['done']}; "
        f"{counts['failed']} would fail, {counted(counts['skipped'], 'file')} would be skipped."
    )
    for status in ("failed", "skipped"):
        rows = [row for row in planned if row["status"] == status]
        for row in rows[:LISTED]:
            print(f"  {status}: {row['scan']}: {row['reason']}")
        if len(rows) > LISTED:
            print(f"  and {len(rows) - LISTED} more {status}: see --json")
    print(f"Nothing was written to {out}.")
