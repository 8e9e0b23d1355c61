import io

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.charset import python_encoding

from busicli.errors import InputError
from busicli.io.dicom.maker import Maker, short_line
from busicli.io.dicom.read import open_dicom
from busicli.io.dicom.report import report
from busicli.io.dicom.results import capture, segmentation
from busicli.io.dicom.source import Source, source_of
from busicli.io.images import MAX_PIXELS
from tests.dicom_maker import ultrasound

GREYS = np.full((40, 60), 60, np.uint8)
SETS = {
    "ISO_IR 100": "Buc^Jérôme",
    "ISO_IR 101": "Wałęsa^Ján",
    "ISO_IR 109": "Ĉapek^Ĝis",
    "ISO_IR 110": "Ķirsons^Ēriks",
    "ISO_IR 126": "Διονυσιος",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 138": "שרון^דבורה",
    "ISO_IR 144": "Люксембург",
    "ISO_IR 148": "Çavuşoğlu^Ali",
    "ISO_IR 166": "นามสกุล^ชื่อ",
    "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ",
    "ISO_IR 192": "Wang^XiaoDong=王^小东=",
    "GB18030": "Wang^XiaoDong=王^小东=",
    "GBK": "Zhang^Yi=張^誠=",
}
"""One name for each character set without code extensions."""
EXTENDED = {
    ("", "ISO 2022 IR 87"): b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
    ("ISO 2022 IR 13", "ISO 2022 IR 87"): b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J",
    ("", "ISO 2022 IR 149"): b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
    ("ISO 2022 IR 6", "ISO 2022 IR 149"): b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
    ("", "ISO 2022 IR 58"): b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
    ("", "ISO 2022 IR 159"): b"Yamada^Tarou=\x1b$(D\x22\x2f\x1b(B",
    ("ISO 2022 IR 6", "ISO 2022 IR 100", "ISO 2022 IR 144"): b"A\x1b-A\xe9^\x1b-L\xbb\xee",
}
"""Bytes that switch between sets, as in PS3.5 H, I and K."""


def maker(**changes) -> Maker:
    values = {"weights": "w", "weights_sha256": "ab" * 32, "version": "1", "deidentified": False}
    return Maker(**{**values, **changes})


def header_of(data: bytes):
    return open_dicom(data, max_pixels=MAX_PIXELS).header


def sources(**changes) -> Source:
    return source_of(header_of(ultrasound(GREYS, **changes)), deidentified=False)


def objects(source: Source, by: Maker | None = None) -> dict:
    """Each kind of object, as read back from its bytes."""
    by = by or maker()
    mask = np.zeros(GREYS.shape, bool)
    made = {
        "seg": segmentation(source, mask, by),
        "sr": report(source, [], 1, by),
        "sc": capture(source, np.dstack([GREYS] * 3), 1, by),
    }
    return {kind: dcmread(io.BytesIO(_bytes(dataset))) for kind, dataset in made.items()}


def _bytes(dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def planted(name: bytes, sets: str | list[str]) -> bytes:
    """An object whose PatientName has these very bytes."""
    data = ultrasound(GREYS, SpecificCharacterSet=sets, PatientName="n" * 120)
    at = data.index(b"n" * 120)
    return data[:at] + name.ljust(120) + data[at + 120 :]


@pytest.mark.parametrize("charset", SETS)
def test_a_name_of_any_character_set_keeps_its_bytes_and_its_declaration(charset):
    name = SETS[charset].encode(python_encoding[charset])
    for made in objects(source_of(header_of(planted(name, charset)), deidentified=False)).values():
        assert made.get_item(0x00100010).value.rstrip() == name
        assert made.SpecificCharacterSet == charset
        assert str(made.PatientName) == SETS[charset].rstrip("=")


@pytest.mark.parametrize("charsets", EXTENDED)
def test_a_name_that_switches_character_sets_keeps_its_bytes_and_their_declaration(charsets):
    data = planted(EXTENDED[charsets], list(charsets))
    for made in objects(source_of(header_of(data), deidentified=False)).values():
        assert made.get_item(0x00100010).value.rstrip() == EXTENDED[charsets]
        assert tuple(made.SpecificCharacterSet) == charsets


@pytest.mark.parametrize(
    ("declared", "kept"),
    [("ISO 2022 IR 100", "ISO_IR 100"), ("ISO-IR 100", "ISO_IR 100"), ("iso_ir 192", "ISO_IR 192")],
)
def test_a_declaration_is_spelt_as_in_the_standard(declared, kept):
    assert sources(SpecificCharacterSet=declared).sets == (kept,)


def test_an_unknown_character_set_leaves_what_is_not_ascii_empty():
    source = source_of(header_of(planted(b"M\xfcller", "PLANTED_SET")), deidentified=False)
    assert source.left_empty == ("SpecificCharacterSet", "PatientName")
    for made in objects(source).values():
        assert (made.PatientName, made.AccessionNumber) == ("", "A1")
        assert "SpecificCharacterSet" not in made


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("PatientSex", value) for value in ("U", "FEMALE")],
        ("PatientName", ["A", "B"]),
        ("PatientName", "a" * 70),
        ("PatientBirthDate", "19701301"),
        ("StudyTime", "2575"),
        ("AccessionNumber", "a" * 17),
        ("StudyID", "a\nb"),
        ("PatientAge", "50"),
        ("StudyDescription", "a" * 65),
    ],
)
def test_a_value_that_no_new_object_may_hold_is_left_empty_and_named(name, value):
    source = sources(**{name: value})
    assert source.left_empty == (name,)
    for made in objects(source).values():
        assert not made.get(name)
        assert made.PatientID == "PLANTED-ID-4711"


def test_old_forms_of_dates_and_times_become_todays():
    source = sources(StudyDate="1999.12.31", StudyTime="14:04:38")
    assert source.left_empty == ()
    made = objects(source)["sr"]
    assert (made.StudyDate, made.StudyTime) == ("19991231", "140438")


@pytest.mark.parametrize("value", ["a" * 65, ["A", "B"]])
def test_without_a_valid_patient_id_there_is_no_object(value):
    with pytest.raises(InputError, match="PatientID is not valid"):
        sources(PatientID=value)


@pytest.mark.parametrize("value", ["", "1.2.x", "1." + "2" * 70])
@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_without_a_valid_identifier_there_is_no_object_and_it_is_named(name, value):
    header = header_of(ultrasound(GREYS))
    setattr(header, name, value)
    with pytest.raises(InputError, match=f"{name} is (missing|not a valid identifier)"):
        source_of(header, deidentified=False)


@pytest.mark.parametrize(
    "uid",
    [
        "1.2.840.10008.5.1.4.1.1.6",  # retired
        "1.2.840.10008.5.1.4.1.1.3",
        "1.2.840.10008.5.1.4.1.1.3.1",  # of many frames, with one
        "1.2.840.10008.5.1.4.1.1.7.2",
        "1.2.840.10008.5.1.4.1.1.6.2",
        "1.2.840.113543.6.6.1.3.10002",  # private
    ],
)
def test_an_object_of_any_class_is_referred_to_by_its_own_class(uid):
    made = objects(sources(SOPClassUID=uid, NumberOfFrames=1))
    segmented = made["seg"].ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
    evidence = made["sr"].CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert segmented.ReferencedSOPClassUID == uid
    assert evidence.ReferencedSOPSequence[0].ReferencedSOPClassUID == uid
    in_report = [e.value for e in made["sr"].iterall() if e.keyword == "ReferencedSOPClassUID"]
    assert set(in_report) == {uid}


def test_two_scans_with_one_identifier_have_objects_with_two():
    header = header_of(ultrasound(GREYS))
    one, other = (
        objects(source_of(header, deidentified=False, sha256=sha256)) for sha256 in ("ab", "cd")
    )
    for kind in one:
        assert one[kind].SOPInstanceUID != other[kind].SOPInstanceUID
        assert one[kind].SeriesInstanceUID == other[kind].SeriesInstanceUID


def test_a_long_or_foreign_name_of_weights_fits_every_object():
    names = ["w" * 100, "poids\\é\n"]
    for name in names:
        for made in objects(sources(), maker(weights=name)).values():
            lines = [e.value for e in made.iterall() if e.VR == "LO" and isinstance(e.value, str)]
            assert max(map(len, lines)) <= 64
    assert short_line("w" * 70, ", to be checked") == "w" * 46 + "..." + ", to be checked"


def test_deidentified_nothing_but_coded_values_passes():
    frame = "1.2.840.99.4711"
    data = ultrasound(
        GREYS,
        Laterality="PLANTED",
        ImageLaterality="PLANTED",
        FrameOfReferenceUID=frame,
        SpecificCharacterSet="ISO_IR 192",
        StudyDescription="PLANTED",
        PatientAge="050Y",
        TimezoneOffsetFromUTC="+0100",
    )
    by = maker(deidentified=True)
    source = source_of(header_of(data), deidentified=True)
    for made in objects(source, by).values():
        written = _bytes(made)
        for text in (b"PLANTED", b"20200304", b"050Y", b"+0100", frame.encode(), b"ISO_IR 192"):
            assert text not in written
    again = source_of(header_of(data), deidentified=True)
    assert source.stand_in.FrameOfReferenceUID == again.stand_in.FrameOfReferenceUID  # still one


def test_a_side_that_is_coded_stays_without_the_patient():
    header = header_of(ultrasound(GREYS, Laterality="L"))
    source = source_of(header, deidentified=True)
    assert objects(source, maker(deidentified=True))["sc"].Laterality == "L"
