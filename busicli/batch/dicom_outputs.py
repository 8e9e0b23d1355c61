"""One DICOM scan's results in DICOM's own forms, and what may be said of the patient."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from busicli.errors import InputError
from busicli.imaging.contour import contour_mask, contour_polygon
from busicli.imaging.measure import component
from busicli.io.dicom.read import DicomScan, reading
from busicli.io.dicom.regions import Box
from busicli.io.dicom.results import Finding, Maker, capture, report, segmentation
from busicli.io.dicom.source import source_of
from busicli.io.escaping import percent_escape
from busicli.io.images import draw_contour
from busicli.io.output_paths import Kind
from busicli.types import Image, Lesion, Mask

if TYPE_CHECKING:
    from pydicom import Dataset

_KEPT = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "accession_number": "AccessionNumber",
    "study_uid": "StudyInstanceUID",
    "series_uid": "SeriesInstanceUID",
    "object_uid": "SOPInstanceUID",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSettings:
    """Which DICOM objects are made of a DICOM scan, and what is recorded of its patient."""

    kinds: tuple[Kind, ...]
    maker: Maker
    keep_identifiers: bool
    """Name the patient in manifest and journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomOutput:
    """A DICOM file to be written."""

    kind: Kind
    frame: int
    """From 1; 0 for what is about the whole scan."""
    data: bytes


def check_requested(scan: DicomScan, settings: DicomSettings) -> None:
    """InputError where a result is asked for that could not refer to this scan."""
    if settings.kinds:
        source_of(scan.header, deidentified=settings.maker.deidentified)


def display_frames(
    scan: DicomScan, frames: tuple[Image, ...], settings: DicomSettings
) -> tuple[Image, ...]:
    """The frames as images for people may show them: deidentified, black where the header says
    that no ultrasound is, for there the scanner writes whose scan it is.
    """
    if not (settings.maker.deidentified and scan.boxes):
        return frames
    return tuple(_only_boxes(frame, scan.boxes) for frame in frames)


def _only_boxes(frame: Image, boxes: Sequence[Box]) -> Image:
    shown = np.zeros_like(frame)
    for top, left, bottom, right in boxes:
        shown[top:bottom, left:right] = frame[top:bottom, left:right]
    return shown


def missing_outputs(scan: DicomScan | None, frames: int, settings: DicomSettings) -> str:
    """Why an object that was asked for is not there; empty where all are."""
    if scan is None:
        return "the scan is no DICOM object"
    why = []
    if frames > 1 and "seg" in settings.kinds:
        why.append("a cine has no segmentation object")
    if "sc" in settings.kinds and not _may_capture(scan, settings):
        why.append(
            "a capture may show whose scan it is, for no ultrasound region is described, or "
            "they are all of the image"
        )
    return "; ".join(why)


def _may_capture(scan: DicomScan, settings: DicomSettings) -> bool:
    return not settings.maker.deidentified or bool(scan.boxes) or scan.says_no_text


def make_dicom_outputs(
    scan: DicomScan,
    frames: Sequence[Image],
    masks: Sequence[Mask],
    found: Sequence[Sequence[Lesion]],
    settings: DicomSettings,
) -> Iterator[DicomOutput]:
    """The objects asked for, but those that `missing_outputs` names.

    `frames` are those of `display_frames`; `masks` and `found` go with them. Raises InputError
    where the scan's header holds what no object may take over.
    """
    if not settings.kinds:
        return
    maker = settings.maker
    source = source_of(scan.header, deidentified=maker.deidentified)
    try:
        if "seg" in settings.kinds and len(frames) == 1:
            made = segmentation(source, masks[0], maker)
            yield DicomOutput(kind="seg", frame=0, data=_written(made))
        if "sr" in settings.kinds:
            findings = [
                Finding(
                    frame=number,
                    lesion=lesion,
                    millimetres=lesion.millimetres,
                    contour=contour_polygon(component(mask, lesion)),
                )
                for number, (mask, lesions) in enumerate(zip(masks, found, strict=True), start=1)
                for lesion in lesions
            ]
            made = report(source, findings, len(frames), maker)
            yield DicomOutput(kind="sr", frame=0, data=_written(made))
        if "sc" in settings.kinds and _may_capture(scan, settings):
            for number, (frame, mask) in enumerate(zip(frames, masks, strict=True), start=1):
                made = capture(source, draw_contour(frame, contour_mask(mask)), number, maker)
                yield DicomOutput(kind="sc", frame=number, data=_written(made))
    except Exception as error:  # whatever highdicom objects to in the values of a hostile header
        raise InputError(  # its text may quote the header, and that the patient
            "has a header from which no DICOM result can be made; leave out --dicom."
        ) from RuntimeError(type(error).__name__)


def identifiers(scan: DicomScan) -> dict[str, str]:
    """Whose scan it is: only for those who ask for it."""
    with reading():
        return {name: percent_escape(str(scan.header.get(key, ""))) for name, key in _KEPT.items()}


def _written(made: "Dataset") -> bytes:
    file = io.BytesIO()
    made.save_as(file)
    return file.getvalue()
