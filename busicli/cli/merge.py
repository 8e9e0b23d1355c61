"""`busicli merge`."""

from pathlib import Path
from typing import Annotated

import typer


def merge(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder that segment-dir --part wrote.")
    ],
) -> None:
    """Merge a run in parts: write its manifest, tables, page and run.json."""
    # imported here: --help must stay fast
    from busicli.batch.merge import merge as run
    from busicli.report.formatting import counted

    outcome = run(out)
    counts = outcome.counts
    print(
        f"{counted(outcome.shards, 'part')}: {counted(counts.ok, 'scan')} segmented, "
        f"{counts.failed} failed, {counted(counts.skipped, 'file')} skipped."
    )
    page = "report.html, " if (out / "report.html").exists() else ""
    print(f"Merged in {out}: {page}lesions.csv, manifest.jsonl, run.json")
    print("Not a medical device: a person must check every mask.")
    raise typer.Exit(outcome.exit_status)
