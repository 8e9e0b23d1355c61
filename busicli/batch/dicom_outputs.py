"""A DICOM scan's results as DICOM objects, and what is recorded of its patient."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from busicli.errors import InputError
from busicli.imaging.contour import contour_mask, contour_polygon
from busicli.imaging.measure import component
from busicli.inference.segmenter import Segmentation
from busicli.inference.views import default_mode
from busicli.io.dicom.maker import Maker
from busicli.io.dicom.read import DicomScan, reading
from busicli.io.escaping import percent_escape
from busicli.io.files import sha256_bytes
from busicli.io.images import draw_contour
from busicli.io.run_record import RunSettings
from busicli.types import Image, View

if TYPE_CHECKING:
    from pydicom import Dataset

    from busicli.io.dicom.report import Finding
    from busicli.io.dicom.source import Source

_IDENTIFIERS = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "accession_number": "AccessionNumber",
    "study_uid": "StudyInstanceUID",
    "series_uid": "SeriesInstanceUID",
    "object_uid": "SOPInstanceUID",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSource:
    """A DICOM scan of which objects are wanted."""

    scan: DicomScan = field(repr=False)
    source: "Source | None" = field(repr=False)
    """What objects take over from its header; None where none can refer to it."""
    why_none: str
    """Why none can, with the attribute's name; empty where one can."""
    maker: Maker


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameImage:
    """What files of one frame are made from."""

    number: int
    """From 1."""
    image: Image = field(repr=False)
    """The frame as people may see it."""
    segmentation: Segmentation
    dicom: DicomSource | None
    """None for an image, and where no objects are wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFrames:
    """What files of a whole scan are made from."""

    segmentations: Sequence[Segmentation]
    """Of every frame, without their maps."""
    dicom: DicomSource | None


def dicom_source(scan: DicomScan, maker: Maker, sha256: str) -> DicomSource:
    """The scan with what objects take over, if its header holds that; `sha256` is of its file."""
    from busicli.io.dicom.source import source_of  # slow to load

    source, why_none = None, ""
    try:
        source = source_of(scan.header, deidentified=maker.deidentified, sha256=sha256)
    except InputError as error:
        why_none = str(error).rstrip(".")
    return DicomSource(scan=scan, source=source, why_none=why_none, maker=maker)


def run_maker(settings: RunSettings) -> Maker:
    """What a run's DICOM objects say of the program."""
    return Maker(
        weights=settings.weights.name,
        weights_sha256=settings.weights.card_sha256,
        version=settings.versions["busicli"],
        deidentified=settings.deidentify,
        variant=_variant(settings),
    )


def _variant(settings: RunSettings) -> str:
    """What else a DICOM object depends on: other engines, views and limits give other objects."""
    as_trained = settings.views == default_mode(settings.preprocess)
    views = "" if as_trained else f", views {settings.views}"
    limit = settings.max_false_masks
    limited = "" if limit is None else f", at most {limit} false masks"
    return f"{settings.engine.name} in {settings.engine.precision}{views}{limited}"


def displayed_frames(
    scan: DicomScan, frames: tuple[Image, ...], *, deidentify: bool
) -> tuple[Image, ...]:
    """The frames as images for people may show them.

    Deidentified frames are black outside the header's ultrasound regions: scanners write the
    patient's name there.
    """
    if not (deidentify and scan.boxes):
        return frames
    return tuple(_only_boxes(frame, scan.boxes) for frame in frames)


def _only_boxes(frame: Image, boxes: Sequence[View]) -> Image:
    shown = np.zeros_like(frame)
    for top, left, bottom, right in boxes:
        shown[top:bottom, left:right] = frame[top:bottom, left:right]
    return shown


def no_object(dicom: DicomSource | None, frames: int) -> str:
    """Why no object can be made; empty where one can."""
    return "the scan is no DICOM object" if dicom is None else dicom.why_none


def no_segmentation(dicom: DicomSource | None, frames: int) -> str:
    """As `no_object`, of a segmentation."""
    cine = "a cine has no segmentation object" if frames > 1 else ""
    return no_object(dicom, frames) or cine


def no_capture(dicom: DicomSource | None, frames: int) -> str:
    """As `no_object`, of a secondary capture."""
    if dicom is None or dicom.source is None:
        return no_object(dicom, frames)
    scan = dicom.scan
    if not dicom.maker.deidentified or scan.boxes or scan.says_no_text:
        return ""
    return (
        "a capture may show the patient's name, as the header describes no ultrasound region, or "
        "regions that are the whole image"
    )


def left_empty(dicom: DicomSource | None) -> str:
    """Which attributes are empty in the scan's objects; empty where none had to be."""
    names = dicom.source.left_empty if dicom and dicom.source else ()
    return f"{', '.join(names)} left empty: not valid in a new object" if names else ""


def encode_segmentation(frames: ScanFrames) -> bytes:
    """A segmentation object of a scan of one frame."""
    source, maker = _present(frames.dicom)
    with _making("segmentation"):
        from busicli.io.dicom.results import segmentation  # slow to load

        return _written(segmentation(source, frames.segmentations[0].mask, maker))


def encode_report(frames: ScanFrames) -> bytes:
    """A measurement report of every frame."""
    source, maker = _present(frames.dicom)
    with _making("report"):
        from busicli.io.dicom.report import report  # slow to load

        findings = list(_findings(frames.segmentations))
        return _written(report(source, findings, len(frames.segmentations), maker))


def encode_capture(frame: FrameImage) -> bytes:
    """A secondary capture of one frame with its contours."""
    source, maker = _present(frame.dicom)
    with _making("capture"):
        from busicli.io.dicom.results import capture  # slow to load

        image = draw_contour(frame.image, contour_mask(frame.segmentation.mask))
        return _written(capture(source, image, frame.number, maker))


def identifiers(scan: DicomScan) -> dict[str, str]:
    """Patient and study, for those who ask for them; empty where they cannot be read."""
    return {name: _identifier(scan, key) for name, key in _IDENTIFIERS.items()}


def _identifier(scan: DicomScan, key: str) -> str:
    try:
        with reading():
            return percent_escape(str(scan.header.get(key, "")))
    except InputError:
        return ""


def object_key(scan: DicomScan) -> str:
    """What tells whether two scans are one DICOM object by their headers; empty if unknown.

    A hash: the identifier itself leads to the patient.
    """
    uid = _identifier(scan, "SOPInstanceUID")
    return sha256_bytes(uid.encode())[:16] if uid else ""


def _findings(segmentations: Sequence[Segmentation]) -> "Iterator[Finding]":
    from busicli.io.dicom.report import Finding  # slow to load

    for found in segmentations:
        for lesion in found.lesions:
            yield Finding(
                lesion=lesion,
                contour=contour_polygon(component(found.mask, lesion)),
                classes=found.class_probabilities,
            )


def _present(dicom: DicomSource | None) -> "tuple[Source, Maker]":
    if dicom is None or dicom.source is None:
        raise InputError("is no DICOM object; leave out --dicom.")
    return dicom.source, dicom.maker


@contextmanager
def _making(what: str) -> Iterator[None]:
    """Around all that makes an object: highdicom raises what it likes at a hostile header."""
    try:
        yield
    except Exception as error:  # its text may quote the header, and with it the patient
        kind = type(error).__name__
        raise InputError(f"no {what} can be made from its header ({kind})") from RuntimeError(kind)


def _written(made: "Dataset") -> bytes:
    file = io.BytesIO()
    made.save_as(file)
    return file.getvalue()
