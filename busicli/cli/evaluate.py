"""`busicli eval`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from busicli.cli.options import Data, Json, Plugin, Runs, WeightsSha256
from busicli.errors import UsageError

if TYPE_CHECKING:
    from busicli.workflows.evaluate import EvaluateOutcome

TABLE_COLUMNS = 96
"""Figures must not be cut where there is no terminal, or a narrow one."""


def evaluate(
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    data: Data = Path("data"),
    weights: Annotated[
        str | None,
        typer.Option(metavar="W", help="Folder or shipped name; default: the last trained here."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; default: eval/NAME-SPLIT.")
    ] = None,
    as_json: Json = False,
    weights_sha256: WeightsSha256 = None,
    runs: Runs = Path("runs"),
    plugin: Plugin = None,
) -> None:
    """Score weights on a split: the literature's pooled figures and honest ones per image."""
    # imported here: SciPy and matplotlib would double the time of --help
    from busicli.cli.progress import tracked
    from busicli.records import SPLITS
    from busicli.workflows.evaluate import EvaluateRequest
    from busicli.workflows.evaluate import evaluate as run

    known = next((s for s in SPLITS if s == split), None)
    if known is None:
        raise UsageError(f"--split is {split}; it must be train, val or test.")
    request = EvaluateRequest(
        data=data,
        split=known,
        runs=runs,
        weights=weights,
        weights_sha256=weights_sha256,
        out=out,
        plugins=tuple(plugin or ()),
    )
    outcome = run(request, tracked("scoring scans"))
    _show_json(outcome) if as_json else _show(outcome)


def _show_json(outcome: "EvaluateOutcome") -> None:
    import json

    print(json.dumps(outcome.metrics))


def _show(outcome: "EvaluateOutcome") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    metrics = outcome.metrics
    console = Console(width=max(Console().width, TABLE_COLUMNS))
    print(f"Weights {metrics['weights']['name']}: {metrics['weights']['chosen']}.")
    pooled = Table(title=f"Pooled over pixels, as in the literature: {metrics['split']} split")
    for name in metrics["pooled"]:
        pooled.add_column(name, justify="right")
    pooled.add_row(*("-" if v is None else f"{v:.4f}" for v in metrics["pooled"].values()))
    console.print(pooled)
    trusted = Table(title="Per image at each scan's own size: what to trust", box=SIMPLE_HEAD)
    columns = ("", "scans", "Dice", "95 % interval", "IoU", "HD95", "missed", "false")
    for name in columns:
        trusted.add_column(name, justify="right" if name else "left", no_wrap=True)
    rows = {"all": metrics["per_image"], **metrics["by_class"]}
    if len(metrics["by_dataset"]) > 1:
        rows |= metrics["by_dataset"]
    if any(metrics["seen"].values()):
        rows["unseen"] = metrics["unseen"]
    for name, summary in rows.items():
        trusted.add_row(name, *_cells(summary))
    console.print(trusted)
    _show_notes(metrics)
    print(f"Written to {outcome.out}: metrics.json, per_image.csv, examples.png")


def _cells(summary: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(summary["scans"]),
        _mean(summary["dice"], ".3f"),
        _range(summary["dice"]),
        _mean(summary["iou"], ".3f"),
        _mean(summary["hd95_px"], ".1f"),
        f"{summary['missed_lesions']} of {summary['lesions']}" if summary["lesions"] else "-",
        _of_normals(summary) if summary["normals"] else "-",
    )


def _of_normals(summary: dict[str, Any]) -> str:
    return f"{summary['normals_with_false_mask']} of {summary['normals']}"


def _show_notes(metrics: dict[str, Any]) -> None:
    overall = metrics["per_image"]
    everywhere = overall["dice_empty_is_1"]
    print(
        f"Dice, IoU and HD95 (px) are over the {overall['scans_with_lesion']} scans with a lesion, "
        f"HD95 without the {overall['hd95_left_out']} whose mask came out empty.\n"
        f"Over all {overall['scans']} scans, two empty masks counting as 1, Dice is "
        f"{_mean(everywhere, '.3f')} ({_range(everywhere)}).\n"
        "Missed: lesions covered by less than a tenth. False: normal scans with a mask."
    )
    same, near = metrics["seen"]["same"], metrics["seen"]["near copy"]
    if same or near:
        print(f"Seen in training: {same} of these scans, and near copies of {near} more.")
    else:
        print("The weights have seen none of these scans in training, nor a near copy of one.")


def _mean(interval: dict[str, Any], form: str) -> str:
    return "-" if interval["mean"] is None else format(interval["mean"], form)


def _range(interval: dict[str, Any]) -> str:
    if interval["low"] is None:
        return "-"
    return f"{interval['low']:.3f} to {interval['high']:.3f}"
