from pathlib import Path

import pytest

from busicli.batch.inputs import from_list
from busicli.errors import InputError
from tests.batch.made_inputs import empty_files, images, names, skipped


def test_a_list_keeps_its_order_and_counts_each_file_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = ["b.png", "a.png", "./b.png", "c/../a.png", str(tmp_path / "a.png"), "a.png"]
    entries = from_list(map(Path, paths))
    assert names(entries) == ["b.png", "a.png"]


def test_listed_paths_keep_their_position_below_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    entries = from_list([Path("x/a.png"), tmp_path / "here" / "y" / "b.png", Path("../c.png")])
    outside = str(tmp_path / "c.png").lstrip("/")
    assert names(entries) == ["x/a.png", "y/b.png", outside]


def test_listed_paths_keep_their_position_below_a_root(tmp_path, monkeypatch):
    empty_files(tmp_path, "scans/x/a.png", "elsewhere/c.png")
    for folder, path, root in ((".", "scans/x/a.png", "scans"), ("scans/x", "a.png", "..")):
        monkeypatch.chdir(tmp_path / folder)
        assert names(from_list([Path(path)], Path(root))) == ["x/a.png"]
    outside = tmp_path / "elsewhere" / "c.png"
    assert names(from_list([outside], Path(".."))) == [str(outside).lstrip("/")]
    with pytest.raises(InputError, match="there is no folder gone"):
        from_list([outside], Path("gone"))


def test_no_listed_path_leaves_the_output_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hostile = [
        "../../../../../../../../etc/passwd",
        "/../x.png",
        "//server/share/y.png",
        "a/../../z",
    ]
    for entry in from_list(map(Path, hostile)):
        assert not entry.relative.is_absolute()
        assert ".." not in entry.relative.parts


def test_two_slashes_at_the_start_are_one(tmp_path, monkeypatch):
    # `find $ROOT/scans` with ROOT=/ gives such paths.
    monkeypatch.chdir(tmp_path)
    entries = from_list([Path("//data/x.png"), Path("/data/x.png")])
    assert names(entries) == ["data/x.png"]


def test_two_listed_files_of_one_name_are_an_error_of_the_second(tmp_path, monkeypatch):
    # Outside the current folder, named by its whole path, and at such a path within it.
    outside = str(tmp_path / "x.png").lstrip("/")
    monkeypatch.chdir(images(tmp_path / "in", outside))
    images(tmp_path, "x.png")
    entries = from_list([tmp_path / "x.png", Path(outside)])
    assert [bool(entry.clash) for entry in entries] == [False, True]
    assert "overwrite" in entries[1].clash


def test_a_listed_mask_is_skipped_where_its_scan_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(empty_files(tmp_path, "a.png", "a_mask.png", "b_mask.png"))
    entries = from_list([Path("a_mask.png"), Path("b_mask.png"), Path("gone_mask.png")])
    assert skipped(entries) == ["a_mask.png"]  # the scan need not be listed


def test_listed_results_of_a_run_are_skipped(tmp_path, monkeypatch):
    # `find . -name '*.png' | busicli segment-dir - out` finds last night's masks too.
    monkeypatch.chdir(tmp_path)
    results = ("masks/a.png", "overlays/ward/a.png", "thumbnails/a.png.jpg")
    for name in ("a.png", "out/of-mine.png", "masks/b.png", *(f"out/{name}" for name in results)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "out" / ".busicli").mkdir()
    entries = from_list(path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*.*g")))
    assert skipped(entries) == [f"out/{name}" for name in results]


def test_an_empty_list_holds_no_work():
    assert from_list([]) == []


def test_listed_thumbnails_of_a_network_drive_are_no_scans(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entries = from_list([Path("a.png"), Path("@eaDir/a.png/thumb.jpg"), Path("._a.png")])
    assert [e.skip for e in entries] == ["", "a file of Synology", "a file of macOS"]
