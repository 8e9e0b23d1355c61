"""Results as DICOM objects: a segmentation, a measurement report, a secondary capture.

Each takes what `busicli.io.dicom.source.source_of` says of the scan and returns an object to
write. Identifiers depend on the scan's bytes, the kind and the maker: an archive replaces a result
that is made again, and two scans with one identifier have results with two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from busicli.io.dicom.source import Source, mark_deidentified
from busicli.io.output_paths import Kind
from busicli.io.scan_results import Reviewed
from busicli.types import ClassProbabilities, Image, Lesion, LesionMm, Mask

if TYPE_CHECKING:
    from pydicom import Dataset

SERIES_NUMBERS: dict[Kind, int] = {"seg": 9101, "sr": 9102, "sc": 9103}
MAKER = "busicli"
_LINE = 64
"""Most characters of a Long String. PS3.5 6.2."""
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """The algorithm that made a result."""

    weights: str
    weights_sha256: str
    version: str
    """Of busicli."""
    deidentified: bool
    variant: str = ""
    """What else a result depends on, such as the engine; it changes the identifiers."""
    reviewed: Reviewed | None = None
    """What a person has decided; None for a result that nobody has checked."""

    @property
    def name(self) -> str:
        """Of the weights, without what an object may not hold whatever its character set."""
        fits = (c.isascii() and c.isprintable() and c != "\\" for c in self.weights)
        return "".join(c if fit else "?" for c, fit in zip(self.weights, fits, strict=True))

    @property
    def seed(self) -> tuple[str, ...]:
        """Everything but the scan that decides a result."""
        private = "deidentified" if self.deidentified else ""
        by = self.reviewed
        review = (by.decision, by.reviewer, by.at) if by else ()
        return MAKER, self.version, self.weights_sha256, self.variant, private, *review

    @property
    def reviewer(self) -> str:
        """As a person's name in ASCII, which every character set has; empty where nobody."""
        name = self.reviewed.reviewer if self.reviewed else ""
        plain = name.encode("ascii", "replace").decode()
        return "".join(" " if c in "\\=^" else c for c in plain).strip() or "?" * bool(name)

    @property
    def standing(self) -> str:
        """Whether a person has checked the result, in a few words."""
        words = {"edited": "corrected by a person", "no_lesion": "corrected by a person"}
        by = self.reviewed
        return words.get(by.decision, "checked by a person") if by else "to be checked by a person"


def short_line(text: str, end: str = "") -> str:
    """One line of an object with `end` behind it; long text is cut to make 64 characters in all.

    >>> short_line("a" * 70, " b")[-6:], len(short_line("a" * 70, " b"))
    ('a... b', 64)
    """
    most = _LINE - len(end)
    return (text if len(text) <= most else text[: most - 3] + "...") + end


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One lesion of one frame, for the report."""

    frame: int
    """From 1."""
    lesion: Lesion
    millimetres: LesionMm | None
    contour: NDArray[np.float64]
    """(N, 2) row and column of its closed contour, in pixels; centres are whole numbers."""
    classes: ClassProbabilities | None = None
    """Of the frame; None where the weights give none."""


def segmentation(source: Source, mask: Mask, maker: Maker) -> "Dataset":
    """A binary segmentation of a single-frame scan from its (rows, columns) mask, even if empty."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    description = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Breast mass",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Mass,
        algorithm_type="SEMIAUTOMATIC" if maker.reviewed else "AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=short_line(f"{MAKER} {maker.name}"),
            family=codes.DCM.ArtificialIntelligence,
            version=maker.version,
            parameters={"weights_sha256": maker.weights_sha256},
        ),
        anatomic_regions=[codes.SCT.Breast],
    )
    made = hd.seg.Segmentation(
        source_images=[source.stand_in],
        pixel_array=mask[None].astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=[description],
        omit_empty_frames=False,
        content_label="BREAST_MASS",
        content_description=f"Breast masses found by an algorithm; {maker.standing}",
        content_creator_name=maker.reviewer or None,
        **_identity(source, "seg", 1, maker),
        **_equipment(maker),
    )
    return _finished(made, source, maker)


def report(source: Source, findings: Sequence[Finding], frames: int, maker: Maker) -> "Dataset":
    """A measurement report (TID 1500) of every frame: contour and lengths of each lesion, or the
    statement that there is none.
    """
    import highdicom as hd
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

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
        transfer_syntax_uid=_EXPLICIT_LITTLE_ENDIAN,
        **_identity(source, "sr", 1, maker),
    )
    if maker.reviewed:
        at = "".join(c for c in maker.reviewed.at if c.isdigit())
        made.VerifyingObserverSequence[0].VerificationDateTime = at
    return _finished(made, source, maker)


def _person(maker: Maker) -> Any:
    """The person who verified the result; None where nobody has."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    if not maker.reviewed:
        return None
    attributes = hd.sr.PersonObserverIdentifyingAttributes(name=maker.reviewer)
    return hd.sr.ObserverContext(
        observer_type=codes.DCM.Person, observer_identifying_attributes=attributes
    )


def capture(source: Source, image: Image, frame: int, maker: Maker) -> "Dataset":
    """A secondary capture of one frame, counted from 1, with the contours drawn in."""
    import highdicom as hd

    equipment = _equipment(maker)
    made = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=source.stand_in,
        pixel_array=image,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        manufacturer=equipment["manufacturer"],
        patient_orientation=("L", "F"),  # required here; removed below, as it is unknown
        transfer_syntax_uid=_EXPLICIT_LITTLE_ENDIAN,
        **_identity(source, "sc", frame, maker),
    )
    made.Laterality = source.stand_in.get("Laterality", "")
    made.BurnedInAnnotation = "YES"  # the scanner may have written anything into the pixels
    made.DerivationDescription = "Contours of breast masses, drawn by an algorithm"
    return _finished(made, source, maker)


def _identity(source: Source, kind: Kind, number: int, maker: Maker) -> dict[str, Any]:
    from pydicom.uid import generate_uid

    seed, scan = [kind, *maker.seed], source.stand_in
    own = [*seed, source.sha256, scan.SOPInstanceUID, str(number)]
    return {
        "series_instance_uid": generate_uid(entropy_srcs=[*seed, scan.StudyInstanceUID]),
        "series_number": SERIES_NUMBERS[kind],
        "sop_instance_uid": generate_uid(entropy_srcs=own),
        "instance_number": number,
    }


def _equipment(maker: Maker) -> dict[str, Any]:
    return {
        "manufacturer": MAKER,
        "manufacturer_model_name": short_line(maker.name),
        "software_versions": maker.version,
        "device_serial_number": maker.weights_sha256[:16],
    }


def _finished(made: "Dataset", source: Source, maker: Maker) -> "Dataset":
    made.SeriesDescription = short_line(f"{MAKER} {maker.name}", f", {maker.standing}")
    if made.Modality != "SR":
        made.PatientOrientation = ""
    source.complete(made)
    if maker.deidentified:
        mark_deidentified(made)
    return made


def _measured(finding: Finding, source: Source, maker: Maker) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    lesion = finding.lesion
    points = finding.contour[:, ::-1] + 0.5  # column, row; corners of pixels are whole numbers
    region = hd.sr.ImageRegion(
        graphic_type="POLYLINE",
        graphic_data=points.astype(np.float32),
        source_image=hd.sr.SourceImageForRegion(
            referenced_sop_class_uid=source.stand_in.SOPClassUID,
            referenced_sop_instance_uid=source.stand_in.SOPInstanceUID,
            referenced_frame_numbers=_frames(source, [finding.frame]),
        ),
    )
    return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracked(source, finding.frame, lesion.lesion, maker),
        referenced_region=region,
        finding_type=codes.SCT.Mass,
        algorithm_id=_algorithm(maker),
        finding_sites=[_site(source)],
        measurements=[
            *_measurements(lesion, finding.millimetres),
            *_class_probabilities(finding.classes),
        ],
    )


def _measurements(lesion: Lesion, millimetres: LesionMm | None) -> list[Any]:
    """Lengths and area with units: in millimetres if certain, else in pixels."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

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
    import highdicom as hd
    from pydicom.sr.codedict import codes

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
    import highdicom as hd
    from pydicom.sr.codedict import codes

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
    import highdicom as hd
    from pydicom.uid import generate_uid

    parts = [*maker.seed, source.sha256, source.stand_in.SOPInstanceUID]
    name = f"frame {frame} lesion {lesion}" if lesion else "no lesion"
    return hd.sr.TrackingIdentifier(uid=generate_uid(entropy_srcs=[*parts, name]), identifier=name)


def _algorithm(maker: Maker) -> Any:
    import highdicom as hd

    return hd.sr.AlgorithmIdentification(
        name=short_line(f"{MAKER} {maker.name}"),
        version=maker.version,
        parameters=[f"weights SHA-256 {maker.weights_sha256}"],
    )


def _site(source: Source) -> Any:
    """The breast, with its side if the scan names it."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    sides = {"L": codes.SCT.Left, "R": codes.SCT.Right, "B": codes.SCT.Bilateral}
    stated = source.stand_in.get("ImageLaterality") or source.stand_in.get("Laterality") or ""
    return hd.sr.FindingSite(anatomic_location=codes.SCT.Breast, laterality=sides.get(stated))


def _frames(source: Source, numbers: Sequence[int]) -> list[int] | None:
    """Frame numbers; None for an object of one frame."""
    return list(numbers) if source.stand_in.NumberOfFrames > 1 else None
