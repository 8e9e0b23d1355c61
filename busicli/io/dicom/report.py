"""A measurement report as a DICOM object: contour and lengths of each lesion."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from busicli.io.dicom.maker import MAKER, Maker, short_line
from busicli.io.dicom.results import finished, identity
from busicli.io.dicom.source import Source
from busicli.types import ClassProbabilities, Lesion


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One lesion of one frame, for the report."""

    lesion: Lesion
    contour: NDArray[np.float64]
    """(N, 2) row and column of its closed contour, in pixels; centres are whole numbers."""
    classes: ClassProbabilities | None = None
    """Of the frame; None where the weights give none."""


def report(source: Source, findings: Sequence[Finding], frames: int, maker: Maker) -> Dataset:
    """A measurement report (TID 1500) of every frame: contour and lengths of each lesion, or the
    statement that there is none.
    """
    observer = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=generate_uid(entropy_srcs=list(maker.seed)),
            name=MAKER,
            manufacturer_name=MAKER,
            model_name=short_line(maker.name),
        ),
    )
    groups = [_measured(finding, source, maker) for finding in findings]
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_person_context=_person(maker), observer_device_context=observer
        ),
        procedure_reported=codes.SCT.UltrasonographyOfBreast,
        imaging_measurements=groups or [_nothing(source, frames, maker)],
        title=codes.DCM.ImagingMeasurementReport,
    )
    made = hd.sr.ComprehensiveSR(
        evidence=[source.stand_in],
        content=content,
        manufacturer=MAKER,
        is_complete=True,
        is_verified=maker.reviewed is not None,
        verifying_observer_name=maker.reviewer or None,
        verifying_organization="unknown" if maker.reviewed else None,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **identity(source, "sr", 1, maker),
    )
    if maker.reviewed:
        at = "".join(c for c in maker.reviewed.at if c.isdigit())
        made.VerifyingObserverSequence[0].VerificationDateTime = at
    return finished(made, source, maker)


def _person(maker: Maker) -> Any:
    """The person who verified the result; None where nobody has."""
    if not maker.reviewed:
        return None
    attributes = hd.sr.PersonObserverIdentifyingAttributes(name=maker.reviewer)
    return hd.sr.ObserverContext(
        observer_type=codes.DCM.Person, observer_identifying_attributes=attributes
    )


def _measured(finding: Finding, source: Source, maker: Maker) -> Any:

    lesion = finding.lesion
    points = finding.contour[:, ::-1] + 0.5  # column, row; corners of pixels are whole numbers
    region = hd.sr.ImageRegion(
        graphic_type="POLYLINE",
        graphic_data=points.astype(np.float32),
        source_image=hd.sr.SourceImageForRegion(
            referenced_sop_class_uid=source.stand_in.SOPClassUID,
            referenced_sop_instance_uid=source.stand_in.SOPInstanceUID,
            referenced_frame_numbers=_frames(source, [lesion.frame]),
        ),
    )
    return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracked(source, lesion.frame, lesion.lesion, maker),
        referenced_region=region,
        finding_type=codes.SCT.Mass,
        algorithm_id=_algorithm(maker),
        finding_sites=[_site(source)],
        measurements=[
            *_measurements(lesion),
            *_class_probabilities(finding.classes),
        ],
    )


def _measurements(lesion: Lesion) -> list[Any]:
    """Lengths and area with units: in millimetres if certain, else in pixels."""
    millimetres = lesion.millimetres
    names, pixels = codes.SCT, hd.sr.CodedConcept("{pixels}", "UCUM", "pixels")
    if millimetres is None:
        found = [
            (names.LongAxis, lesion.long_axis_px, pixels),
            (names.ShortAxis, lesion.short_axis_px, pixels),
            (names.Area, lesion.area_px, pixels),
        ]
    else:
        mm, ratio = codes.UCUM.Millimeter, hd.sr.CodedConcept("{ratio}", "UCUM", "ratio")
        wider = hd.sr.CodedConcept("width-by-height", f"99{MAKER.upper()}", "Width by height")
        found = [
            (names.LongAxis, millimetres.long_axis_mm, mm),
            (names.ShortAxis, millimetres.short_axis_mm, mm),
            (names.Area, millimetres.area_mm2, codes.UCUM.SquareMillimeter),
            (names.Width, millimetres.width_mm, mm),
            (codes.DCM.Height, millimetres.height_mm, mm),
            (wider, millimetres.wider_than_tall_ratio, ratio),
        ]
        if millimetres.depth_mm is not None:
            found.append((names.Depth, millimetres.depth_mm, mm))
    return [
        hd.sr.Measurement(name=name, value=float(f"{value:.6g}"), unit=unit)
        for name, value, unit in found
    ]


def _class_probabilities(classes: ClassProbabilities | None) -> list[Any]:
    """Each class's probability in percent; the standard has a code for that of cancer alone."""
    if classes is None:
        return []
    own = f"99{MAKER.upper()}"
    found = [
        (codes.DCM.ProbabilityOfCancer, classes.malignant),
        (hd.sr.CodedConcept("p-benign", own, "Probability of a benign lesion"), classes.benign),
        (hd.sr.CodedConcept("p-normal", own, "Probability of no lesion"), classes.normal),
    ]
    percent = codes.UCUM.Percent
    return [
        hd.sr.Measurement(name=name, value=float(f"{100 * value:.4g}"), unit=percent)
        for name, value in found
    ]


def _nothing(source: Source, frames: int, maker: Maker) -> Any:
    """The statement, for every frame, that no mass was found."""
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracked(source, 0, 0, maker),
        finding_type=codes.SCT.Mass,
        algorithm_id=_algorithm(maker),
        finding_sites=[_site(source)],
        qualitative_evaluations=[
            hd.sr.QualitativeEvaluation(name=codes.SCT.Mass, value=codes.SCT.Absent)
        ],
        source_images=[
            hd.sr.SourceImageForMeasurementGroup(
                referenced_sop_class_uid=source.stand_in.SOPClassUID,
                referenced_sop_instance_uid=source.stand_in.SOPInstanceUID,
                referenced_frame_numbers=_frames(source, range(1, frames + 1)),
            )
        ],
    )


def _tracked(source: Source, frame: int, lesion: int, maker: Maker) -> Any:

    parts = [*maker.seed, source.sha256, source.stand_in.SOPInstanceUID]
    name = f"frame {frame} lesion {lesion}" if lesion else "no lesion"
    return hd.sr.TrackingIdentifier(uid=generate_uid(entropy_srcs=[*parts, name]), identifier=name)


def _algorithm(maker: Maker) -> Any:

    return hd.sr.AlgorithmIdentification(
        name=short_line(f"{MAKER} {maker.name}"),
        version=maker.version,
        parameters=[f"weights SHA-256 {maker.weights_sha256}"],
    )


def _site(source: Source) -> Any:
    """The breast, with its side if the scan names it."""
    sides = {"L": codes.SCT.Left, "R": codes.SCT.Right, "B": codes.SCT.Bilateral}
    stated = source.stand_in.get("ImageLaterality") or source.stand_in.get("Laterality") or ""
    return hd.sr.FindingSite(anatomic_location=codes.SCT.Breast, laterality=sides.get(stated))


def _frames(source: Source, numbers: Sequence[int]) -> list[int] | None:
    """Frame numbers; None for an object of one frame."""
    return list(numbers) if source.stand_in.NumberOfFrames > 1 else None
