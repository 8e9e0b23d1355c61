"""What the page shows of a run: the manifest's rows with their lesions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from busicli.report.formatting import cell_text, counted, label_and_unit, period_text, value_text
from busicli.report.links import Links
from busicli.report.view_model import Badge, Frame, Histogram, Page, ScanView

Row = Mapping[str, Any]
Cells = Mapping[str, str]

_FAILED, _REVIEW, _SCORED, _UNSCORED, _SKIPPED = range(5)
_TIMES = "\N{MULTIPLICATION SIGN}"
_SIZES = (("long_axis_mm", "short_axis_mm", "mm"), ("long_axis_px", "short_axis_px", "px"))
_SHOWN_ELSEWHERE = {
    *("scan", "status", "reason", "lesions", "confidence", "review", "masks"),
    *("sha256", "milliseconds"),  # of no use to eyes, and milliseconds differ between runs
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLinks:
    """Where the images of a run are, by their masks' written paths."""

    thumbnails: Links
    overlays: Links
    masks: Links


def run_page(record: Row, columns: Sequence[str], card: Row) -> Page:
    """The page of a run: `record` is its `run.json`, `columns` are those of `lesions.csv`, `card`
    is the weights' card or empty.
    """
    trusted = record.get("confidence")
    filters = [("failed", "Failed"), ("lesions", "With lesions"), ("empty", "Empty")]
    filters += [("skipped", "Skipped")]
    if trusted:
        filters.insert(1, ("review", "For review"))
    return Page(
        title="Segmented scans",
        weights=_weights(record).get("name", ""),
        facts=tuple(_facts(record)),
        notes=tuple(_notes(record)),
        filters=tuple(filters),
        next_tag="review" if trusted else "failed",
        score="confidence",
        histograms=(_histogram(trusted["review_below"]),) if trusted else (),
        measures=tuple(label_and_unit(column) for column in measured(columns)),
        contours=(("predicted", "Contour of the mask"),),
        documents=(("Run", record), ("Weights' card", card)),
    )


def run_scan(row: Row, lesions: Sequence[Cells], images: ImageLinks) -> ScanView:
    """One scan: its row of the manifest and its rows of `lesions.csv`."""
    largest = max(lesions, key=lambda cells: float(cells.get("area_px") or 0), default=None)
    size = _size(largest) if largest else None
    frames = tuple(_frame(mask, lesions, images) for mask in row.get("masks") or ())
    confidence = row.get("confidence")
    line = _line(row, size)
    return ScanView(
        name=row["scan"],
        urgency=urgency(row),
        line=line,
        badge=_badge(row),
        reason=row.get("reason") or "",
        tags=tuple(_tags(row)),
        values={} if confidence is None else {"confidence": confidence},
        size=None if size is None else (int(size[2] == "mm"), size[0]),
        facts=tuple(_scan_facts(row, line)),
        frames=frames,
        first=_first(row, largest),
    )


def urgency(row: Row) -> tuple[int, float]:
    """What to look at first: failed, flagged for review, then by rising confidence; skipped last.

    >>> urgency({"status": "ok", "confidence": 0.9}) < urgency({"status": "skipped"})
    True
    """
    if row["status"] != "ok":
        return (_FAILED if row["status"] == "failed" else _SKIPPED), 0.0
    confidence = row.get("confidence")
    if row.get("review"):
        return _REVIEW, confidence or 0.0
    return (_UNSCORED, 0.0) if confidence is None else (_SCORED, confidence)


def measured(columns: Sequence[str]) -> list[str]:
    """The columns of `lesions.csv` that measure: millimetres first, for they say most."""
    names = [name for name in columns if name not in ("scan", "frame", "lesion")]
    return sorted(names, key=lambda name: not label_and_unit(name)[1].startswith("mm"))


def _weights(record: Row) -> Row:
    found = record.get("weights")
    return found if isinstance(found, dict) else {}


def _facts(record: Row) -> list[tuple[str, str]]:
    engine = record.get("engine") or {}
    facts = {
        "Weights": _weights(record).get("name", ""),
        "Engine": ", ".join(value_text(value) for value in engine.values()),
        "Run": period_text(record.get("start") or "", record.get("end") or ""),
        "Each card": f"long {_TIMES} short axis of the largest lesion",
    }
    if record.get("confidence"):
        facts["Each card"] += ", confidence"
    return [(label, text) for label, text in facts.items() if text]


def _notes(record: Row) -> list[str]:
    notes = []
    pending = (record.get("counts") or {}).get("pending")
    if pending:
        notes.append(
            f"This run was stopped with {counted(pending, 'file')} to go; run the same command "
            "again to resume."
        )
    if not record.get("confidence"):
        notes.append(
            "These weights give no confidence, so no scan is flagged for review and there is no "
            "histogram: look at every scan with the same care."
        )
    return notes


def _histogram(review_below: float) -> Histogram:
    return Histogram(
        value="confidence",
        label="Confidence",
        mark=review_below,
        mark_label=f"review below {review_below:.2f}",
    )


def _badge(row: Row) -> Badge | None:
    if row["status"] == "failed":
        return Badge(kind="alarm", text="failed")
    if row["status"] != "ok":
        return Badge(kind="quiet", text=row["status"])
    return Badge(kind="caution", text="for review") if row.get("review") else None


def _tags(row: Row) -> list[str]:
    if row["status"] != "ok":
        return [row["status"]]
    found = "lesions" if row.get("lesions") else "empty"
    return [found, "review"] if row.get("review") else [found]


def _line(row: Row, size: tuple[float, float, str] | None) -> str:
    if row["status"] != "ok":
        return ""
    count, frames = row.get("lesions") or 0, len(row.get("masks") or ())
    begin = [counted(frames, "frame")] if frames > 1 else []
    if size is None:
        return ", ".join([*begin, counted(count, "lesion")])
    if count > 1 and not begin:
        begin = [counted(count, "lesion")]
    long_axis, short_axis, unit = size
    decimals = 1 if unit == "mm" else 0
    largest = f"{long_axis:.{decimals}f} {_TIMES} {short_axis:.{decimals}f} {unit}"
    return ", ".join([*begin, largest])


def _size(cells: Cells) -> tuple[float, float, str] | None:
    """Long axis, short axis and their unit: millimetres where they are known."""
    for long_axis, short_axis, unit in _SIZES:
        if cells.get(long_axis) and cells.get(short_axis):
            return float(cells[long_axis]), float(cells[short_axis]), unit
    return None


def _scan_facts(row: Row, line: str) -> list[tuple[str, str]]:
    facts = [("Found", line)] if line else []
    if row.get("confidence") is not None:
        facts.append(("Confidence", f"{row['confidence']:.2f}"))
    if kinds := dict.fromkeys(made["kind"] for made in row.get("dicom") or ()):
        facts.append(("DICOM results", f"{', '.join(kinds)}, below dicom/"))
    for key, value in row.items():
        label, unit = label_and_unit(key)
        plain = isinstance(value, str | int | float)  # what is nested may name a patient
        text = value_text(value) if plain and key not in _SHOWN_ELSEWHERE else ""
        if text:
            facts.append((label, f"{text} {unit}".rstrip()))
    return facts


def _frame(mask: Row, lesions: Sequence[Cells], images: ImageLinks) -> Frame:
    below = mask["path"].removeprefix("masks/")
    own = [cells for cells in lesions if cells.get("frame") == str(mask["frame"])]
    return Frame(
        thumbnail=images.thumbnails(below + ".jpg"),
        overlay=images.overlays(below),
        mask=images.masks(below),
        lesions=tuple(tuple(_measures(cells)) for cells in own),
    )


def _measures(cells: Cells) -> list[str]:
    names = measured(list(cells))
    return [cell_text(cells[name], label_and_unit(name)[1]) for name in names]


def _first(row: Row, largest: Cells | None) -> int:
    """The frame trusted least where each has a confidence, else that of the largest lesion."""
    masks = row.get("masks") or ()
    confidence = [mask["confidence"] for mask in masks if mask.get("confidence") is not None]
    if masks and len(confidence) == len(masks):
        return confidence.index(min(confidence))
    numbers = [str(mask["frame"]) for mask in masks]
    return numbers.index(largest["frame"]) if largest and largest["frame"] in numbers else 0
