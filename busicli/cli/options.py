"""Options that several commands share, each declared once."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from busicli.cli.completion import model_options
from busicli.errors import UsageError

if TYPE_CHECKING:
    from busicli.parallel.dask import ClusterRequest
    from busicli.types import Spacing


def option_under(title: str) -> Callable[..., Any]:
    """`typer.Option` for options that stand under that title of the help."""
    return partial(typer.Option, rich_help_panel=title)


in_weights, in_scans = option_under("Weights and models"), option_under("Scans")
in_results, in_where = option_under("Results"), option_under("Where the work runs")
"""Under titles that several commands share."""

Data = Annotated[Path, in_scans("--data", help="Folder that preprocess wrote.")]
Runs = Annotated[Path, in_weights("--runs", help="Folder of training runs.")]
Jobs = Annotated[
    int,
    in_where("--jobs", "-j", min=-1, help="Number of workers; -1 uses every core, 1 starts none."),
]
ModelOption = Annotated[
    list[str] | None,
    in_weights(
        "--model-option",
        metavar="KEY=VALUE",
        help="Option of the model, such as filters=16. Repeatable.",
        autocompletion=model_options,
    ),
]
Plugin = Annotated[
    list[Path] | None,
    in_weights("--plugin", metavar="FILE", help="Python file with an architecture. Repeatable."),
]
WeightsSha256 = Annotated[
    str | None,
    in_weights("--weights-sha256", help="Refuse the weights unless their card has this SHA-256."),
]
Tta = Annotated[
    bool | None,
    in_weights(
        "--tta/--no-tta",
        help="Horizontal-flip test-time augmentation. Default: as stored with the weights; with "
        "--folds, off.",
    ),
]
Json = Annotated[bool, typer.Option("--json/--no-json", help="Print JSON instead of tables.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same result.")]
Cluster = Annotated[
    str | None,
    in_where(
        metavar="WHERE",
        help="Run on a Dask cluster: tcp://HOST:PORT of a scheduler, or slurm, pbs, lsf, sge.",
    ),
]
Workers = Annotated[
    int | None,
    in_where(min=1, help="Number of jobs to submit to slurm, pbs, lsf or sge. Default: 1."),
]
WorkerCores = Annotated[int | None, in_where(min=1, help="Cores of each job. Default: 1.")]
WorkerMemory = Annotated[
    str | None, in_where(metavar="SIZE", help="Memory of each job. Default: 4GiB.")
]
Walltime = Annotated[
    str | None, in_where(metavar="H:M:S", help="Time limit of each job. Default: 02:00:00.")
]
PixelSpacing = Annotated[
    str | None,
    in_scans(
        metavar="ROW,COLUMN",
        help="Millimetres between rows and between columns of images. DICOM scans have their own.",
    ),
]

Views = Annotated[
    Literal["header", "auto", "whole"] | None,
    in_scans(
        "--views",
        help="What the network sees. header: the regions of tissue in a DICOM header; auto: those, "
        "else the field found in the image; whole: the whole frame. Default: auto, or whole where "
        "the weights were trained on whole frames.",
    ),
]

MaxFalseMasks = Annotated[
    float | None,
    in_weights(
        "--max-false-masks",
        min=0.0001,
        max=0.9999,
        metavar="SHARE",
        help="Largest share of normal scans that may get a false mask, such as 0.1. A smaller "
        "share misses more lesions. Default: as the weights were tuned.",
    ),
]


def key_value(text: str) -> tuple[str, Any]:
    """Key and value of KEY=VALUE, a value that is JSON parsed as such. Raises UsageError."""
    key, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"{text} was given where KEY=VALUE was needed, such as filters=16.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def spacing_of(text: str | None) -> "Spacing | None":
    """The two numbers of --pixel-spacing. Raises UsageError where they are not two numbers."""
    from busicli.types import Spacing

    if text is None:
        return None
    try:
        row_mm, column_mm = map(float, text.split(","))
        plausible = 0 < row_mm <= 10 and 0 < column_mm <= 10
    except ValueError:
        plausible = False
    if not plausible:
        raise UsageError(
            f"--pixel-spacing is {text}; give two numbers of millimetres, such as 0.08,0.08."
        )
    return Spacing(row_mm=row_mm, column_mm=column_mm)


def cluster_of(
    where: str | None,
    workers: int | None,
    cores: int | None,
    memory: str | None,
    walltime: str | None,
) -> "ClusterRequest | None":
    """The request of --cluster and its options. Raises UsageError where they do not fit."""
    from busicli.parallel.dask import BATCH_SYSTEMS, ClusterRequest

    options = {
        "workers": workers,
        "worker_cores": cores,
        "worker_memory": memory,
        "walltime": walltime,
    }
    given = {name: value for name, value in options.items() if value is not None}
    if given and where not in BATCH_SYSTEMS:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UsageError(f"{names}: only for --cluster {', '.join(BATCH_SYSTEMS)}.")
    if where is None:
        return None
    if where not in BATCH_SYSTEMS and "://" not in where:
        raise UsageError(
            f"--cluster is {where}; give an address such as tcp://host:8786, or one of "
            f"{', '.join(BATCH_SYSTEMS)}."
        )
    return ClusterRequest(where=where, **given)  # type: ignore[arg-type]  # typed by the options
