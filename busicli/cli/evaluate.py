"""`busicli eval`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from busicli.cli.options import Data, Json, Plugin, Runs, Tta, WeightsSha256
from busicli.errors import UsageError

if TYPE_CHECKING:
    from busicli.workflows.evaluate import EvaluateOutcome

TABLE_COLUMNS = 96
"""Figures must not be cut where there is no terminal, or a narrow one."""


def evaluate(
    split: Annotated[str, typer.Option(help="train, val, test or all.")] = "test",
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Score the networks of train --folds, each on its own fold."),
    ] = None,
    fold: Annotated[
        list[int] | None, typer.Option(min=1, help="Only these of --folds, two or more.")
    ] = None,
    data: Data = Path("data"),
    weights: Annotated[
        str | None,
        typer.Option(metavar="W", help="Folder or shipped name; default: the last trained here."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; default: eval/NAME-SPLIT.")
    ] = None,
    tta: Tta = False,
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
    from busicli.workflows.evaluate_folds import EvaluateFoldsRequest, evaluate_folds

    if folds is not None or fold:
        only = _numbers(folds, fold)
        if weights_sha256:
            raise UsageError("--weights-sha256 pins one set of weights; leave it out with --folds.")
        of_folds = EvaluateFoldsRequest(
            data=data,
            folds=folds or 0,
            only=only,
            runs=runs,
            weights=Path(weights) if weights else None,
            out=out,
            plugins=tuple(plugin or ()),
            mirror=tta,
        )
        outcome = evaluate_folds(of_folds, tracked("scoring scans"))
        _show_json(outcome) if as_json else _show(outcome)
        return
    whole: tuple[Literal["train", "val", "test", "all"], ...] = (*SPLITS, "all")
    known = next((s for s in whole if s == split), None)
    if known is None:
        raise UsageError(f"--split is {split}; it must be train, val, test or all.")
    request = EvaluateRequest(
        data=data,
        split=known,
        runs=runs,
        weights=weights,
        weights_sha256=weights_sha256,
        out=out,
        plugins=tuple(plugin or ()),
        mirror=tta,
    )
    outcome = run(request, tracked("scoring scans"))
    _show_json(outcome) if as_json else _show(outcome)


def _numbers(folds: int | None, fold: list[int] | None) -> tuple[int, ...]:
    numbers = tuple(sorted(set(fold or ())))
    if folds is None:
        raise UsageError("--fold needs --folds, how many there are.")
    if numbers and (len(numbers) < 2 or numbers[-1] > folds):
        raise UsageError(
            f"--fold names {', '.join(map(str, numbers))}; it takes two or more of {folds}, for "
            "each is scored with what the others chose."
        )
    return numbers


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
    pooled = Table(title=f"Pooled over pixels, as in the literature: {_what(metrics)}")
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
    print(f"Written to {outcome.out}: metrics.json, per_image.csv, examples.png, report.html")


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
    _show_confidence(metrics["confidence"])
    same, near = metrics["seen"]["same"], metrics["seen"]["near copy"]
    if "by_fold" in metrics:
        print("Every scan was scored by a network that had not seen it, nor a scan of its group.")
    elif same or near:
        print(f"Seen in training: {same} of these scans, and near copies of {near} more.")
    else:
        print("The weights have seen none of these scans in training, nor a near copy of one.")


def _what(metrics: dict[str, Any]) -> str:
    if "by_fold" in metrics:
        return str(metrics["split"])
    return "all scans" if metrics["split"] == "all" else f"{metrics['split']} split"


def _show_confidence(trust: dict[str, Any]) -> None:
    if trust["auc"] is None:
        return
    print(
        f"Review asked for {trust['flagged']} scans, which finds {trust['bad_flagged']} of the "
        f"{trust['bad_masks']} bad masks (Dice below 0.7, missed or false); "
        f"confidence tells them apart with an area under the ROC curve of {trust['auc']:.3f}."
    )


def _mean(interval: dict[str, Any], form: str) -> str:
    return "-" if interval["mean"] is None else format(interval["mean"], form)


def _range(interval: dict[str, Any]) -> str:
    if interval["low"] is None:
        return "-"
    return f"{interval['low']:.3f} to {interval['high']:.3f}"
