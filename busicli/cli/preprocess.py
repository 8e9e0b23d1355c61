"""`busicli preprocess`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from busicli.cli.options import (
    Cluster,
    Jobs,
    Seed,
    Walltime,
    WorkerCores,
    WorkerMemory,
    Workers,
    cluster_of,
)
from busicli.errors import UsageError

if TYPE_CHECKING:
    from busicli.data.summary import Summary

TITLES = {"train": "Training", "val": "Validation", "test": "Test"}


def preprocess(
    datasets: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DATASET...", help="Folders in the layout of BUSI, BUS-BRA or BrEaST."
        ),
    ] = None,
    table: Annotated[
        list[Path] | None,
        typer.Option(help="CSV file with columns scan, masks, class, group, split. Repeatable."),
    ] = None,
    reviewed: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="OUT",
            help="Folder of segment-dir: take the scans that a person has reviewed. Repeatable.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("data"),
    split_by: Annotated[
        Literal["group", "image"],
        typer.Option(
            help="group keeps near copies and scans of one patient together; image is random."
        ),
    ] = "group",
    split_from: Annotated[
        Path | None,
        typer.Option(metavar="CASES.CSV", help="Use the splits of an earlier cases.csv."),
    ] = None,
    size: Annotated[
        int,
        typer.Option(min=16, max=4096, help="Rows and columns of the network's input, in pixels."),
    ] = 256,
    aspect: Annotated[
        Literal["stretch", "keep"],
        typer.Option(help="stretch fills the square; keep preserves proportions and pads."),
    ] = "stretch",
    views: Annotated[
        Literal["auto", "whole"],
        typer.Option(help="auto crops scans to their ultrasound field; whole crops nothing."),
    ] = "auto",
    seed: Seed = 0,
    jobs: Jobs = -1,
    cluster: Cluster = None,
    workers: Workers = None,
    worker_cores: WorkerCores = None,
    worker_memory: WorkerMemory = None,
    walltime: Walltime = None,
) -> None:
    """Prepare data sets for training: crop, resize, group near copies, split, store."""
    if not datasets and not table and not reviewed:
        raise UsageError(
            "no data set was given; give a folder, a table with --table, or results that were "
            "reviewed with --reviewed."
        )
    # imported here: SciPy and matplotlib would double the time of --help
    from busicli.cli.progress import tracked
    from busicli.data.preprocess import PrepareRequest, prepare
    from busicli.parallel.threads import cores
    from busicli.settings import PreprocessSettings, SplitSettings

    request = PrepareRequest(
        folders=tuple(datasets or ()),
        tables=tuple(table or ()),
        reviewed=tuple(reviewed or ()),
        out=out,
        preprocess=PreprocessSettings(size_px=size, aspect=aspect, views=views),
        split=SplitSettings(by=split_by, seed=seed),
        split_from=split_from,
        jobs=cores() if jobs < 1 else jobs,
        cluster=cluster_of(cluster, workers, worker_cores, worker_memory, walltime),
    )
    _show(prepare(request, tracked("preparing scans")), out)


def _show(summary: "Summary", out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from busicli.io.escaping import first_few

    for split, shape in summary.shapes.items():
        print(f"{TITLES[split]} data: {shape} {shape[:3]}")
    labels = sorted({label for counts in summary.labels.values() for label in counts})
    table = Table(title="Scans by class")
    table.add_column("split")
    for label in labels:
        table.add_column(label, justify="right")
    for split, counts in summary.labels.items():
        table.add_row(split, *(str(counts.get(label, 0)) for label in labels))
    console = Console()
    console.print(table)
    print(
        f"{summary.grouped_scans} scans are in groups of several (one patient, or near copies); "
        f"groups: {summary.groups}, divided: {summary.divided}."
    )
    if summary.objections:
        kinds = ", ".join(f"{count} {name}" for name, count in summary.objections.items())
        print(
            f"Scans with an objection of the curators of BUSI: {sum(summary.objections.values())} "
            f"({kinds}); train leaves them out by default."
        )
    if summary.cut:
        print(f"Scans cropped to their ultrasound field: {summary.cut}.")
    for doubt, scans in summary.doubts.items():
        print(f"Look at these scans before training: {doubt}: {len(scans)} ({first_few(scans)}).")
    if found := summary.mostly_lesion:
        print(
            f"Masks that cover more than half of their scan: {len(found)} ({first_few(found)}); "
            "check that they are not inverted."
        )
    print(f"Example images in {out / 'figures'}. Continue with: busicli train --data {out}")
