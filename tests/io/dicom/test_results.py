import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom.examples
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file

from busicli.imaging.contour import contour_mask, contour_polygon
from busicli.imaging.measure import component, lesions
from busicli.imaging.millimetres import in_millimetres
from busicli.io.dicom.maker import Maker
from busicli.io.dicom.read import open_dicom
from busicli.io.dicom.report import Finding, report
from busicli.io.dicom.results import capture, segmentation
from busicli.io.dicom.source import source_of
from busicli.io.images import MAX_PIXELS, draw_contour
from busicli.types import ClassProbabilities
from tests.dicom_maker import PATIENT, PATIENT_ID, region, ultrasound

MAKER = Maker(
    weights="improved-unet", weights_sha256="ab" * 32, version="1.2.3", deidentified=False
)
NAMELESS = Maker(
    weights="improved-unet", weights_sha256="ab" * 32, version="1.2.3", deidentified=True
)
PICTURE = np.full((120, 160, 3), 60, np.uint8)
CALIBRATED = (region((0, 0, 119, 159), 0.02, 0.01),)
TWO = np.zeros((120, 160), bool)
TWO[20:40, 30:70] = True
TWO[60:70, 100:110] = True
NONE = np.zeros_like(TWO)
REAL = {
    **{n: Path(pydicom.examples.get_path(n)) for n in ("rgb_color", "palette_color", "jpeg2k")},
    "ybr_color": Path(pydicom.examples.get_path("ybr_color")),
    "old": Path(get_testdata_file("ExplVR_BigEnd.dcm")),
}
VALIDATOR = pytest.mark.skipif(
    not shutil.which("dciodvfy"), reason="dciodvfy (Debian package dicom3tools) is not installed"
)
READER = pytest.mark.skipif(
    not shutil.which("dsrdump"), reason="dsrdump (Debian package dcmtk) is not installed"
)


def made(
    data: bytes,
    mask: np.ndarray = TWO,
    maker: Maker = MAKER,
    marked: int = 1,
    classes: ClassProbabilities | None = None,
) -> dict[str, Dataset]:
    """Every kind of result of a scan, its frame `marked` holding `mask` and the others nothing."""
    scan = open_dicom(data, max_pixels=MAX_PIXELS)
    frames = [frame.image for frame in scan.frames()]
    source = source_of(scan.header, deidentified=maker.deidentified)
    findings = [
        Finding(
            lesion=replace(lesion, frame=marked, millimetres=in_millimetres(lesion, scan.scale)),
            contour=contour_polygon(component(mask, lesion)),
            classes=classes,
        )
        for lesion in lesions(mask, mask.astype(np.float32))
    ]
    results = {
        "sr": report(source, findings, len(frames), maker),
        "sc": capture(source, draw_contour(frames[marked - 1], contour_mask(mask)), marked, maker),
    }
    if len(frames) == 1:
        results["seg"] = segmentation(source, mask, maker)
    return results


def read_back(dataset: Dataset) -> Dataset:
    file = io.BytesIO()
    dataset.save_as(file)
    return dcmread(io.BytesIO(file.getvalue()))


def real(name: str) -> tuple[bytes, np.ndarray]:
    """A real file and a mask of its size."""
    data = REAL[name].read_bytes()
    frame = next(open_dicom(data, max_pixels=MAX_PIXELS).frames()).image
    mask = np.zeros(frame.shape[:2], bool)
    mask[20:40, 25:50] = True
    return data, mask


def errors(path: Path) -> list[str]:
    """What the validator objects to."""
    ended = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    return [line for line in ended.stderr.splitlines() if line.startswith("Error")]


@VALIDATOR
@pytest.mark.parametrize("maker", [MAKER, NAMELESS], ids=["named", "nameless"])
@pytest.mark.parametrize("found", [True, False], ids=["lesion", "none"])
@pytest.mark.parametrize("name", REAL)
def test_the_validator_finds_no_error_in_results_of_real_files(name, found, maker, tmp_path):
    data, mask = real(name)
    results = made(data, mask if found else np.zeros_like(mask), maker)
    for kind, dataset in results.items():
        dataset.save_as(tmp_path / kind)
        assert errors(tmp_path / kind) == [], kind


@VALIDATOR
def test_the_validator_finds_no_error_in_results_of_a_calibrated_cine(tmp_path):
    cine = ultrasound(np.stack([PICTURE] * 3), regions=CALIBRATED, Laterality="L")
    for kind, dataset in made(cine, marked=2).items():
        dataset.save_as(tmp_path / kind)
        assert errors(tmp_path / kind) == [], kind


@READER
@pytest.mark.parametrize("name", REAL)
def test_another_toolkit_reads_them(name, tmp_path):
    data, mask = real(name)
    for kind, dataset in made(data, mask).items():
        dataset.save_as(tmp_path / kind)
        program = "dsrdump" if kind == "sr" else "dcmdump"
        ended = subprocess.run([program, tmp_path / kind], capture_output=True, check=False)
        assert ended.returncode == 0
        assert ended.stderr == b""


@pytest.mark.parametrize("mask", [TWO, NONE], ids=["lesions", "none"])
def test_the_segmentation_holds_the_mask(mask):
    read = hd.seg.Segmentation.from_dataset(read_back(made(ultrasound(PICTURE), mask)["seg"]))
    assert (read.pixel_array.reshape(mask.shape) == mask).all()
    segment = read.get_segment_description(1)
    assert segment.segmented_property_type.meaning == "Mass"
    assert segment.anatomic_regions[0].meaning == "Breast"
    assert segment.algorithm_identification.name == "busicli improved-unet"
    assert segment.algorithm_identification.version == "1.2.3"


def test_results_belong_to_the_patient_and_study_and_point_at_the_scan():
    data = ultrasound(PICTURE)
    header = dcmread(io.BytesIO(data))
    results = made(data)
    for dataset in map(read_back, results.values()):
        assert (dataset.PatientName, dataset.PatientID) == (PATIENT, PATIENT_ID)
        assert dataset.StudyInstanceUID == header.StudyInstanceUID
        assert dataset.SeriesInstanceUID != header.SeriesInstanceUID
        assert dataset.StudyDate == "20200304"
    series = results["seg"].ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == header.SeriesInstanceUID
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == header.SOPInstanceUID


def test_the_report_measures_in_millimetres_where_they_are_certain():
    read = hd.sr.ComprehensiveSR.from_dataset(
        read_back(made(ultrasound(PICTURE, regions=CALIBRATED))["sr"])
    )
    groups = read.content.get_planar_roi_measurement_groups()
    assert len(groups) == 2
    measured = {m.name.meaning: (m.value, m.unit.value) for m in groups[0].get_measurements()}
    # 20 rows of 0.2 mm and 40 columns of 0.1 mm, from row 20 on
    assert measured["Width"] == (4.0, "mm")
    assert measured["Height"] == (4.0, "mm")
    assert measured["Area"] == (16.0, "mm2")
    assert measured["Depth"] == (4.0, "mm")
    assert measured["Width by height"] == (1.0, "{ratio}")


def test_the_report_gives_the_probability_of_each_class():
    classes = ClassProbabilities(normal=0.05, benign=0.2, malignant=0.75)
    read = hd.sr.ComprehensiveSR.from_dataset(
        read_back(made(ultrasound(PICTURE), classes=classes)["sr"])
    )
    for group in read.content.get_planar_roi_measurement_groups():
        measured = {m.name.meaning: (m.value, m.unit.value) for m in group.get_measurements()}
        assert measured["Probability of cancer"] == (75.0, "%")
        assert measured["Probability of a benign lesion"] == (20.0, "%")
        assert measured["Probability of no lesion"] == (5.0, "%")


def test_the_report_measures_in_pixels_otherwise():
    read = hd.sr.ComprehensiveSR.from_dataset(read_back(made(ultrasound(PICTURE))["sr"]))
    (first, _) = read.content.get_planar_roi_measurement_groups()
    assert {m.unit.value for m in first.get_measurements()} == {"{pixels}"}
    area = next(m.value for m in first.get_measurements() if m.name.meaning == "Area")
    assert area == 800


def test_the_report_contours_the_lesion_in_dicoms_coordinates():
    """Column and row, the image's corner at 0, 0: the rim of pixels 30 to 69 is at 30 and 70."""
    read = hd.sr.ComprehensiveSR.from_dataset(read_back(made(ultrasound(PICTURE))["sr"]))
    (first, _) = read.content.get_planar_roi_measurement_groups()
    points = first.roi.value
    assert points.min(axis=0) == pytest.approx([30, 20], abs=0.01)
    assert points.max(axis=0) == pytest.approx([70, 40], abs=0.01)
    assert (points[0] == points[-1]).all()


def test_the_report_of_a_cine_names_the_frame():
    data = ultrasound(np.stack([PICTURE] * 3))
    read = hd.sr.ComprehensiveSR.from_dataset(read_back(made(data, marked=2)["sr"]))
    numbers = [e.value for e in read.iterall() if e.keyword == "ReferencedFrameNumber"]
    assert set(numbers) == {2}


def test_a_report_without_lesions_says_that_there_is_none():
    read = hd.sr.ComprehensiveSR.from_dataset(read_back(made(ultrasound(PICTURE), NONE)["sr"]))
    (group,) = read.content.get_image_measurement_groups()
    (answer,) = group.get_qualitative_evaluations()
    assert (answer.name.meaning, answer.value.meaning) == ("Mass", "Absent")


def test_the_capture_shows_the_contour():
    read = read_back(made(ultrasound(PICTURE))["sc"])
    assert (read.pixel_array == draw_contour(PICTURE, contour_mask(TWO))).all()
    assert read.BurnedInAnnotation == "YES"
    assert read.Modality != "US"  # or the next run would segment it


@pytest.mark.parametrize("changed", [{"version": "1.2.4"}, {"variant": "keras in float32"}])
def test_made_again_a_result_keeps_its_identifiers_and_made_otherwise_gets_others(changed):
    data = ultrasound(PICTURE)
    first, second = made(data), made(data)
    other = made(data, maker=Maker(**{**_fields(MAKER), **changed}))
    for kind in first:
        assert first[kind].SOPInstanceUID == second[kind].SOPInstanceUID
        assert first[kind].SOPInstanceUID != other[kind].SOPInstanceUID
    assert len({dataset.SOPInstanceUID for dataset in first.values()}) == 3


def _fields(maker: Maker) -> dict:
    return {name: getattr(maker, name) for name in maker.__slots__}


def test_deidentified_results_hold_no_patient():
    data = ultrasound(PICTURE, PatientComments="PLANTED", OtherPatientIDs="PLANTED-2")
    for dataset in made(data, maker=NAMELESS).values():
        file = io.BytesIO()
        dataset.save_as(file)
        assert b"PLANTED" not in file.getvalue()
        assert b"20200304" not in file.getvalue()
        assert dataset.PatientIdentityRemoved == "YES"


def test_a_scan_without_patient_gives_results_without_one():
    data = ultrasound(PICTURE, without=["PatientID", "PatientName", "PatientBirthDate"])
    assert made(data)["seg"].PatientID == ""


def test_names_of_any_script_come_through():
    data = ultrasound(PICTURE, SpecificCharacterSet="ISO_IR 192", PatientName="Müller^Žofie")
    for dataset in map(read_back, made(data).values()):
        assert str(dataset.PatientName) == "Müller^Žofie"


def test_names_of_an_older_character_set_come_through():
    data = ultrasound(PICTURE, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jürgen")
    for dataset in map(read_back, made(data).values()):
        assert str(dataset.PatientName) == "Müller^Jürgen"
