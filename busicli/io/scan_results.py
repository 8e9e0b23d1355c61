"""One scan's result as a record, and as a line of the manifest and the journal.

A run makes these records. Everything that is written or shown of a scan comes from them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from busicli.errors import InputError
from busicli.io.files import parse_json
from busicli.io.output_paths import stays_below
from busicli.settings.values import check_values, from_plain, to_plain
from busicli.types import ClassProbabilities, FrameView, Lesion, Polygon, Region, View

Status = Literal["ok", "failed", "skipped"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMask:
    """The mask of one frame."""

    frame: int
    """From 1."""
    path: str
    """Below OUT, escaped for reading."""
    sha256: str
    confidence: float | None = None
    polygons: tuple[Polygon, ...] = ()
    """Contours of its lesions, largest first, as a person may edit them."""
    decision: str = ""
    """What a person decided on it; empty where nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomFile:
    """A DICOM object that was written."""

    kind: str
    frame: int
    """From 1; 0 for what is about the whole scan."""
    path: str
    """Below OUT, escaped for reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What a person decided."""

    decision: str
    """Of several frames, the one that changed most."""
    reviewer: str
    at: str
    """UTC, ISO 8601."""
    label: str = ""
    """Class: benign, malignant, normal, or empty where the person gave none."""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """What became of one input. Only `ok` scans have more than scan, status and reason."""

    scan: str
    """Name in all results, escaped for reading."""
    status: Status
    reason: str = ""
    """Why it is not `ok`; empty where it is."""
    lesions: tuple[Lesion, ...] = ()
    confidence: float | None = None
    """Of the least certain frame; None where the weights give none."""
    why_review: tuple[str, ...] = ()
    """Why a person should look first; empty where there is no reason."""
    class_probabilities: ClassProbabilities | None = None
    """Of the frame that most probably holds a lesion; None where the weights give none."""
    reviewed: Reviewed | None = None
    views: tuple[FrameView, ...] = ()
    new: bool = True
    """False where an earlier run's result was kept. The journal does not hold it."""
    sha256: str = ""
    """Of the scan's file."""
    masks: tuple[FrameMask, ...] = ()
    """Of each frame, in order."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of its other files, by path below OUT. The journal alone holds them."""
    millimetres: str = ""
    """Where they come from, or why there are none."""
    regions: tuple[Region, ...] = ()
    """Parts of the scan whose pixels have a known size."""
    shown_whole: bool | None = None
    """Whether images show text outside the ultrasound regions too; None without --deidentify."""
    dicom: tuple[DicomFile, ...] | None = None
    """The objects that were written; None where none were asked for."""
    dicom_left_out: str = ""
    """Why others were not."""
    assumed: tuple[str, ...] = ()
    """What a DICOM header does not say of its pixels, or says wrongly, as it was read."""
    object_key: str = ""
    """A hash of a DICOM scan's SOP Instance UID. The manifest does not hold it."""
    same_object_as: str = ""
    """An earlier scan with the same SOP Instance UID. The journal does not hold it."""
    identifiers: Mapping[str, str] | None = None
    """Patient and study; None unless asked for."""
    milliseconds: float = 0.0
    """Work on this scan."""

    def boxes_of(self, frame: int) -> tuple[View, ...]:
        """What the network looked at in a frame, counted from 1."""
        return tuple(view.box for view in self.views if view.frame == frame)

    @property
    def review(self) -> bool:
        """Whether a person should look first; nobody needs to once somebody has."""
        return bool(self.why_review) and self.reviewed is None


def manifest_line(result: ScanResult) -> str:
    """A row of `manifest.jsonl`: the number of lesions, not their measurements; no line end."""
    row = _row(result)
    row.pop("object_key", None)
    if "lesions" in row:
        row["lesions"] = len(result.lesions)
    return json.dumps(row, ensure_ascii=False)


def parse_manifest_line(line: str | bytes) -> tuple[ScanResult, int]:
    """The result of a row of the manifest without its lesions, and how many those are.

    Raises InputError where the line is no such row.
    """
    row = _parsed(line)
    count = row.pop("lesions", 0)
    if not isinstance(count, int):
        raise _no_row()
    return _result(row), count


def journal_line(result: ScanResult) -> str:
    """A row of the journal: all of the result but `new` and `same_object_as`; no line end."""
    row = _row(result)
    del row["new"]
    row.pop("same_object_as", None)
    if result.files:
        row["files"] = dict(result.files)
    return json.dumps(row, ensure_ascii=False)


def parse_journal_line(line: str | bytes) -> ScanResult:
    """The result of a row of the journal; InputError where the line is no such row."""
    return _result(_parsed(line))


def _row(result: ScanResult) -> dict[str, Any]:
    """The result as JSON values, in the order of the manifest's columns."""
    row: dict[str, Any] = {
        "scan": result.scan,
        "status": result.status,
        "reason": result.reason,
    }
    if result.status != "ok":
        return {**row, "new": result.new}
    classes = result.class_probabilities
    row |= {
        "lesions": [asdict(lesion) for lesion in result.lesions],
        "confidence": result.confidence,
        "review": result.review,
        "why_review": list(result.why_review),
        "class_probabilities": asdict(classes) if classes else None,
        "reviewed": _without_empty(asdict(result.reviewed)) if result.reviewed else None,
        "views": [asdict(view) for view in result.views],
        "new": result.new,
        "sha256": result.sha256,
        "masks": [_without_empty(to_plain(mask)) for mask in result.masks],
        "millimetres": result.millimetres,
    }
    if result.regions:
        row["regions"] = [asdict(region) for region in result.regions]
    if result.shown_whole is not None:
        row["shown_whole"] = result.shown_whole
    if result.dicom is not None:
        row["dicom"] = [asdict(made) for made in result.dicom]
        row["dicom_left_out"] = result.dicom_left_out
    if result.assumed:
        row["assumed"] = list(result.assumed)
    if result.object_key:
        row["object_key"] = result.object_key
    if result.same_object_as:
        row["same_object_as"] = result.same_object_as
    if result.identifiers is not None:
        row["identifiers"] = dict(result.identifiers)
    return {**row, "milliseconds": result.milliseconds}


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", ())}


def _parsed(line: str | bytes) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except InputError as error:
        raise _no_row() from error
    if not (isinstance(row, dict) and {"scan", "status"} <= set(row)):
        raise _no_row()
    return row


def _result(row: Mapping[str, Any]) -> ScanResult:
    try:
        result = from_plain(ScanResult, {name: v for name, v in row.items() if name != "review"})
        check_values(result)
    except (TypeError, ValueError, KeyError, AttributeError, InputError) as error:
        raise _no_row() from error
    made = (*(mask.path for mask in result.masks), *result.files, result.scan)
    if not all(map(stays_below, made)):
        raise _no_row()
    return result


def _no_row() -> InputError:
    return InputError(
        "a row of the results is damaged or of another version; run segment-dir again."
    )
