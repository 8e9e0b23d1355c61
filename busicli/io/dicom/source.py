"""What results take over from the scan's object: patient, study and references."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pydicom.filewriter import correct_ambiguous_vr
from pydicom.uid import generate_uid

from busicli.errors import InputError
from busicli.io.dicom.pixels import frame_count
from busicli.io.dicom.read import reading
from busicli.io.dicom.values import (
    Valid,
    character_sets,
    is_date,
    is_line,
    is_matching,
    is_name,
    is_time,
    is_uid,
    is_valid,
    raw_bytes,
    raw_element,
)

_REFERENCES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_IMAGE, _MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
"""Ultrasound classes of today: the library that builds objects knows no retired or private one."""
_REQUIRED: Mapping[str, Valid] = {
    "PatientName": is_name,
    "PatientBirthDate": is_date,
    "PatientSex": is_matching("[MFO]"),
    "StudyDate": is_date,
    "StudyTime": is_time,
    "StudyID": is_line(16),
    "AccessionNumber": is_line(16),
    "ReferringPhysicianName": is_name,
}
"""Attributes that an object must have, though they may be empty, and what is valid in them."""
_OPTIONAL: Mapping[str, Valid] = {
    "IssuerOfPatientID": is_line(64),
    "OtherPatientIDs": lambda text: all(map(is_line(64), text.split("\\"))),
    "PatientAge": is_matching(r"\d{3}[DWMY]"),
    "StudyDescription": is_line(64),
    "TimezoneOffsetFromUTC": is_matching(r"[+-]\d{4}"),
}
_CODED: Mapping[str, tuple[str, ...]] = {"Laterality": ("L", "R"), "ImageLaterality": tuple("LRBU")}
"""Attributes of the image, which stay without the patient too: nothing but these values."""
REMOVED = "removed"
_MAKER = "busicli"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A scan as its results refer to it."""

    stand_in: Dataset = field(repr=False)
    """The scan without its patient, of an ultrasound class of today: what objects are built from,
    before `complete` makes them the scan's own."""
    class_uid: str
    """The scan's own class, which may be retired or private."""
    patient: Mapping[str, bytes] = field(repr=False)
    """Attributes of patient and study that objects hold, with their bytes as in the scan."""
    sets: tuple[str, ...]
    """Character sets of those bytes; empty for the default repertoire."""
    left_empty: tuple[str, ...]
    """Attributes whose values no new object may hold."""
    sha256: str
    """Of the scan's file: two scans with one identifier give objects with two."""

    def complete(self, made: Dataset) -> None:
        """Put patient, study and the scan's own class into an object built from `stand_in`.

        The object is to be written as Explicit VR Little Endian.
        """
        own = self.stand_in.SOPInstanceUID
        correct_ambiguous_vr(made, is_little_endian=True)
        for item in _items(made):  # before there are bytes, which iterating would decode
            if item.get("ReferencedSOPInstanceUID") == own:
                item.ReferencedSOPClassUID = self.class_uid
        if self.sets:
            made.SpecificCharacterSet = list(self.sets) if len(self.sets) > 1 else self.sets[0]
        elif "SpecificCharacterSet" in made:
            del made.SpecificCharacterSet
        for name, value in self.patient.items():
            element = raw_element(name, value)
            made[element.tag] = element
        # says that bytes are as they are to be written: else pydicom would encode text again
        made.set_original_encoding(False, True, made._character_set)


def source_of(header: Dataset, *, deidentified: bool, sha256: str = "") -> Source:
    """What results take over.

    Text keeps its bytes and character sets. A value that no new object may hold is left empty.
    Deidentified, there is no patient, no date and no text at all, and the frame of reference gets
    another identifier; those of study, series and object stay, so that whoever has the original can
    find it. Raises InputError, naming the attribute, if one of those or the patient's ID is not
    valid: the object would be of nobody or of another study.
    """
    with reading():
        return _source(header, deidentified, sha256)


def _source(header: Dataset, deidentified: bool, sha256: str) -> Source:
    for name in _REFERENCES:
        if not is_uid(header.get(name)):
            lacks = "is not a valid identifier" if header.get(name) else "is missing"
            raise InputError(f"{name} {lacks}, which DICOM results must refer to.")
    sets = [] if deidentified else character_sets(header)
    patient, empty = ({}, []) if deidentified else _patient(header, sets)
    return Source(
        stand_in=_stand_in(header, deidentified),
        class_uid=str(header.SOPClassUID),
        patient=patient,
        sets=tuple(sets or ()),
        left_empty=(*(["SpecificCharacterSet"] if sets is None else []), *empty),
        sha256=sha256,
    )


def _stand_in(header: Dataset, deidentified: bool) -> Dataset:
    made = Dataset()
    for name in _REFERENCES:
        setattr(made, name, str(header.get(name)))
    made.NumberOfFrames = frame_count(header)
    made.SOPClassUID = _MULTI_FRAME if made.NumberOfFrames > 1 else _IMAGE
    made.Rows, made.Columns, made.Modality = int(header.Rows), int(header.Columns), "US"
    for name in ("PatientID", *_REQUIRED):
        setattr(made, name, "")
    if deidentified:
        made.PatientID = REMOVED
    for name, values in _CODED.items():
        if header.get(name) in values:
            setattr(made, name, header.get(name))
    frame_of_reference = header.get("FrameOfReferenceUID")
    if is_uid(frame_of_reference):
        other = generate_uid(entropy_srcs=[_MAKER, "frame of reference", frame_of_reference])
        made.FrameOfReferenceUID = other if deidentified else str(frame_of_reference)
    made.file_meta = header.file_meta
    return made


def _patient(header: Dataset, sets: list[str] | None) -> tuple[dict[str, bytes], list[str]]:
    """The attributes that are valid in a new object, and the names of those that are not."""
    values = {"PatientID": raw_bytes(header, "PatientID")}
    empty = []
    if not is_valid(header, "PatientID", is_line(64), sets):
        raise InputError("PatientID is not valid, and a DICOM result without it would be nobody's.")
    for name, valid in {**_REQUIRED, **_OPTIONAL}.items():
        value = _conforming(name, raw_bytes(header, name))
        if not value:
            continue
        if value != raw_bytes(header, name) or is_valid(header, name, valid, sets):
            values[name] = value
        else:
            empty.append(name)
    return values, empty


def _conforming(name: str, value: bytes) -> bytes:
    """The value; old forms of dates and times (`1999.12.31`, `14:04:38`) in today's."""
    mark = {"Date": b".", "Time": b":"}.get(name[-4:])
    plain = value.replace(mark, b"") if mark else value
    known = plain != value and _REQUIRED[name](plain.decode("ascii", "replace"))
    return plain if known else value


def _items(made: Dataset) -> Iterator[Dataset]:
    """Every item of every sequence."""
    for element in made:
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from _items(item)


def mark_deidentified(result: Dataset) -> None:
    """Record in a result that, and how, it was deidentified. PS3.15 E.1."""
    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = "patient and study attributes left out, references kept"
    items: list[Any] = []
    for code in _METHODS:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
        items.append(item)
    result.DeidentificationMethodCodeSequence = items


_METHODS = (
    ("113100", "DCM", "Basic Application Confidentiality Profile"),
    ("113110", "DCM", "Retain UIDs Option"),
)
