import os
from pathlib import Path

import pytest

from busicli.data.class_folders import class_files, read_classes
from busicli.data.sources import read_folder
from busicli.errors import InputError
from tests.data.made_sources import empty_files, reported

WEBP = b"RIFF\x04\0\0\0WEBP"
DICOM = bytes(128) + b"DICM"


def read(folder: Path, **contents: bytes):
    """Cases with their masks, and errors, of files with these names; `__` is a slash."""
    for name, content in contents.items():
        path = folder / name.replace("__", "/").replace("-", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    cases, errors = read_classes(class_files(folder), "own")
    return {c.case: [m.name for m in c.masks] for c in cases}, {e.what: e.reason for e in errors}


def test_scans_of_kinds_that_are_not_read_are_errors(tmp_path):
    files = {"normal__a-webp": WEBP, "normal__b-webp": b"\x89PNG", "cover-webp": WEBP}
    cases, errors = read(tmp_path, **files)
    assert list(cases) == ["b"]
    assert list(errors) == ["normal/a.webp"]
    assert errors["normal/a.webp"].startswith("is a WebP image, which is not read; store it as PNG")


def test_masks_of_kinds_that_are_not_read_are_those_of_their_scans(tmp_path):
    files = {"benign__a-png": b"", "benign__a_mask-webp": WEBP, "benign__notes-csv": b""}
    assert read(tmp_path, **files) == ({"a": ["a_mask.webp"]}, {})


def test_dicom_without_a_suffix_and_jpeg_of_a_browser_are_scans(tmp_path):
    files = {"normal__1-2-840": DICOM, "normal__LICENSE": b"MIT", "normal__a-jfif": b""}
    assert read(tmp_path, **files) == ({"1.2.840": [], "a": []}, {})


def test_a_pipe_holds_nothing_up(tmp_path):
    (tmp_path / "normal").mkdir()
    os.mkfifo(tmp_path / "normal" / "pipe")
    assert read(tmp_path, **{"normal__a-png": b""}) == ({"a": []}, {})


def test_scans_whose_names_have_a_word_for_masks_have_their_own(tmp_path):
    files = {f"benign__tumor_{n}{mark}-png": b"" for n in (1, 2) for mark in ("", "_mask")}
    assert read(tmp_path, **files) == (
        {"tumor_1": ["tumor_1_mask.png"], "tumor_2": ["tumor_2_mask.png"]},
        {},
    )


def test_the_phantoms_are_read_as_busi(scans):
    cases, errors = read_folder(scans, "phantoms")
    assert errors == []
    labels = [case.label for case in cases]
    assert [labels.count(name) for name in ("benign", "malignant", "normal")] == [10, 8, 6]
    by_name = {case.case: case for case in cases}
    assert len(by_name) == 24
    # as BUSI's own, these two have a second lesion in a mask of its own
    assert [len(by_name[f"phantom-{n}"].masks) for n in ("06", "09", "01")] == [2, 2, 1]
    assert {(case.dataset, case.group, case.split) for case in cases} == {("phantoms", "", "")}


def test_only_a_normal_scan_may_lack_its_mask(tmp_path):
    empty_files(tmp_path, "benign/a (1).png", "malignant/m.png", "normal/n.png")
    cases, errors = read_folder(tmp_path, "d")
    assert [(case.case, case.masks) for case in cases] == [("n", ())]
    assert reported(errors) == {
        ("benign/a (1).png", "has no mask a (1)_mask.png"),
        ("malignant/m.png", "has no mask m_mask.png"),
    }


def test_a_mask_without_its_scan_is_reported(tmp_path):
    empty_files(tmp_path, "benign/a.png", "benign/a_mask.png", "benign/b_mask_1.png")
    cases, errors = read_folder(tmp_path, "d")
    assert [case.case for case in cases] == ["a"]
    assert reported(errors) == {("benign/b_mask_1.png", "is a mask without its scan")}


def test_files_that_are_no_images_are_passed_over(tmp_path):
    empty_files(tmp_path, "normal/a.JPG", "normal/Thumbs.db", "normal/readme.txt", "notes.txt")
    cases, errors = read_folder(tmp_path, "d")
    assert ([case.case for case in cases], errors) == (["a"], [])


@pytest.mark.parametrize("content", [(), ("images/a.png",), ("a.png",)])
def test_a_folder_of_neither_layout_is_refused(tmp_path, content):
    empty_files(tmp_path, *content)
    with pytest.raises(InputError, match="neither the folders benign, malignant, normal"):
        read_folder(tmp_path, "d")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        read_folder(tmp_path / "gone", "d")


@pytest.mark.parametrize("folder", ["Malignant", "malignant/images", "train/MALIGNANT", "images"])
def test_class_folders_of_any_case_may_hold_others_or_lie_in_them(tmp_path, folder):
    folder = "images/malignant" if folder == "images" else folder
    empty_files(tmp_path, f"{folder}/a.png", f"{folder.replace('images', 'masks')}/a_mask.png")
    cases, errors = read_folder(tmp_path, "d")
    assert errors == []
    (case,) = cases
    assert (case.case, case.label) == ("a", "malignant")
    assert case.scan == tmp_path / folder / "a.png"
    assert len(case.masks) == 1


def test_folders_of_classes_may_be_links(tmp_path):
    empty_files(tmp_path, "disk/m/a.png", "disk/m/a_mask.png", "busi/benign/b.png")
    empty_files(tmp_path, "busi/benign/b_mask.png")
    (tmp_path / "busi" / "malignant").symlink_to(tmp_path / "disk" / "m")
    (tmp_path / "busi" / "malignant" / "circle").symlink_to(tmp_path / "busi")
    cases, errors = read_folder(tmp_path / "busi", "d")
    assert ([case.case for case in cases], errors) == (["b", "a"], [])


def test_scans_in_no_folder_of_a_class_are_reported_a_folder_at_a_time(tmp_path):
    empty_files(tmp_path, "normal/n.png", "cysts/a.png", "cysts/a_mask.png", "cysts/b.png")
    _, errors = read_folder(tmp_path, "d")
    assert reported(errors) == {
        (
            "cysts",
            "holds 2 images, but neither it nor a folder around it is named benign, malignant or "
            "normal",
        )
    }


def test_scans_of_one_name_are_told_by_their_folders(tmp_path):
    folders = ("benign/p1", "benign/p2", "malignant")
    names = [f"{folder}/1{mark}.png" for folder in folders for mark in ("", "_mask")]
    cases, errors = read_folder(
        empty_files(tmp_path, *names, "benign/2.png", "benign/2_gt.png"), "d"
    )
    assert errors == []
    assert [case.case for case in cases] == ["2", "benign/p1/1", "benign/p2/1", "malignant/1"]


def test_masks_of_other_structures_are_no_lesion(tmp_path):
    files = ("benign/a.png", "benign/a_tumor.png", "benign/a_other1.png", "benign/._a.png")
    (case,), errors = read_folder(empty_files(tmp_path, *files), "d")
    assert errors == []
    assert case.masks == (tmp_path / "benign" / "a_tumor.png",)
