"""`busicli merge`."""

from pathlib import Path
from typing import Annotated

import typer


def merge(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder that segment-dir --part wrote to.")
    ],
) -> None:
    """Make one whole of a run in parts: manifest, tables, report and run.json."""
    from busicli.workflows.merge import merge as run  # imported here: --help must stay fast

    outcome = run(out)
    counts = outcome.counts
    print(
        f"{outcome.parts} parts: {counts['ok']} scans segmented, {counts['failed']} failed, "
        f"{counts['skipped']} files skipped."
    )
    print(f"Whole in {out}: lesions.csv, manifest.jsonl, run.json")
    print("Not a medical device: a person must check every mask.")
    raise typer.Exit(outcome.exit_status)
