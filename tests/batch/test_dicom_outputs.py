import csv
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file

from busicli.io.images import GREEN
from tests.dicom_maker import PATIENT, PATIENT_ID, region, ultrasound
from tests.segmented import rows_by_scan

PLANTED = ("PLANTED", PATIENT_ID, "19700102")
WEIGHTS = ("--weights", "improved-unet")


@pytest.fixture(scope="module")
def ward(tmp_path_factory, phantom) -> Path:
    """A folder as a scanner leaves it."""
    folder = tmp_path_factory.mktemp("dicom") / "ward"
    folder.mkdir()
    rows, columns = phantom.shape
    whole = region((0, 0, rows - 1, columns - 1), 0.01, 0.005)
    outside = region((0, 0, rows, columns - 1), 0.01, 0.01)
    cine = np.stack([phantom, phantom[:, ::-1]])
    files = {
        "IM0001": ultrasound(phantom, regions=[whole], PatientComments="PLANTED"),
        "cropped.dcm": ultrasound(phantom, regions=[outside]),
        "cine.dcm": ultrasound(cine, regions=[whole], PatientBirthDate=PATIENT),
        "cut.dcm": ultrasound(phantom)[:2000],
        "nobody.dcm": ultrasound(phantom, without=["PatientID", "PatientName"]),
        "other.dcm": Path(get_testdata_file("CT_small.dcm")).read_bytes(),
        "no-study.dcm": ultrasound(phantom, without=["StudyInstanceUID"]),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    Image.fromarray(phantom).save(folder / "image.png")
    return folder


@pytest.fixture(scope="module")
def done(ward, run) -> tuple[Path, object]:
    """The ward segmented with all that DICOM offers: (OUT, how it ended)."""
    out = ward.parent / "out"
    kinds = ("--dicom", "seg,sr,sc", "--pixel-spacing", "0.2,0.1")
    return out, run("segment-dir", ward, out, *WEIGHTS, *kinds, cwd=ward.parent)


def lesions(out: Path) -> dict[str, dict[str, str]]:
    """The largest lesion of each scan."""
    with (out / "lesions.csv").open(newline="", encoding="utf-8") as file:
        return {row["scan"]: row for row in csv.DictReader(file) if row["lesion"] == "1"}


def everything(folder: Path, *, but: str = "") -> bytes:
    """All bytes and names below a folder."""
    parts = []
    for path in sorted(folder.rglob("*")):
        parts.append(path.relative_to(folder).as_posix().encode())
        if path.is_file() and not (but and but in path.parts):
            parts.append(path.read_bytes())
    return b"\n".join(parts)


def test_every_file_has_its_row(done):
    out, ended = done
    assert ended.status == 3
    assert {name: row["status"] for name, row in rows_by_scan(out).items()} == {
        "IM0001": "ok",
        "cine.dcm": "ok",
        "cropped.dcm": "ok",
        "cut.dcm": "failed",
        "no-study.dcm": "ok",
        "nobody.dcm": "ok",
        "other.dcm": "skipped",
        "image.png": "ok",
    }
    assert rows_by_scan(out)["other.dcm"]["reason"] == (
        "is a DICOM object but not an ultrasound scan: CT Image Storage"
    )


def test_a_scan_that_failed_left_nothing(done):
    out, _ = done
    left = [p.name for p in out.rglob("*") if "cut" in p.name]
    assert left == []


def test_each_frame_has_its_mask(done, phantom):
    out, _ = done
    masks = [np.asarray(Image.open(out / "masks/cine.dcm" / f"000{n}.png")) for n in (1, 2)]
    assert [mask.shape for mask in masks] == [phantom.shape] * 2
    assert (masks[1] != masks[0]).any()
    still = np.asarray(Image.open(out / "masks/IM0001.png"))
    assert (masks[0] == still).all()


def test_where_millimetres_come_from_is_said(done):
    out, _ = done
    found = {name: row.get("millimetres") for name, row in rows_by_scan(out).items()}
    assert found["IM0001"] == "ultrasound regions of the file"
    assert found["cropped.dcm"] == "none: an ultrasound region reaches out of the image"
    assert found["nobody.dcm"] == "none: the file describes no ultrasound region"
    assert found["image.png"] == "--pixel-spacing"


def test_millimetres_stand_beside_pixels_or_nothing_does(done):
    out, _ = done
    found = lesions(out)
    dicom, image = found["IM0001"], found["image.png"]
    area_px = int(dicom["area_px"])
    assert float(dicom["area_mm2"]) == pytest.approx(area_px * 0.1 * 0.05, rel=1e-5)
    top = int(dicom["bbox"].split()[0])
    assert float(dicom["depth_mm"]) == pytest.approx(0.1 * top, rel=1e-5)
    assert float(image["area_mm2"]) == pytest.approx(area_px * 0.2 * 0.1, rel=1e-5)
    assert image["depth_mm"] == ""  # nobody said where the skin is
    assert found["cropped.dcm"]["area_mm2"] == found["cropped.dcm"]["long_axis_mm"] == ""


def test_dicom_results_stand_beside_the_others(done):
    out, _ = done
    found = {
        name: [o["path"] for o in row.get("dicom", ())] for name, row in rows_by_scan(out).items()
    }
    assert found["IM0001"] == [f"dicom/IM0001.{kind}.dcm" for kind in ("seg", "sr", "sc")]
    assert found["cine.dcm"] == [
        "dicom/cine.dcm.sr.dcm",
        "dicom/cine.dcm/0001.sc.dcm",
        "dicom/cine.dcm/0002.sc.dcm",
    ]
    assert found["image.png"] == []
    for path in (path for paths in found.values() for path in paths):
        dcmread(out / path)
    left_out = (
        "a cine has no segmentation object; PatientBirthDate left empty: not valid in a new object"
    )
    assert rows_by_scan(out)["cine.dcm"]["dicom_left_out"] == left_out
    assert rows_by_scan(out)["image.png"]["dicom_left_out"] == "the scan is no DICOM object"


def test_the_segmentation_is_the_mask(done):
    out, _ = done
    mask = np.asarray(Image.open(out / "masks/IM0001.png"))
    assert (dcmread(out / "dicom/IM0001.seg.dcm").pixel_array.squeeze() * 255 == mask).all()


def test_results_are_no_scans_for_the_next_run(done, call, tmp_path):
    out, _ = done
    ended = call("segment-dir", out / "dicom", "again", *WEIGHTS)
    assert (ended.status, "holds results of busicli" in ended.err) == (1, True)
    shutil.copytree(out / "dicom", tmp_path / "elsewhere")
    ended = call("segment-dir", "elsewhere", "again", *WEIGHTS)
    assert (ended.status, "holds no scan" in ended.err) == (1, True)


def test_a_patient_stands_nowhere_but_in_dicom_results(done):
    out, ended = done
    reported = everything(out, but="dicom") + (ended.out + ended.err).encode()
    assert [text for text in PLANTED if text.encode() in reported] == []
    assert PATIENT.encode() in everything(out / "dicom")


def test_deidentified_a_patient_stands_nowhere(ward, run):
    out = ward.parent / "nameless"
    options = ("--dicom", "seg,sr,sc", "--deidentify", "--jobs", 1)
    ended = run("--debug", "segment-dir", ward, out, *WEIGHTS, *options, cwd=ward.parent)
    assert ended.status == 3
    reported = everything(out) + (ended.out + ended.err).encode()
    assert [text for text in PLANTED if text.encode() in reported] == []


def test_a_traceback_names_no_patient(phantom, run, tmp_path):
    data = ultrasound(phantom, PhotometricInterpretation="12345678")
    (tmp_path / "scan.dcm").write_bytes(data.replace(b"12345678", b"PLANTED8"))
    ended = run("--debug", "show", "scan.dcm", "--out", "scan.png", cwd=tmp_path)
    assert ended.status == 1
    assert "Traceback" in ended.err
    assert "PLANTED" not in ended.err


def test_deidentified_images_show_nothing_beside_the_ultrasound(tmp_path, phantom, run):
    rows, columns = phantom.shape
    named = np.vstack([np.full((20, columns), 255, np.uint8), phantom])  # as a name burned in
    below = region((20, 0, rows + 19, columns - 1), 0.01, 0.005)
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    (scans / "described").write_bytes(ultrasound(named, regions=[below]))
    (scans / "undescribed").write_bytes(ultrasound(named))
    (scans / "clean").write_bytes(ultrasound(named, BurnedInAnnotation="NO"))
    everything = region((0, 0, rows + 19, columns - 1), 0.01, 0.005)  # hides nothing
    (scans / "whole").write_bytes(ultrasound(named, regions=[everything]))
    halves = [
        region((0, first, rows + 19, last), 0.01, 0.005)
        for first, last in ((0, columns // 2), (columns // 2 + 1, columns - 1))
    ]
    (scans / "halves").write_bytes(ultrasound(named, regions=halves))
    ended = run("segment-dir", scans, out, *WEIGHTS, "--dicom", "sc", "--deidentify", cwd=tmp_path)
    assert ended.status == 0
    capture = dcmread(out / "dicom/described.sc.dcm").pixel_array
    assert not capture[:20].any()
    assert capture[20:].any()
    overlay = np.asarray(Image.open(out / "overlays/described.png").convert("RGB"))
    assert not overlay[:19].any()
    assert (overlay[19] == GREEN).all()  # the line around what was looked at
    found = rows_by_scan(out)
    assert [kind["kind"] for kind in found["clean"]["dicom"]] == ["sc"]
    for name in ("undescribed", "whole", "halves"):
        assert found[name]["dicom"] == []
        assert "describes no ultrasound region" in found[name]["dicom_left_out"]
    assert "4 scans described no ultrasound region, or regions that are the whole" in ended.out


def test_identifiers_are_reported_to_those_who_ask(ward, call):
    call("segment-dir", ward, "out", *WEIGHTS, "--keep-identifiers")
    found = rows_by_scan(Path("out"))
    assert found["IM0001"]["identifiers"]["patient_id"] == PATIENT_ID
    assert found["nobody.dcm"]["identifiers"]["patient_id"] == ""
    assert "identifiers" not in found["image.png"]


def test_what_is_done_is_kept_and_a_lost_object_made_again(ward, call):
    options = (*WEIGHTS, "--dicom", "seg,sr")
    call("segment-dir", ward, "out", *options)
    before = {p: p.stat().st_mtime_ns for p in Path("out/dicom").rglob("*.dcm")}
    lost = Path("out/dicom/IM0001.sr.dcm")
    lost.unlink()
    call("segment-dir", ward, "out", *options)
    after = {p: p.stat().st_mtime_ns for p in Path("out/dicom").rglob("*.dcm")}
    assert after.keys() == before.keys()
    made_anew = {p.name for p in before if after[p] != before[p]}
    assert made_anew == {"IM0001.sr.dcm", "IM0001.seg.dcm"}


def test_hashed_names_name_no_file(ward, call):
    call("segment-dir", ward, "out", *WEIGHTS, "--dicom", "sr", "--names", "hash")
    assert b"IM0001" not in everything(Path("out"))


def test_a_cine_of_too_many_pixels_is_refused_before_it_is_decoded(call, tmp_path, phantom):
    rows_, columns = phantom.shape
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "long.dcm").write_bytes(ultrasound(phantom, NumberOfFrames=5000))
    ended = call("segment-dir", "scans", "out", *WEIGHTS)
    assert ended.status == 3
    reason = rows_by_scan(Path("out"))["long.dcm"]["reason"]
    assert reason.startswith(f"has {5000 * rows_ * columns:,} pixels")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--dicom", "rtss"), "--dicom has 'rtss'"),
        (("--pixel-spacing", "0.1"), "give two numbers of millimetres"),
        (("--pixel-spacing", "0.1,x"), "give two numbers of millimetres"),
        (("--pixel-spacing", "0,0.1"), "give two numbers of millimetres"),
        (("--pixel-spacing", "nan,0.1"), "give two numbers of millimetres"),
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(ward, call, options, sentence):
    ended = call("segment-dir", ward, "out", *options)
    assert ended.status == 2
    assert sentence in ended.err


def test_a_scan_from_pydicoms_own_files_comes_out_whole(call, tmp_path):
    folder = tmp_path / "real"
    folder.mkdir()
    name = "examples_ybr_color.dcm"
    data = Path(get_testdata_file(name)).read_bytes()
    (folder / name).write_bytes(data)
    ended = call("segment-dir", folder, "out", "--dicom", "seg,sr")
    assert ended.status == 0
    assert len(rows_by_scan(Path("out"))[name]["masks"]) == 30
    header = dcmread(io.BytesIO(data))
    report = dcmread(Path("out/dicom") / f"{name}.sr.dcm")
    assert report.StudyInstanceUID == header.StudyInstanceUID
