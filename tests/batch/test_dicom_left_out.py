"""A mask is never lost for a DICOM object that cannot be made beside it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from busicli.batch.dicom_outputs import FrameImage, encode_capture
from busicli.errors import InputError
from tests.dicom_maker import ultrasound
from tests.segmented import rows_by_scan

OPTIONS = ("--weights", "improved-unet", "--dicom", "seg,sr,sc")


def test_a_mask_stands_without_its_objects_and_the_row_names_the_attribute(call, tmp_path, phantom):
    folder = tmp_path / "scans"
    folder.mkdir()
    long = "x" * 247 + ".png"  # the names of its mask and thumbnail fit, its objects' do not
    files = {
        "no_study.dcm": ultrasound(phantom, StudyInstanceUID=""),
        "sex.dcm": ultrasound(phantom, PatientSex="FEMALE"),
        "fine.dcm": ultrasound(phantom),
        long: ultrasound(phantom),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    ended = call("segment-dir", folder, "out", *OPTIONS)
    found = rows_by_scan(Path("out"))
    assert ended.status == 0, ended.err
    kinds = {name: [made["kind"] for made in row["dicom"]] for name, row in found.items()}
    every = ["seg", "sr", "sc"]
    assert kinds == {"no_study.dcm": [], "sex.dcm": every, "fine.dcm": every, long: []}
    reasons = {name: row["dicom_left_out"] for name, row in found.items()}
    assert reasons["no_study.dcm"].startswith("StudyInstanceUID is missing")
    assert reasons["sex.dcm"].startswith("PatientSex left empty")
    assert reasons["fine.dcm"] == ""
    assert reasons[long] == "its DICOM results cannot be written: File name too long"
    masks = [np.asarray(Image.open(path)) for path in Path("out/masks").iterdir()]
    assert len(masks) == 4
    assert all((mask == masks[0]).all() for mask in masks)
    again = call("segment-dir", folder, "out", *OPTIONS)
    assert "0 new, 4 in an earlier run" in again.out


def test_two_scans_with_one_identifier_are_told_and_get_distinct_objects(call, tmp_path, phantom):
    folder = tmp_path / "scans"
    folder.mkdir()
    uid = "1.2.840.4711.1"
    for name, pixels in (("a.dcm", phantom), ("b.dcm", phantom[:, ::-1]), ("c.dcm", phantom)):
        given = {} if name == "c.dcm" else {"SOPInstanceUID": uid}
        (folder / name).write_bytes(ultrasound(pixels, **given))
    for _ in range(2):  # also where nothing is new
        ended = call("segment-dir", folder, "out", *OPTIONS)
        found = rows_by_scan(Path("out"))
        assert [row.get("same_object_as") for row in found.values()] == [None, "a.dcm", None]
        assert "1 scan with the SOP Instance UID of another scan" in ended.out
        assert uid not in Path("out/manifest.jsonl").read_text(encoding="utf-8")
    made = [dcmread(path) for path in sorted(Path("out/dicom").iterdir())]
    assert len({dataset.SOPInstanceUID for dataset in made}) == 9


def test_an_object_of_an_image_is_refused():
    frame = FrameImage(number=1, image=np.zeros((2, 2, 3), np.uint8), segmentation=None, dicom=None)
    with pytest.raises(InputError, match="no DICOM object"):
        encode_capture(frame)
