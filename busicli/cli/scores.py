"""Scores on the screen, whatever was scored."""

import json
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from busicli.io.escaping import first_few

if TYPE_CHECKING:
    from busicli.evaluation.output import EvaluateOutcome

_WITHOUT = {"all": "without objections"}
"""What the row of all scans is called where those with an objection are left out."""
TABLE_COLUMNS = 112
"""Figures must not be cut where there is no terminal, or a narrow one."""


def show(outcome: "EvaluateOutcome", *, as_json: bool) -> None:
    """Print an evaluation as tables with the notes to read them by, or as one JSON document."""
    metrics = outcome.metrics
    if as_json:
        print(json.dumps(metrics))
        return
    print(_headline(metrics))
    console = Console(width=max(Console().width, TABLE_COLUMNS))
    console.print(_pooled(metrics))
    console.print(_trusted(metrics))
    _print_metrics(metrics)
    if "pairing" in metrics:
        _print_pairing(metrics["pairing"])
    else:
        _print_confidence(metrics["confidence"])
        _print_seen(metrics)
    written = ("metrics.json", "per_image.csv", "examples.png", "plots", "report.html")
    here = [name for name in written if (outcome.out / name).exists()]
    print(f"Written to {outcome.out}: {', '.join(here)}")


def number(value: float | None, form: str) -> str:
    """A figure as it stands in a table; a dash where it is undefined."""
    return "-" if value is None else format(value, form)


def between(low: float | None, high: float | None, form: str = ".3f") -> str:
    """An interval as it stands in a table; a dash where there is none."""
    return "-" if low is None or high is None else f"{low:{form}} to {high:{form}}"


def _headline(metrics: dict[str, Any]) -> str:
    if "pairing" in metrics:
        return f"Masks of {metrics['predictions']} against {metrics['reference']}."
    return f"Weights {metrics['weights']['name']}: {metrics['weights']['reason']}."


def _pooled(metrics: dict[str, Any]) -> Table:
    table = Table(title=f"Pooled over pixels, as in the literature: {_what(metrics)}")
    for name in metrics["pooled"]:
        table.add_column(name, justify="right")
    table.add_row(*(number(value, ".4f") for value in metrics["pooled"].values()))
    return table


def _trusted(metrics: dict[str, Any]) -> Table:
    table = Table(title="Per image at each scan's own size: what to trust", box=SIMPLE_HEAD)
    columns = ("", "scans", "Dice", "95 % interval", "IoU", "HD95", "missed", "false")
    for name in columns:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    rows = _rows(metrics)
    if any(metrics.get("seen", {}).values()):
        rows["unseen"] = metrics["unseen"]
    for name, summary in rows.items():
        table.add_row(name, *_cells(summary))
    clean = metrics.get("without_objections")
    if clean and clean["per_image"]["scans"] < metrics["per_image"]["scans"]:
        table.add_section()
        for name, summary in _rows(clean).items():
            table.add_row(_WITHOUT.get(name, f"  {name}"), *_cells(summary))
    return table


def _rows(block: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Summaries by the name that stands before them in the table."""
    rows = {"all": block["per_image"], **block["by_class"]}
    if len(block["by_dataset"]) > 1:
        rows |= block["by_dataset"]
    return rows


def _cells(summary: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(summary["scans"]),
        number(summary["dice"]["mean"], ".3f"),
        _range(summary["dice"]),
        number(summary["iou"]["mean"], ".3f"),
        number(summary["hd95_px"]["mean"], ".1f"),
        f"{summary['missed_lesions']} of {summary['lesions']}" if summary["lesions"] else "-",
        _of_normals(summary) if summary["normals"] else "-",
    )


def _of_normals(summary: dict[str, Any]) -> str:
    return f"{summary['normals_with_false_mask']} of {summary['normals']}"


def _range(interval: dict[str, Any]) -> str:
    return between(interval["low"], interval["high"])


def _what(metrics: dict[str, Any]) -> str:
    if "split" not in metrics:
        return "all masks"
    if "by_fold" in metrics:
        return str(metrics["split"])
    return "all scans" if metrics["split"] == "all" else f"{metrics['split']} split"


def _print_metrics(metrics: dict[str, Any]) -> None:
    overall = metrics["per_image"]
    everywhere = overall["dice_empty_is_1"]
    print(
        f"Dice, IoU and HD95 (px) are over the {overall['scans_with_lesion']} scans with a lesion, "
        f"HD95 without the {overall['hd95_left_out']} whose mask came out empty.\n"
        f"Over all {overall['scans']} scans, two empty masks counting as 1, Dice is "
        f"{number(everywhere['mean'], '.3f')} ({_range(everywhere)}).\n"
        "Missed: lesions covered by less than a tenth. False: normal scans with a mask."
    )
    if overall.get("further_lesions"):
        print(
            f"Of {overall['further_lesions']} lesions beyond the first of a scan, "
            f"{overall['further_lesions_found']} were found."
        )


def _print_pairing(pairing: dict[str, Any]) -> None:
    """Whatever did not go together, by number and name."""
    print(f"Predictions found for {pairing['paired']} of {pairing['references']} references.")
    for key, words in (
        ("missing", "missing, counted as empty masks"),
        ("another_size", "of another size, counted as empty masks"),
        ("unreadable", "unreadable, counted as empty masks"),
        ("greys_cut", "of many greys, as maps are, cut at half of the highest"),
        ("without_reference", "without a reference, not scored"),
    ):
        found = pairing[key]
        names = (
            list(found)
            if isinstance(found, list)
            else [f"{name} ({reason})" for name, reason in found.items()]
        )
        if names:
            print(f"Predictions {words}: {len(names)} ({first_few(names)}).")
    if pairing["missing"] and pairing["other_files"]:
        others = pairing["other_files"]
        print(f"Files of other kinds, passed over: {len(others)} ({first_few(others)}).")


def _print_seen(metrics: dict[str, Any]) -> None:
    same, near = metrics["seen"]["same"], metrics["seen"]["near copy"]
    if "by_fold" in metrics:
        print("Every scan was scored by a network that had not seen it, nor a scan of its group.")
        if initial := metrics.get("initial_weights"):
            print(
                f"The networks began from {initial}, which had not seen these images; "
                "near copies of them were not looked for there."
            )
    elif same or near:
        print(f"Seen in training: {same} of these scans, and near copies of {near} more.")
    else:
        print("The weights have seen none of these scans in training, nor a near copy of one.")


def _print_confidence(trust: dict[str, Any]) -> None:
    if trust["auc"] is None:
        return
    print(
        f"Review asked for {trust['flagged']} scans, which finds {trust['bad_flagged']} of the "
        f"{trust['bad_masks']} bad masks (Dice below 0.7, empty or false); "
        f"confidence tells them apart with an area under the ROC curve of {trust['auc']:.3f}."
    )
