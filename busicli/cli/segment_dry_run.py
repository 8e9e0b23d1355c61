"""`busicli segment-dir --dry-run`."""

import json
from collections import Counter
from dataclasses import asdict

import typer

from busicli.batch.dry_run import PlannedRun, dry_run
from busicli.batch.request import SegmentRequest
from busicli.batch.tally import SOME_FAILED
from busicli.cli.progress import tracked
from busicli.cli.segment_output import orphans_text
from busicli.errors import UsageError
from busicli.report.formatting import counted

LISTED = 10


def show_dry_run(request: SegmentRequest, form: str, *, as_json: bool) -> None:
    """Print what a run would do; exit status 3 where scans would fail."""
    if request.cluster:
        raise UsageError("--dry-run reads the scans on this machine; leave --cluster out.")
    planned = dry_run(request, tracked("looking at scans", form))  # type: ignore[arg-type]  # checked
    if as_json:
        for scan in planned.scans:
            print(json.dumps(asdict(scan), ensure_ascii=False))
    else:
        _show(planned, request)
    if any(scan.status == "failed" for scan in planned.scans):
        raise typer.Exit(SOME_FAILED)


def _show(planned: PlannedRun, request: SegmentRequest) -> None:
    counts = Counter(scan.status for scan in planned.scans)
    print(
        f"{counted(counts['to do'], 'scan')} would be segmented, done already: {counts['done']}; "
        f"{counts['failed']} would fail, {counted(counts['skipped'], 'file')} would be skipped."
    )
    for status in ("failed", "skipped"):
        scans = [scan for scan in planned.scans if scan.status == status]
        for scan in scans[:LISTED]:
            print(f"  {status}: {scan.scan}: {scan.reason}")
        if len(scans) > LISTED:
            print(f"  and {len(scans) - LISTED} more {status}: see --json")
    if planned.orphans:
        end = "to be removed" if request.prune else "--prune removes such masks"
        print(orphans_text(planned.orphans, end))
    print(f"Nothing was written to {request.out}.")
