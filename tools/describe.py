"""The model card that people read: python tools/describe.py NAME writes weights/NAME/README.md.

For the default weights it also writes the table of figures in the project's README. Every number
comes from weights/NAME/card.json; only words stand here.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cells import Values, figure, interval, percent, share, table, with_interval
from marked import replace_marked
from overview import overview

from busicli.io.files import atomic_write
from busicli.models.weights import DEFAULT_WEIGHTS

ROOT = Path(__file__).parents[1]
README, WEIGHTS = ROOT / "README.md", ROOT / "weights"
COLUMNS = (
    *("", "scans", "Dice per image", "95 % interval", "IoU", "HD95, px"),
    *("missed lesions", "empty masks", "false masks", "false lesions a scan"),
)
KINDS = {
    "by_dataset": "data set",
    "by_class": "class",
    "by_size": "size of the lesion, share of the scan",
    "by_device": "scanner",
    "by_fold": "fold",
}
USE = """**Not a medical device.** For research, and for sorting and pre-drawing scans that a qualified person then checks, every one. Not for finding or excluding disease, for grading a lesion, for other organs, or for images that are not two-dimensional B-mode scans."""
TERMS = """A lesion is an 8-connected component of the reference mask. It is missed where less than a tenth of it is covered. A mask is empty where nothing is outlined in a scan with a lesion, and false where something is outlined in a normal scan. A false lesion is an outlined component of which less than a tenth lies on the reference."""
LIMITS = """- The scans come from a few collections, scanners and countries; expect less elsewhere. How much less is what training without a data set and scoring on it shows, where that was measured.
- Annotators differ, also on near copies of one scan: small differences mean nothing.
- Age, ethnicity, breast density and treatment of the patients are not known, nor whether results differ among them.
- Lengths are in pixels where the scans have no scale."""
FAILURES = {
    "empty_mask": "lesion, but no mask",
    "elsewhere": "mask elsewhere (Dice below 0.1)",
    "poor": "poor mask (Dice below 0.7)",
    "good": "good mask",
    "false_mask": "normal scan with a mask",
    "further_missed": "further lesions missed",
}
POINTS = 12
"""Rows of a curve."""


def describe(card: Values) -> str:
    """The page of weights, from their card."""
    training = card["training"]
    parts = [
        f"# {card['name']}",
        USE,
        "## The network",
        _network(card),
        "## Data",
        _data(training, card["preprocess"]["size_px"]),
        "## Scores",
        TERMS,
        *(part for title, found in card["scores"].items() for part in _scores(title, found)),
        "## Limits",
        LIMITS,
        f"This page is written by `python tools/describe.py {card['name']}` from `card.json`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _network(card: Values) -> str:
    size = card["preprocess"]["size_px"]
    tta = ", each scan with its mirror image" if card.get("tta") else ""
    lines = [
        f"Architecture `{card['architecture']}`, input {size} x {size} px{tta}. "
        f"Options: `{json.dumps(card['options'])}`.",
        f"Post-processing: `{json.dumps(card['postprocess'])}`.",
    ]
    for precision, found in card.get("graph", {}).items():
        lines.append(
            f"The exported graph in {precision} makes the network's own masks with a Dice of "
            f"{found['mean']:.5f} on average and {found['least']:.4f} at least, on "
            f"{found['scans']:,.0f} scans."
        )
    return "\n\n".join(lines)


def _data(training: Values, size_px: int) -> str:
    data = training["data"]
    counts = ", ".join(f"{name} ({count:,} scans)" for name, count in data["datasets"].items())
    left_out = data.get("left_out")
    objected = f" {left_out} scans with an objection were left out." if left_out else ""
    cited = "".join(f"\n- {name}: {text}" for name, text in training.get("citations", {}).items())
    return (
        f"{counts}; trained on {data.get('trained_on', 'the training split')}, "
        f"{_stages(training, size_px)}.{objected}\n{cited}"
    )


def _stages(training: Values, size_px: int) -> str:
    """Every training in turn, and what the first one began from."""
    stages = [*training.get("earlier_stages", ()), {**training, "size_px": size_px}]
    initial = stages[0].get("init")
    said = [f"{stage['settings']['epochs']} epochs at {stage['size_px']} px" for stage in stages]
    return ", then ".join(said) + (f", from `{initial}`" if initial else "")


def _scores(title: str, metrics: Values) -> Iterator[str]:
    """The parts about one evaluation."""
    yield f"### {title[0].upper()}{title[1:]}"
    yield _protocol(metrics)
    if title.startswith("not trained on "):
        name = title.removeprefix("not trained on ")
        yield table(COLUMNS, list(_unseen(name, metrics)))
        return
    yield table(COLUMNS, list(_rows(metrics)))
    if "per_image" not in metrics:
        return
    clean = metrics.get("without_objections")
    if clean and clean["per_image"]["scans"] < metrics["per_image"]["scans"]:
        yield "Without the scans to which curators object:"
        yield table(COLUMNS, list(_rows(clean)))
    yield _further(metrics)
    for block, words in ((metrics, ""), (clean, ", without objections")):
        if block:
            yield from _tables(block, words)
    yield from _curves(clean or metrics, metrics)


def _tables(block: Values, words: str) -> Iterator[str]:
    """Lesions by size, classes and failures of some scans."""
    if found := block.get("lesions_by_size"):
        yield f"**Lesions found by their own size{words}**"
        rows = [(n, v["lesions"], *share(v["found"])) for n, v in found.items()]
        yield table(("share of the scan", "lesions", "found", "95 % interval"), rows)
    if found := block.get("presence"):
        yield f"**Lesion or normal: area under the ROC curve{words}**"
        names = ("", "lesions", "normal", "AUC", "95 % interval", "by the class")
        yield table(names, [_presence(name, v) for name, v in found.items() if v["normals"]])
    if found := block.get("malignancy"):
        yield f"**Malignant or benign{words}**"
        names = ("", "benign", "malignant", "AUC", "95 % interval", "sensitivity", "specificity")
        columns = (*names, "calibration error")
        yield table(columns, [_malignancy(name, v) for name, v in found.items()])
    if found := block.get("failures"):
        yield f"**What fails and how often{words}**"
        rows = [(name, *(v[key] for key in FAILURES)) for name, v in found.items()]
        yield table(("", *FAILURES.values()), rows)


def _curves(clean: Values, metrics: Values) -> Iterator[str]:
    """Missed lesions against false masks, and lesions found against false ones."""
    if points := clean.get("trade_off"):
        yield "**Lesions without a mask against normal scans with one, by `min_presence`**"
        rows = [
            (f"{p['min_presence']:.4f}", percent(p["false_masks"]), percent(p["missed"]))
            for p in _some(points)
            if p["false_masks"] is not None
        ]
        yield table(("min_presence", "normal scans with a mask", "lesions without"), rows)
    if points := metrics.get("froc"):
        yield "**Lesions found against false ones a scan (FROC)**"
        rows = [
            (f"{p['threshold']:.3f}", percent(p["found"]), f"{p['false_lesions']:.3f}")
            for p in _some(points)
        ]
        yield table(("mean probability", "lesions found", "false lesions a scan"), rows)


def _some(points: Sequence[Values]) -> list[Values]:
    """A few of the points in even steps, the first and the last among them."""
    last = len(points) - 1
    steps = min(POINTS, len(points))
    picked = {round(last * step / max(1, steps - 1)) for step in range(steps)}
    return [points[row] for row in sorted(picked)]


def _rows(block: Values) -> Iterator[tuple[Any, ...]]:
    if "per_image" in block:
        yield _row("all", block["per_image"])
    for key, words in KINDS.items():
        if len(block.get(key, {})) > 1:
            yield (f"*{words}*", *[""] * (len(COLUMNS) - 1))
            yield from (_row(name, found) for name, found in block[key].items())


def _unseen(name: str, metrics: Values) -> Iterator[tuple[Any, ...]]:
    """The data set that the network was not trained on, with and without objections."""
    yield _row(name, metrics["by_dataset"][name])
    clean = metrics.get("without_objections", {}).get("by_dataset", {}).get(name)
    if clean and clean["scans"] < metrics["by_dataset"][name]["scans"]:
        yield _row(f"{name}, without objections", clean)


def _row(name: str, found: Values) -> tuple[Any, ...]:
    normals, lesions = found["normals"], found["scans_with_lesion"]
    false = found.get("false_lesions", {}).get("mean")
    return (
        name,
        found["scans"],
        figure(found["dice"]["mean"]),
        interval(found["dice"]),
        figure(found["iou"]["mean"]),
        figure(found["hd95_px"]["mean"], ".1f"),
        f"{found['missed_lesions']} of {found['lesions']}" if found["lesions"] else "",
        f"{found['lesion_scans_with_empty_mask']} of {lesions}" if lesions else "",
        f"{found['normals_with_false_mask']} of {normals}" if normals else "",
        figure(false),
    )


def _protocol(metrics: Values) -> str:
    protocol = metrics["protocol"]
    words = protocol if isinstance(protocol, str) else "; ".join(protocol.values())
    return f"{metrics.get('split', '')}: {words}."


def _further(metrics: Values) -> str:
    pooled = ", ".join(
        f"{name} {figure(value, '.4f')}" for name, value in metrics["pooled"].items()
    )
    whole = metrics["per_image"]["dice_empty_is_1"]
    text = [
        f"All scans, two empty masks counting as 1: Dice {figure(whole['mean'])} "
        f"({interval(whole)}).",
        f"Pooled over pixels, as the literature does it: {pooled}.",
    ]
    if further := metrics["per_image"].get("further_lesions"):
        found = metrics["per_image"]["further_lesions_found"]
        text.append(f"Of {further} lesions beyond the first of a scan, {found} were found.")
    if specks := metrics["per_image"].get("specks"):
        text.append(f"{specks} specks in the references, below 0.01 % of the scan, are no lesions.")
    trust = metrics.get("confidence")
    if trust and trust["auc"] is not None:
        text.append(
            f"Confidence tells bad masks (Dice below 0.7, empty, false) from good ones with an "
            f"area under the ROC curve of {trust['auc']:.3f}; review is asked for "
            f"{trust['flagged_share']:.1%} of scans and finds {trust['bad_flagged']} of the "
            f"{trust['bad_masks']} bad masks."
        )
    return " ".join(text)


def _presence(name: str, found: Values) -> tuple[Any, ...]:
    counts = found["scans_with_lesion"], found["normals"]
    by_class = figure(found["class_auc"]["mean"])
    return (name, *counts, figure(found["auc"]["mean"]), interval(found["auc"]), by_class)


def _malignancy(name: str, found: Values) -> tuple[Any, ...]:
    return (
        *(name, found["benign"], found["malignant"]),
        *(figure(found["auc"]["mean"]), interval(found["auc"])),
        *(with_interval(found[key]) for key in ("sensitivity", "specificity")),
        figure(found["calibration_error"]),
    )


if __name__ == "__main__":
    name = sys.argv[1]
    found = json.loads((WEIGHTS / name / "card.json").read_text(encoding="utf-8"))
    atomic_write(WEIGHTS / name / "README.md", describe(found).encode())
    if name == DEFAULT_WEIGHTS:
        atomic_write(README, replace_marked(README, "scores", overview(found)).encode())
