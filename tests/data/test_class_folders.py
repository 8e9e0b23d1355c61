import os
from pathlib import Path

from busicli.data.class_folders import class_files, read_classes

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
