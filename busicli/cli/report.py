"""`busicli report`."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder that segment-dir or eval wrote.")
    ],
    inline: Annotated[
        bool,
        typer.Option(
            "--inline", help="Write one file that contains its images, for up to 500 scans."
        ),
    ] = False,
) -> None:
    """Write the HTML page of all scans, worst first. It needs no network."""
    from busicli.report.write import write_report  # NumPy is slow to load

    written = write_report(out, inline=inline)
    print(f"Written: {written}")
    print("Not a medical device: a person must check every mask.")
