"""Results as DICOM objects: a segmentation and a secondary capture; `report` holds the report.

Each takes what `busicli.io.dicom.source.source_of` says of the scan and returns an object to
write. Identifiers depend on the scan's bytes, the kind and the maker: an archive replaces a result
that is made again, and two scans with one identifier have results with two.

Import it late: highdicom is slow to load.
"""

from typing import Any

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from busicli.io.dicom.maker import MAKER, Maker, short_line
from busicli.io.dicom.source import Source, mark_deidentified
from busicli.io.output_paths import Kind
from busicli.types import Image, Mask

SERIES_NUMBERS: dict[Kind, int] = {"seg": 9101, "sr": 9102, "sc": 9103}


def segmentation(source: Source, mask: Mask, maker: Maker) -> Dataset:
    """A binary segmentation of a single-frame scan from its (rows, columns) mask, even if empty."""
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
        **identity(source, "seg", 1, maker),
        **_equipment(maker),
    )
    return finished(made, source, maker)


def capture(source: Source, image: Image, frame: int, maker: Maker) -> Dataset:
    """A secondary capture of one frame, counted from 1, with the contours drawn in."""
    equipment = _equipment(maker)
    made = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=source.stand_in,
        pixel_array=image,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        manufacturer=equipment["manufacturer"],
        patient_orientation=("L", "F"),  # required here; removed below, as it is unknown
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **identity(source, "sc", frame, maker),
    )
    made.Laterality = source.stand_in.get("Laterality", "")
    made.BurnedInAnnotation = "YES"  # the scanner may have written anything into the pixels
    made.DerivationDescription = "Contours of breast masses, drawn by an algorithm"
    return finished(made, source, maker)


def identity(source: Source, kind: Kind, number: int, maker: Maker) -> dict[str, Any]:
    """The arguments of highdicom that identify an object."""
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


def finished(made: Dataset, source: Source, maker: Maker) -> Dataset:
    """An object of highdicom with what it takes over from the scan."""
    made.SeriesDescription = short_line(f"{MAKER} {maker.name}", f", {maker.standing}")
    if made.Modality != "SR":
        made.PatientOrientation = ""
    source.complete(made)
    if maker.deidentified:
        mark_deidentified(made)
    return made
