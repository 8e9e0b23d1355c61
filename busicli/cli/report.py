"""`busicli report`."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder that segment-dir or eval wrote to.")
    ],
    inline: Annotated[
        bool,
        typer.Option("--inline", help="One file with its images in it, for up to 500 scans."),
    ] = False,
) -> None:
    """Write the page to look through, worst scans first, for any browser without a network."""
    from busicli.report.write import write_report  # NumPy would double the time of --help

    written = write_report(out, inline=inline)
    print(f"Written: {written}")
    print("Not a medical device: a person must check every mask.")
