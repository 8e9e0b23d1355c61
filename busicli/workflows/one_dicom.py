"""One DICOM scan's results in DICOM's own forms, and what may be told of whose it is."""

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from busicli.dicom.read import DicomScan, reading
from busicli.dicom.results import Finding, Kind, Maker, capture, report, segmentation
from busicli.dicom.source import source_of
from busicli.errors import InputError
from busicli.images import painted
from busicli.measure import component
from busicli.names import written_name
from busicli.outline import contour, outline
from busicli.records import Image, Lesion, LesionMm, Mask

if TYPE_CHECKING:
    from pydicom import Dataset

log = logging.getLogger(__name__)
_KEPT = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "accession_number": "AccessionNumber",
    "study_uid": "StudyInstanceUID",
    "series_uid": "SeriesInstanceUID",
    "object_uid": "SOPInstanceUID",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSteps:
    """Which DICOM objects are made of a DICOM scan, and what is told of its patient."""

    kinds: tuple[Kind, ...]
    maker: Maker
    keep_identifiers: bool
    """Name the patient in manifest and journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A DICOM file to be written."""

    kind: Kind
    frame: int
    """From 1; 0 for what is about the whole scan."""
    data: bytes


def check_wanted(scan: DicomScan, steps: DicomSteps) -> None:
    """InputError where a result is asked for that could not refer to this scan."""
    if steps.kinds:
        source_of(scan.header, deidentified=steps.maker.deidentified)


def dicom_results(
    scan: DicomScan,
    frames: Sequence[Image],
    masks: Sequence[Mask],
    found: Sequence[Sequence[tuple[Lesion, LesionMm | None]]],
    steps: DicomSteps,
) -> Iterator[Result]:
    """The objects asked for; a segmentation only of a scan of one frame.

    `masks` and `found` go with the frames. Raises InputError where the scan's header holds what no
    object may take over.
    """
    if not steps.kinds:
        return
    maker = steps.maker
    source = source_of(scan.header, deidentified=maker.deidentified)
    try:
        if "seg" in steps.kinds and len(frames) == 1:
            made = segmentation(source, masks[0], maker)
            yield Result(kind="seg", frame=0, data=_written(made))
        if "sr" in steps.kinds:
            findings = [
                Finding(
                    frame=number,
                    lesion=lesion,
                    millimetres=millimetres,
                    contour=contour(component(mask, lesion)),
                )
                for number, (mask, lesions) in enumerate(zip(masks, found, strict=True), start=1)
                for lesion, millimetres in lesions
            ]
            made = report(source, findings, len(frames), maker)
            yield Result(kind="sr", frame=0, data=_written(made))
        if "sc" in steps.kinds:
            for number, (frame, mask) in enumerate(zip(frames, masks, strict=True), start=1):
                made = capture(source, painted(frame, outline(mask)), number, maker)
                yield Result(kind="sc", frame=number, data=_written(made))
    except Exception as error:  # whatever highdicom objects to in the values of a hostile header
        log.debug("a DICOM result could not be made", exc_info=True)
        raise InputError(
            "has a header from which no DICOM result can be made; leave out --dicom."
        ) from error


def identifiers(scan: DicomScan) -> dict[str, str]:
    """Whose scan it is: only for those who ask for it."""
    with reading():
        return {name: written_name(str(scan.header.get(key, ""))) for name, key in _KEPT.items()}


def _written(made: "Dataset") -> bytes:
    file = io.BytesIO()
    made.save_as(file)
    return file.getvalue()
