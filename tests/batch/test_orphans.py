"""Files of scans that are gone."""

import os
from pathlib import Path, PurePosixPath

import pytest

from busicli.batch.inputs import InputFile
from busicli.batch.orphans import is_mask, orphan_files, remove_empty_folders


def entry(name: str, **values: str) -> InputFile:
    return InputFile(path=Path(name), relative=PurePosixPath(name), **values)


def written(out: Path, *names: str) -> list[Path]:
    paths = [out / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return sorted(paths)


def test_every_file_of_a_scan_that_is_gone_is_found_and_no_other(tmp_path):
    gone = written(
        tmp_path,
        *("masks/a/x.jpg.png", "overlays/a/x.jpg.png", "thumbnails/a/x.jpg.png.jpg"),
        "model_masks/a/x.jpg.png",
        *("dicom/c.dcm.seg.dcm", "masks/c.dcm/0001.png", "masks/c.dcm/0002.png"),
    )
    written(tmp_path, "masks/here.png", "masks/never-made.png")
    made = {"a/x.jpg", "c.dcm", "here.png", "lost.png"}
    found = orphan_files(tmp_path, made, [entry("here.png")])
    assert found == gone
    assert sum(is_mask(tmp_path, path) for path in found) == 3


@pytest.mark.parametrize(
    ("here", "kept"),
    [("x.jpg.png", "masks/x.jpg.png"), ("x.tif/0001.png", "masks/x.tif/0001.png")],
)
def test_a_file_that_an_input_may_have_is_kept(tmp_path, here, kept):
    both = set(written(tmp_path, "masks/x.jpg.png", "masks/x.tif/0001.png"))
    found = orphan_files(tmp_path, {"x.jpg", "x.tif"}, [entry(here)])
    assert set(found) == both - {tmp_path / kept}


def test_a_name_that_is_not_utf8_is_found_by_its_escaped_form(tmp_path):
    raw = os.fsdecode(b"masks/caf\xe9.png")
    assert orphan_files(tmp_path, {"caf%E9.png"}, [entry("a.png")]) == []
    (path,) = written(tmp_path, raw)
    assert orphan_files(tmp_path, {"caf%E9.png"}, [entry("a.png")]) == [path]


def test_nothing_is_gone_while_a_folder_of_the_scans_is_closed(tmp_path):
    written(tmp_path, "masks/ward/x.png")
    closed = entry("ward", error="this folder cannot be read: Permission denied")
    assert orphan_files(tmp_path, {"ward/x.png"}, [closed]) == []


def test_empty_folders_go_and_others_stay(tmp_path):
    written(tmp_path, "masks/a/x.png", "mine/x.png")
    (tmp_path / "masks" / "b" / "c").mkdir(parents=True)
    (tmp_path / "overlays").mkdir()
    (tmp_path / "other").mkdir()
    remove_empty_folders(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == {"masks", "masks/a", "masks/a/x.png", "mine", "mine/x.png", "other"}
