"""DICOM objects of reviewed scans."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from tests.dicom_maker import region, ultrasound
from tests.review.made_reviews import AT, SQUARE, mask
from tests.segmented import rows_by_scan


@pytest.fixture(scope="module")
def clinic(tmp_path_factory, scans, run) -> Path:
    """A night's run over two DICOM scans, with objects of all kinds."""
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "ward").mkdir()
    for name in ("a.dcm", "b.dcm"):
        phantom = np.asarray(Image.open(scans / "benign" / "phantom-06.png").convert("L"))
        rows, columns = phantom.shape
        whole = region((0, 0, rows - 1, columns - 1), 0.01, 0.005)
        (folder / "ward" / name).write_bytes(ultrasound(phantom, regions=[whole]))
    ended = run("segment-dir", "ward", "out", "--dicom", "seg,sr,sc", cwd=folder)
    assert ended.status == 0, ended.err
    return folder


def reviewed_clinic(clinic: Path, tmp_path: Path, decision: str) -> Path:
    """A copy of the clinic with a file of reviews of both scans."""
    shutil.copytree(clinic, tmp_path, dirs_exist_ok=True)
    out = tmp_path / "out"
    reviews = [
        {
            **{"scan": row["scan"], "frame": 1, "at": AT, "decision": decision},
            **{"scan_sha256": row["sha256"], "mask_sha256": row["masks"][0]["sha256"]},
            "polygons": [SQUARE] if decision == "edited" else None,
        }
        for row in rows_by_scan(out).values()
    ]
    run = json.loads((out / "run.json").read_text())["id"]
    document = {"format": "busicli-reviews", "version": 1, "run": run, "reviewer": "Møller^X"}
    (tmp_path / "reviews.json").write_text(json.dumps({**document, "reviews": reviews}))
    return out


def test_objects_say_who_corrected_what(clinic, call, tmp_path):
    out = reviewed_clinic(clinic, tmp_path, "edited")
    before = {path.name: dcmread(path) for path in (out / "dicom").iterdir()}
    ended = call("review", "out", "reviews.json", "--scans", "ward")
    assert ended.status == 0, ended.err
    after = {path.name: dcmread(path) for path in (out / "dicom").iterdir()}
    assert set(after) == set(before)
    segment = after["a.dcm.seg.dcm"]
    assert segment.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert np.array_equal(segment.pixel_array.squeeze() > 0, mask(out, "a.dcm.png"))
    assert "corrected by a person" in segment.SeriesDescription
    report = after["a.dcm.sr.dcm"]
    assert report.VerificationFlag == "VERIFIED"
    assert str(report.VerifyingObserverSequence[0].VerifyingObserverName) == "M?ller X"
    for name, made in after.items():
        assert made.SOPInstanceUID != before[name].SOPInstanceUID
    with (out / "lesions.csv").open(newline="") as file:
        lesion = next(csv.DictReader(file))
    # pixels of 0.1 x 0.05 mm
    assert (lesion["area_px"], lesion["area_mm2"], lesion["mean_probability"]) == ("600", "3", "")
    row = rows_by_scan(out)["a.dcm"]
    assert row["dicom_left_out"] == ""
    assert len(row["dicom"]) == 3


def test_without_the_scans_objects_are_left_out_until_they_are_there(clinic, call, tmp_path):
    out = reviewed_clinic(clinic, tmp_path, "accepted")
    shutil.move(tmp_path / "ward", tmp_path / "archive")
    assert call("review", "out", "reviews.json", "--scans", "ward").status == 0
    assert list((out / "dicom").iterdir()) == []
    assert "the scan was not found" in rows_by_scan(out)["a.dcm"]["dicom_left_out"]
    assert call("review", "out", "--scans", "archive").status == 0
    assert len(list((out / "dicom").iterdir())) == 6
    assert rows_by_scan(out)["a.dcm"]["dicom_left_out"] == ""


def test_a_rejected_scan_has_no_objects(clinic, call, tmp_path):
    out = reviewed_clinic(clinic, tmp_path, "rejected")
    assert call("review", "out", "reviews.json").status == 0
    assert list((out / "dicom").iterdir()) == []
    assert rows_by_scan(out)["a.dcm"]["dicom_left_out"] == "a person rejected the scan"
    assert mask(out, "a.dcm.png").shape
