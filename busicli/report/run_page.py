"""What the page shows of a run: its scans with their lesions."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from busicli.io.lesion_table import LESION_COLUMNS, lesion_cells
from busicli.io.run_record import RunRecord
from busicli.io.scan_results import FrameMask, ScanResult
from busicli.report.formatting import cell_text, counted, label_and_unit, period_text
from busicli.report.links import Links
from busicli.report.view_model import Badge, Frame, Histogram, Page, ScanView
from busicli.types import FrameView, Lesion

_FAILED, _REVIEW, _SCORED, _UNSCORED, _SKIPPED = range(5)
_TIMES = "\N{MULTIPLICATION SIGN}"
MEASURES = tuple(
    sorted(
        (name for name in LESION_COLUMNS if name not in ("scan", "frame", "lesion")),
        key=lambda name: not label_and_unit(name)[1].startswith("mm"),
    )
)
"""The columns of `lesions.csv` that measure; millimetres first, as they say most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLinks:
    """Where the images of a run are, by the written paths of their masks."""

    thumbnails: Links
    overlays: Links
    masks: Links
    images: Links
    probabilities: Links


def run_page(record: RunRecord, documents: Mapping[str, Mapping[str, Any]]) -> Page:
    """The page of a run. `documents` are shown as they are, by title."""
    trust = record.settings.confidence
    return Page(
        title="Segmented scans",
        weights=record.settings.weights.name,
        facts=tuple(_facts(record)),
        notes=tuple(_notes(record)),
        filters=(
            ("failed", "Failed"),
            ("review", "For review"),
            ("lesions", "With lesions"),
            ("empty", "Empty"),
            ("new", "New"),
            ("skipped", "Skipped"),
        ),
        next_tag="review",
        score="confidence",
        histograms=(_histogram(trust.review_below),) if trust else (),
        measures=tuple(label_and_unit(column) for column in MEASURES),
        contours=(("predicted", "Contour of the mask"),),
        documents=tuple(documents.items()),
        run=record.id,
    )


def run_scan(result: ScanResult, images: ImageLinks) -> ScanView:
    """One scan."""
    largest = max(result.lesions, key=lambda lesion: lesion.area_px, default=None)
    size = _size(largest) if largest else None
    line = _line(result, size)
    return ScanView(
        name=result.scan,
        urgency=urgency(result),
        line=line,
        badge=_badge(result),
        reason=result.reason,
        sha256=result.sha256,
        reviewed=asdict(result.reviewed) if result.reviewed else None,
        tags=tuple(_tags(result)),
        values={} if result.confidence is None else {"confidence": result.confidence},
        size=None if size is None else (int(size[2] == "mm"), size[0]),
        facts=tuple(_scan_facts(result, line)),
        frames=tuple(_frame(mask, result, images) for mask in result.masks),
        first=_first(result, largest),
    )


def urgency(result: ScanResult) -> tuple[int, float]:
    """What to look at first: failed, for review, then by rising confidence; skipped last.

    >>> sure = ScanResult(scan="a", status="ok", confidence=0.9)
    >>> urgency(sure) < urgency(ScanResult(scan="b", status="skipped"))
    True
    """
    if result.status != "ok":
        return (_FAILED if result.status == "failed" else _SKIPPED), 0.0
    if result.review:
        return _REVIEW, result.confidence or 0.0
    return (_UNSCORED, 0.0) if result.confidence is None else (_SCORED, result.confidence)


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    settings, engine = record.settings, record.settings.engine
    confidence = ", confidence" if settings.confidence else ""
    facts = {
        "Weights": settings.weights.name,
        "Engine": f"{engine.name}, {engine.precision}",
        "Run": period_text(record.start, record.end),
        "Each card": f"long {_TIMES} short axis of the largest lesion{confidence}",
    }
    return [(label, text) for label, text in facts.items() if text]


def _notes(record: RunRecord) -> Iterator[str]:
    if pending := record.counts.pending:
        yield (
            f"This run was stopped and {counted(pending, 'file')} "
            f"{'remains' if pending == 1 else 'remain'}; run the same command again to resume."
        )
    if not record.settings.confidence:
        yield (
            "These weights give no confidence, so there is no histogram and fewer scans are "
            "flagged for review: look at every scan with the same care."
        )


def _histogram(review_below: float) -> Histogram:
    return Histogram(
        value="confidence",
        label="Confidence",
        mark=review_below,
        mark_label=f"review below {review_below:.2f}",
    )


def _badge(result: ScanResult) -> Badge | None:
    if result.status == "failed":
        return Badge(kind="alarm", text="failed")
    if result.status != "ok":
        return Badge(kind="quiet", text=result.status)
    if not result.review:
        return None
    first, *others = result.why_review
    more = f" +{len(others)}" if others else ""
    return Badge(kind="caution", text=first + more, title=", ".join(result.why_review))


def _tags(result: ScanResult) -> list[str]:
    if result.status != "ok":
        return [result.status]
    marks = {"review": result.review, "new": result.new}
    return [
        "lesions" if result.lesions else "empty",
        *(tag for tag, holds in marks.items() if holds),
    ]


def _line(result: ScanResult, size: tuple[float, float, str] | None) -> str:
    if result.status != "ok":
        return ""
    count, frames = len(result.lesions), len(result.masks)
    begin = [counted(frames, "frame")] if frames > 1 else []
    if size is None:
        return ", ".join([*begin, counted(count, "lesion")])
    if count > 1 and not begin:
        begin = [counted(count, "lesion")]
    long_axis, short_axis, unit = size
    decimals = 1 if unit == "mm" else 0
    largest = f"{long_axis:.{decimals}f} {_TIMES} {short_axis:.{decimals}f} {unit}"
    return ", ".join([*begin, largest])


def _size(lesion: Lesion) -> tuple[float, float, str]:
    """Long axis, short axis and their unit: millimetres where they are known."""
    millimetres = lesion.millimetres
    if millimetres is None:
        return lesion.long_axis_px, lesion.short_axis_px, "px"
    return millimetres.long_axis_mm, millimetres.short_axis_mm, "mm"


def _scan_facts(result: ScanResult, line: str) -> list[tuple[str, str]]:
    """What else is known, without anything that may name a patient."""
    confidence, classes = result.confidence, result.class_probabilities
    kinds = ", ".join(dict.fromkeys(made.kind for made in result.dicom or ()))
    facts = {
        "Found": line,
        "Why review": ", ".join(result.why_review),
        "Confidence": "" if confidence is None else f"{confidence:.2f}",
        "Class": str(classes) if classes else "",
        "Views": "; ".join(_view_text(view) for view in result.views if view.frame == 1),
        "Millimetres": result.millimetres,
        "DICOM results": f"{kinds}, below dicom/" if kinds else "",
        "DICOM left out": result.dicom_left_out,
        "Assumed of the header": ", ".join(result.assumed),
        "Same DICOM object as": result.same_object_as,
        "Shown whole": {True: "yes", False: "no", None: ""}[result.shown_whole],
    }
    return [(label, text) for label, text in facts.items() if text]


def _view_text(view: FrameView) -> str:
    """Empty for the whole frame, which needs no word."""
    top, left, bottom, right = view.box
    source = "header" if view.source == "header" else "found"
    box = f"rows {top} to {bottom}, columns {left} to {right} ({source})"
    return "" if view.kind == "whole" else box


def _frame(mask: FrameMask, result: ScanResult, images: ImageLinks) -> Frame:
    below = mask.path.removeprefix("masks/")
    own = (lesion for lesion in result.lesions if lesion.frame == mask.frame)
    return Frame(
        thumbnail=images.thumbnails(below + ".jpg"),
        overlay=images.overlays(below),
        mask=images.masks(below),
        image=images.images(below),
        probability=images.probabilities(below),
        mask_sha256=mask.sha256,
        polygons=mask.polygons,
        decision=mask.decision,
        lesions=tuple(_measures(result.scan, lesion) for lesion in own),
    )


def _measures(scan: str, lesion: Lesion) -> tuple[str, ...]:
    cells = lesion_cells(scan, lesion)
    return tuple(cell_text(cells[name], label_and_unit(name)[1]) for name in MEASURES)


def _first(result: ScanResult, largest: Lesion | None) -> int:
    """The least certain frame where each has a confidence, else that of the largest lesion."""
    certain = [mask.confidence for mask in result.masks if mask.confidence is not None]
    if certain and len(certain) == len(result.masks):
        return certain.index(min(certain))
    numbers = [mask.frame for mask in result.masks]
    return numbers.index(largest.frame) if largest and largest.frame in numbers else 0
