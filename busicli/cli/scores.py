"""Scores on the screen, whatever was scored."""

import json
import math

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from busicli.evaluation.output import EvaluateOutcome
from busicli.evaluation.records import (
    ConfidenceSummary,
    EvaluationSummary,
    Pairing,
    ScanSummary,
    ScoreBlock,
    to_json,
)
from busicli.imaging.bootstrap import Interval
from busicli.imaging.metrics import SPECK
from busicli.io.escaping import first_few
from busicli.report.formatting import counted

_WITHOUT = {"all": "without objections"}
"""What the row of all scans is called where those with an objection are left out."""
TABLE_COLUMNS = 112
"""Metrics must not be cut where there is no terminal, or a narrow one."""


def show(outcome: EvaluateOutcome, *, as_json: bool) -> None:
    """Print an evaluation as tables with the notes to read them by, or as one JSON document."""
    summary = outcome.summary
    if as_json:
        print(json.dumps(to_json(summary)))
        return
    print(_headline(summary))
    console = Console(width=max(Console().width, TABLE_COLUMNS))
    console.print(_pooled(summary))
    console.print(_trusted(summary))
    _print_metrics(summary.all.per_image)
    if summary.all.malignancy or (summary.all.presence and summary.all.per_image.normals):
        console.print(_classes(summary))
    if summary.pairing:
        _print_pairing(summary.pairing)
    if summary.all.confidence:
        _print_confidence(summary.all.confidence)
    if summary.seen:
        _print_seen(summary)
    written = ("metrics.json", "per_image.csv", "examples.png", "plots", "report.html")
    here = [name for name in written if (outcome.out / name).exists()]
    print(f"Written to {outcome.out}: {', '.join(here)}")


def number(value: float | None, form: str) -> str:
    """A metric as it stands in a table; a dash where it is undefined."""
    return "-" if value is None or math.isnan(value) else format(value, form)


def between(low: float | None, high: float | None, form: str = ".3f") -> str:
    """An interval as it stands in a table; a dash where there is none."""
    ends = number(low, form), number(high, form)
    return "-" if "-" in ends else " to ".join(ends)


def _headline(summary: EvaluationSummary) -> str:
    if summary.weights is None:
        return f"Masks of {summary.predictions} against {summary.reference}."
    return f"Weights {summary.weights.name}: {summary.weights.reason}."


def _pooled(summary: EvaluationSummary) -> Table:
    table = Table(title=f"Pooled over pixels, as in the literature: {_what(summary)}")
    for name in summary.pooled:
        table.add_column(name, justify="right")
    table.add_row(*(number(value, ".4f") for value in summary.pooled.values()))
    return table


def _trusted(summary: EvaluationSummary) -> Table:
    table = Table(title="Per image at each scan's own size: what to trust", box=SIMPLE_HEAD)
    columns = ("", "scans", "Dice", "95 % interval", "IoU", "HD95", "missed", "false")
    for name in columns:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    rows = _rows(summary.all)
    if summary.seen and (summary.seen.same or summary.seen.near_copy) and summary.all.unseen:
        rows["unseen"] = summary.all.unseen
    for name, each in rows.items():
        table.add_row(name, *_cells(each))
    if clean := _clean(summary):
        table.add_section()
        for name, each in _rows(clean).items():
            table.add_row(_WITHOUT.get(name, f"  {name}"), *_cells(each))
    return table


def _clean(summary: EvaluationSummary) -> ScoreBlock | None:
    """What is said without objections, where that leaves scans out."""
    clean = summary.without_objections
    whole = summary.all.per_image.scans
    return clean if clean and clean.per_image.scans < whole else None


def _rows(block: ScoreBlock) -> dict[str, ScanSummary]:
    """Summaries by the name that stands before them in the table."""
    rows = {"all": block.per_image, **block.by_class}
    if len(block.by_dataset) > 1:
        rows |= block.by_dataset
    return rows


def _cells(summary: ScanSummary) -> tuple[str, ...]:
    normals = summary.normals
    return (
        str(summary.scans),
        number(summary.dice.mean, ".3f"),
        _range(summary.dice),
        number(summary.iou.mean, ".3f"),
        number(summary.hd95_px.mean, ".1f"),
        f"{summary.missed_lesions} of {summary.lesions}" if summary.lesions else "-",
        f"{summary.normals_with_false_mask} of {normals}" if normals else "-",
    )


def _range(interval: Interval) -> str:
    return between(interval.low, interval.high)


def _classes(summary: EvaluationSummary) -> Table:
    """Areas under the ROC curve of presence and malignancy, over all scans and by data set."""
    table = Table(title="Per scan: area under the ROC curve", box=SIMPLE_HEAD)
    columns = ("", "lesion", "95 % interval", "malignant", "95 % interval")
    for name in (*columns, "sensitivity", "specificity"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    blocks = {"": summary.all, "unobjected: ": _clean(summary)}
    for prefix, block in blocks.items():
        names = dict.fromkeys([*(block.presence or {}), *(block.malignancy or {})] if block else ())
        for name in names:
            table.add_row(prefix + name, *_class_cells(block, name))
    return table


def _class_cells(block: ScoreBlock | None, name: str) -> tuple[str, ...]:
    presence = (block.presence or {}).get(name) if block else None
    malignancy = (block.malignancy or {}).get(name) if block else None
    lesion = (number(presence.auc.mean, ".3f"), _range(presence.auc)) if presence else ("-", "-")
    if malignancy is None:
        return (*lesion, "-", "-", "-", "-")
    return (
        *lesion,
        number(malignancy.auc.mean, ".3f"),
        _range(malignancy.auc),
        number(malignancy.sensitivity.mean, ".3f"),
        number(malignancy.specificity.mean, ".3f"),
    )


def _what(summary: EvaluationSummary) -> str:
    if summary.split is None:
        return "all masks"
    if summary.all.by_fold:
        return summary.split
    return "all scans" if summary.split == "all" else f"{summary.split} split"


def _print_metrics(overall: ScanSummary) -> None:
    everywhere = overall.dice_empty_is_1
    print(
        "Dice, IoU and HD95 (px) are over "
        f"{counted(overall.scans_with_lesion, 'scan')} with a lesion, "
        f"HD95 without the {overall.hd95_left_out} whose mask came out empty.\n"
        f"Over {counted(overall.scans, 'scan')} in all, two empty masks counting as 1, Dice is "
        f"{number(everywhere.mean, '.3f')} ({_range(everywhere)}).\n"
        "Missed: lesions covered by less than a tenth. False: normal scans with a mask."
    )
    if overall.further_lesions:
        print(
            f"Lesions beyond the first of a scan: {overall.further_lesions}, "
            f"found: {overall.further_lesions_found}."
        )
    if overall.specks:
        print(
            f"Specks in the references, below {SPECK:.2%} of the scan: {overall.specks}, "
            "not counted as lesions."
        )
    print(
        f"Predicted lesions off the reference: {number(overall.false_lesions.mean, '.3f')} a scan."
    )


def _print_pairing(pairing: Pairing) -> None:
    """Whatever did not go together, by number and name."""
    print(f"Predictions found for {pairing.paired} of {pairing.references} references.")
    for found, words in (
        (pairing.missing, "missing, counted as empty masks"),
        (pairing.another_size, "of another size, counted as empty masks"),
        (pairing.unreadable, "unreadable, counted as empty masks"),
        (pairing.greys_cut, "of many greys, as maps are, cut at half of their range"),
        (pairing.mostly_lesion, "over more than half of the scan; they may be inverted"),
        (pairing.without_reference, "without a reference, not scored"),
    ):
        names = (
            [f"{name} ({reason})" for name, reason in found.items()]
            if isinstance(found, dict)
            else list(found)
        )
        if names:
            print(f"Predictions {words}: {len(names)} ({first_few(names)}).")
    if large := pairing.mostly_lesion_references:
        print(f"References over more than half of the scan: {len(large)} ({first_few(large)}).")
    if pairing.missing and pairing.other_files:
        others = pairing.other_files
        print(f"Files of other kinds, ignored: {len(others)} ({first_few(others)}).")


def _print_seen(summary: EvaluationSummary) -> None:
    unknown = summary.hashes_unknown or 0
    if summary.predicted_by:
        print(f"Masks made by busicli with the weights {summary.predicted_by}.")
    if unknown:
        print(
            f"Whether these weights trained on {unknown} of the scans is unknown: they are not at "
            "hand; name their folder with --scans."
        )
    if summary.all.by_fold:
        print("Every scan was scored by a network that had not seen it, nor a scan of its group.")
        if summary.initial_weights:
            print(
                f"The networks began from {summary.initial_weights}, which had not seen these "
                "images; near copies of them were not looked for there."
            )
    elif summary.seen and (summary.seen.same or summary.seen.near_copy):
        same, near = summary.seen.same, summary.seen.near_copy
        print(f"Seen in training: {same} of these scans, and near copies of {near} more.")
    elif unknown < summary.all.per_image.scans:
        print("The weights have seen none of these scans in training, nor a near copy of one.")


def _print_confidence(trust: ConfidenceSummary) -> None:
    if math.isnan(trust.auc):
        return
    print(
        f"Review asked for {counted(trust.flagged, 'scan')}, which finds {trust.bad_flagged} of "
        f"{counted(trust.bad_masks, 'bad mask')} (Dice below 0.7, empty or false); "
        f"confidence tells them apart with an area under the ROC curve of {trust.auc:.3f}."
    )
