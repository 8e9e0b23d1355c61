"""What the page shows of an evaluation: each scan's scores, reference and predicted contour."""

from collections.abc import Mapping, Sequence
from typing import Any

from busicli.imaging.metrics import GOOD_DICE
from busicli.report.formatting import cell_text, label_and_unit
from busicli.report.links import Links
from busicli.report.view_model import Badge, Frame, Histogram, Page, ScanView

Row = Mapping[str, Any]
Cells = Mapping[str, str]

_BAD, _GOOD, _UNDEFINED = range(3)
_CLASS_TAG = "class "
_TAGS = (
    ("absent", "No usable prediction"),
    ("bad", f"Dice below {GOOD_DICE}"),
    ("missed", "Missed lesion"),
    ("false", "False mask"),
    ("review", "For review"),
    ("seen", "Seen in training"),
)


def image_name(index: int) -> str:
    """The image of the scan in this row, from 0, of `per_image.csv`."""
    return f"{index:06d}.jpg"


def scores_page(metrics: Row, rows: Sequence[Cells], card: Row) -> Page:
    """The page of an evaluation: its `metrics.json`, its `per_image.csv`, and the weights' card or
    nothing.
    """
    has_confidence = any(cells.get("confidence") for cells in rows)
    classes = sorted({cells["class"] for cells in rows if cells.get("class")})
    here = {tag for cells in rows for tag in _tags(cells)} | {"bad"}
    confidence = (Histogram(value="confidence", label="Confidence"),) if has_confidence else ()
    return Page(
        title="Scored scans",
        weights=str((metrics.get("weights") or {}).get("name", "")),
        facts=tuple(_facts(metrics)),
        notes=(),
        filters=(
            *((tag, label) for tag, label in _TAGS if tag in here),
            *((_CLASS_TAG + name, name.capitalize()) for name in classes),
        ),
        next_tag="review" if "review" in here else "bad",
        score="dice",
        histograms=(_dice_histogram(), *confidence),
        measures=(),
        contours=(("reference", "Reference contour"), ("predicted", "Predicted contour")),
        documents=(("Evaluation", metrics), ("Weights' card", card)),
    )


def scored_scan(index: int, cells: Cells, thumbnails: Links) -> ScanView:
    """One scan: its row of `per_image.csv`, which is the `index`th from 0."""
    # Dice is reported over scans with a lesion: a false mask has a badge of its own
    wanted = ("dice", "confidence") if _has_lesion(cells) else ("confidence",)
    values = {name: float(cells[name]) for name in wanted if cells.get(name)}
    return ScanView(
        name=cells["case"],
        urgency=scored_urgency(cells),
        line=cells.get("class") or "",
        origin=cells.get("dataset") or "",
        badge=_badge(cells),
        tags=tuple(_tags(cells)),
        values=values,
        size=(0, float(cells.get("reference_area_px") or 0)),
        facts=tuple(_scan_facts(cells)),
        frames=(Frame(thumbnail=thumbnails(image_name(index))),),
    )


def scored_urgency(cells: Cells) -> tuple[int, float]:
    """Worst Dice first; scans without a lesion that rightly have no mask come last.

    >>> scored_urgency({"dice": "0.2"}) < scored_urgency({"dice": "0.9"})
    True
    """
    if not cells.get("dice"):
        return _UNDEFINED, 0.0
    dice = float(cells["dice"])
    return (_BAD if dice < GOOD_DICE else _GOOD), dice


def _dice_histogram() -> Histogram:
    return Histogram(
        value="dice", label="Dice", mark=GOOD_DICE, mark_label=f"good from {GOOD_DICE}"
    )


def _facts(metrics: Row) -> list[tuple[str, str]]:
    overall = metrics.get("per_image") or {}
    facts = {
        "Weights": (metrics.get("weights") or {}).get("name", ""),
        "Predictions": metrics.get("predictions", ""),
        "Reference": metrics.get("reference", ""),
        "Split": metrics.get("split", ""),
        "Dice": _interval(overall.get("dice") or {}),
        "Missed lesions": _share(overall, "missed_lesions", "lesions"),
        "False masks": _share(overall, "normals_with_false_mask", "normals"),
    }
    known = [(label, str(text)) for label, text in facts.items() if text]
    return [*known, ("Each card", "data set, class, Dice")]


def _interval(found: Row) -> str:
    if found.get("mean") is None:
        return ""
    mean = f"{found['mean']:.3f}"
    if found.get("low") is None:
        return mean
    return f"{mean} ({found['low']:.3f} to {found['high']:.3f})"


def _share(found: Row, part: str, whole: str) -> str:
    return f"{found[part]} of {found[whole]}" if found.get(whole) else ""


def _tags(cells: Cells) -> list[str]:
    has_lesion = _has_lesion(cells)
    empty = float(cells.get("predicted_area_px") or 0) == 0
    holds = {
        "absent": bool(cells.get("prediction")),
        "bad": scored_urgency(cells)[0] == _BAD,
        "missed": float(cells.get("missed_lesions") or 0) > 0,
        "false": not has_lesion and not empty,
        "review": cells.get("review") == "True",
        "seen": bool(cells.get("seen")),
        _CLASS_TAG + (cells.get("class") or ""): bool(cells.get("class")),
    }
    return [tag for tag, present in holds.items() if present]


def _has_lesion(cells: Cells) -> bool:
    return float(cells.get("reference_area_px") or 0) > 0


def _badge(cells: Cells) -> Badge | None:
    absent = f"prediction: {cells.get('prediction')}"
    words = {"absent": absent, "missed": "missed lesion", "false": "false mask"}
    tags = _tags(cells)
    for tag, text in words.items():
        if tag in tags:
            return Badge(kind="alarm", text=text)
    return Badge(kind="caution", text="for review") if "review" in tags else None


def _scan_facts(cells: Cells) -> list[tuple[str, str]]:
    facts = []
    for name, cell in cells.items():
        label, unit = label_and_unit(name)
        if cell and name != "case":
            facts.append((label, f"{cell_text(cell, unit)} {unit}".rstrip()))
    return facts
