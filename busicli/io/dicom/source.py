"""What results copy from the scan's object: patient, study and references."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from busicli.errors import InputError
from busicli.io.dicom.read import frame_count, reading

if TYPE_CHECKING:
    from pydicom import Dataset

_REFERENCES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")
_ALSO_PATIENT = ("IssuerOfPatientID", "OtherPatientIDs", "PatientAge", "StudyDescription")
_PICTURE = (
    *("Rows", "Columns", "Laterality", "ImageLaterality", "FrameOfReferenceUID"),
    *("SpecificCharacterSet", "InstanceNumber", "Modality", "TimezoneOffsetFromUTC"),
)
REMOVED = "removed"


def source_of(header: "Dataset", *, deidentified: bool) -> "Dataset":
    """A small data set with only what results must copy.

    Deidentified, it has no patient and no date. Identifiers of study, series and object stay, so
    that whoever has the original can find it. Raises InputError if one of those is missing.
    """
    with reading():
        return _source(header, deidentified=deidentified)


def _source(header: "Dataset", *, deidentified: bool) -> "Dataset":
    from pydicom import Dataset

    source = Dataset()
    missing = [name for name in _REFERENCES if not header.get(name)]
    if missing:
        raise InputError(
            f"has no {missing[0]}, which DICOM results must refer to; export the scan with it."
        )
    for name in (*_REFERENCES, *_PICTURE):
        if name in header:
            setattr(source, name, header.get(name))
    for name in (*_PATIENT, *_STUDY):  # required, though they may be empty
        setattr(source, name, "" if deidentified else _conforming(header, name))
    source.NumberOfFrames = frame_count(header)
    source.file_meta = header.file_meta
    if deidentified:
        source.PatientID = REMOVED
        return source
    for name in _ALSO_PATIENT:
        if name in header:
            setattr(source, name, header.get(name))
    return source


def _conforming(header: "Dataset", name: str) -> Any:
    """A value that is valid in a new object.

    Old forms of dates and times (`1999.12.31`, `14:04:38`) are converted; invalid ones become
    empty.
    """
    from pydicom.valuerep import DA, TM

    value = header.get(name, "")
    kinds = {"Date": DA, "Time": TM}
    kind = next((kind for end, kind in kinds.items() if name.endswith(end)), None)
    if not value or kind is None:
        return value
    plain = str(value).replace(".", "") if kind is DA else str(value).replace(":", "")
    try:
        kind(plain)
    except ValueError:
        return ""
    return plain


def mark_deidentified(result: "Dataset") -> None:
    """Record in a result that, and how, it was deidentified. PS3.15 E.1."""
    from pydicom import Dataset

    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = "patient and study attributes left out, references kept"
    items: list[Dataset] = []
    for code in _METHODS:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
        items.append(item)
    result.DeidentificationMethodCodeSequence = items


_METHODS: Sequence[tuple[str, str, str]] = (
    ("113100", "DCM", "Basic Application Confidentiality Profile"),
    ("113110", "DCM", "Retain UIDs Option"),
)
