import os
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

import pytest

from busicli.batch.inputs import InputFile, from_folder, from_list
from busicli.errors import InputError
from tests.batch.made_inputs import empty_files, images, names, skipped

NOBODY = 65534


def errors(entries: Iterable[InputFile]) -> dict[str, str]:
    return {
        str(entry.relative): entry.not_done
        for entry in entries
        if entry.not_done and not entry.skip
    }


@contextmanager
def as_nobody():
    """Without the rights of root, for whom no folder is closed."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(os.getuid())


def test_every_file_below_a_folder_is_found_by_name(tmp_path):
    empty_files(tmp_path / "in", "b/2.png", "b/1.jpg", "a.tif", "B/3.png", "notes.txt", "no suffix")
    entries = from_folder(tmp_path / "in", tmp_path / "out")
    assert names(entries) == ["B/3.png", "a.tif", "b/1.jpg", "b/2.png", "no suffix", "notes.txt"]
    assert [entry.path for entry in entries] == [tmp_path / "in" / name for name in names(entries)]
    assert (skipped(entries), errors(entries)) == ([], {})


def test_an_empty_folder_holds_no_work(tmp_path):
    assert from_folder(tmp_path, tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["gone", "file"])
def test_scans_that_are_no_folder_are_refused(tmp_path, kind):
    empty_files(tmp_path, "file")
    with pytest.raises(InputError, match=r"there is no folder|is a file; give its folder"):
        from_folder(tmp_path / kind, tmp_path / "out")


def test_the_output_inside_the_scans_is_not_entered(tmp_path):
    ours = ("results/.busicli/lock", "results/masks/a.png")
    empty_files(tmp_path, "a.png", *ours, "other/results/b.png")
    entries = from_folder(tmp_path, tmp_path / "other" / ".." / "results")
    assert names(entries) == ["a.png", "other/results/b.png"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path):
    empty_files(tmp_path, "in/a.png", "elsewhere/b.png")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "circle").symlink_to(tmp_path / "in")
    done = [entry for entry in from_folder(tmp_path / "in", tmp_path / "out") if not entry.skip]
    assert names(done) == ["a.png", "link.png"]


def test_a_mask_beside_its_scan_is_skipped(tmp_path):
    empty_files(tmp_path, "a.jpg", "a_mask.png", "a_mask_1.png", "b_mask.png", "c/a_mask.png")
    entries = from_folder(tmp_path, tmp_path / "out")
    assert skipped(entries) == ["a_mask.png", "a_mask_1.png"]  # b and c/a have no scan


def test_a_folder_that_cannot_be_read_is_one_error(tmp_path, monkeypatch):
    empty_files(tmp_path, "in/open/a.png", "in/closed/b.png")
    (tmp_path / "in" / "closed").chmod(0)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # nobody may not pass through the folders above
    with as_nobody():
        entries = from_folder(Path("in"), Path("out"))
    assert names(entries) == ["closed", "open/a.png"]
    assert errors(entries) == {"closed": "this folder cannot be read: Permission denied"}


def test_two_scans_of_one_mask_are_an_error_of_the_second(tmp_path):
    images(tmp_path, "a.jpg", "a.jpg.png", "b.jpg", "b.tif", "c.png")
    entries = from_folder(tmp_path, tmp_path / "out")
    assert errors(entries) == {"a.jpg.png": "its mask would overwrite that of a.jpg"}


def test_a_file_that_holds_no_scan_takes_no_scans_place(tmp_path):
    images(empty_files(tmp_path, "a.jpg"), "a.jpg.png")
    assert errors(from_folder(tmp_path, tmp_path / "out")) == {}


def test_masks_that_differ_in_case_alone_clash_on_some_disks(tmp_path):
    images(tmp_path, "a/X.png", "a/x.png", "b/X.PNG", "b/x.png")
    entries = from_folder(tmp_path, tmp_path / "out")
    # b/X.PNG becomes X.PNG.png, which is no x.png
    assert errors(entries) == {"a/x.png": "its mask would overwrite that of a/X.png"}


def test_a_mask_that_is_skipped_clashes_with_nothing(tmp_path):
    empty_files(tmp_path, "a.png", "A_mask.png", "a_mask.png")
    entries = from_folder(tmp_path, tmp_path / "out")
    assert (skipped(entries), errors(entries)) == (["A_mask.png", "a_mask.png"], {})


def test_names_that_are_no_utf8_are_found(tmp_path):
    empty_files(tmp_path, b"caf\xe9.png")
    (entry,) = from_folder(tmp_path, tmp_path / "out")
    assert os.fsencode(entry.relative) == b"caf\xe9.png"
    assert entry.path.is_file()


def test_a_link_to_a_folder_is_reported_and_not_entered(tmp_path):
    empty_files(tmp_path, "elsewhere/x.png", "scans/a.png")
    (tmp_path / "scans" / "linked").symlink_to(tmp_path / "elsewhere")
    entries = {
        str(entry.relative): entry.skip for entry in from_folder(tmp_path / "scans", tmp_path / "o")
    }
    assert entries == {"a.png": "", "linked": "a link to a folder, which is not entered"}


def test_results_of_another_run_are_reported_and_not_searched(tmp_path):
    empty_files(tmp_path, "scans/a.png", "scans/old/masks/b.png", "scans/old/.busicli/lock")
    entries = {
        str(entry.relative): entry.skip for entry in from_folder(tmp_path / "scans", tmp_path / "o")
    }
    assert entries["old"] == "a folder with results of busicli, which is not searched"
    assert set(entries) == {"a.png", "old"}


def test_masks_that_busicli_made_are_no_scans(tmp_path):
    empty_files(tmp_path, "out/masks/ward/b.png", "out/.busicli/lock")
    for folder in ("masks", "masks/ward"):
        with pytest.raises(InputError, match="holds results of busicli"):
            from_folder(tmp_path / "out" / folder, tmp_path / "other")


def test_a_folder_of_scans_is_no_place_for_their_results(tmp_path):
    empty_files(tmp_path, "scans/a.png", "scans/ward/b.png")
    with pytest.raises(InputError, match=r"^ward is a folder of the scans and holds files"):
        from_folder(tmp_path / "scans", tmp_path / "scans" / "ward")
    (tmp_path / "scans" / "new").mkdir()
    assert names(from_folder(tmp_path / "scans", tmp_path / "scans" / "new")) == [
        "a.png",
        "ward/b.png",
    ]


@pytest.mark.parametrize(
    ("scan", "mask"),
    [("a.png", "a_Mask.png"), ("images/a.png", "masks/a.png"), ("us/bus_1.jpg", "gt/mask_1.png")],
)
def test_masks_of_all_layouts_are_skipped_by_name(tmp_path, monkeypatch, scan, mask):
    empty_files(tmp_path, scan, mask)
    monkeypatch.chdir(tmp_path)
    assert skipped(from_folder(Path(), Path("out"))) == [mask]
    assert skipped(from_list([Path(scan), tmp_path / mask])) == [mask]


def test_names_that_scans_may_have_leave_the_content_to_decide(tmp_path):
    empty_files(tmp_path, "a.png", "a_label.png", "A/1.png", "B/1.png", "B/2.png")
    entries = {str(e.relative): e for e in from_folder(tmp_path, tmp_path / "out")}
    assert skipped(entries.values()) == []
    scans = {name: [p.relative_to(tmp_path) for p in e.mask_of] for name, e in entries.items()}
    assert scans == {
        "a.png": [],
        "a_label.png": [Path("a.png")],
        "A/1.png": [Path("B/1.png")],
        "B/1.png": [Path("A/1.png")],
        "B/2.png": [],
    }
    assert [name for name, e in entries.items() if e.named_as_mask] == ["a_label.png"]


def test_what_operating_systems_leave_is_no_scan(tmp_path):
    litter = ("._a.png", "x/.DS_Store", "x/Thumbs.db", "x/desktop.ini", "x/@eaDir/a.png/thumb.jpg")
    empty_files(tmp_path, "a.png", *litter)
    entries = {str(e.relative): e.skip for e in from_folder(tmp_path, tmp_path / "out")}
    assert entries == {
        "a.png": "",
        "._a.png": "a file of macOS",
        "x/.DS_Store": "a file of macOS",
        "x/Thumbs.db": "a file of Windows",
        "x/desktop.ini": "a file of Windows",
        "x/@eaDir": "a folder of Synology, which is not searched",
    }


def test_a_tree_without_end_is_one_failed_row(tmp_path, deep_folder):
    empty_files(tmp_path / "deep", "a.png")
    (deep_folder / "b.png").touch()
    entries = from_folder(tmp_path / "deep", tmp_path / "out")
    assert names(entries)[0] == "a.png"
    assert list(errors(entries).values()) == [
        "this folder cannot be read: it lies more than 100 folders deep"
    ]
    (entry,) = from_list([deep_folder / "b.png"])
    assert entry.error == "it lies more than 100 folders deep"
