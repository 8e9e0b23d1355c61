import codecs
import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from busicli.cli.segment_inputs import listed_paths
from busicli.errors import UsageError
from tests.segmented import copied, lasting_rows


@pytest.fixture
def listed(monkeypatch, tmp_path):
    """The paths of a list on stdin, read in a folder that holds a.png and b/c d.png."""
    for name in ("a.png", "b/c d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)

    def read(data: bytes, *, nul: bool = False) -> list[str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return [str(path) for path in listed_paths(nul=nul)]

    return read


@pytest.mark.parametrize(
    "data",
    [
        b"a.png\nb/c d.png\n",
        b"a.png\r\n\r\nb/c d.png\r\n",
        codecs.BOM_UTF8 + b"a.png\r\nb/c d.png",
        "a.png\r\nb/c d.png\r\n".encode("utf-16"),  # PowerShell's >
        b'"a.png"\r\n"b/c d.png"\r\n',
        b"a.png   \nb\\c d.png  \n",
        b"./a.png\n.\\b\\c d.png\n",
        b"a.png\rb/c d.png\r",  # of old Macs
        b"a.png\n" + codecs.BOM_UTF8 + b"b/c d.png\n",  # two lists in one
    ],
)
def test_lists_of_windows_and_powershell_are_read(listed, data):
    assert [Path(name) for name in listed(data)] == [Path("a.png"), Path("b/c d.png")]


def test_a_name_is_kept_where_there_is_a_file_of_it(listed, tmp_path):
    for name in ("x.png\r", " y.png", codecs.BOM_UTF8.decode() + "z.png", "a\\b.png"):
        (tmp_path / name).touch()
    assert listed(b"x.png\r\n y.png\na\\b.png\n") == ["x.png\r", " y.png", "a\\b.png"]
    assert listed(codecs.BOM_UTF8 + b"z.png\n") == ["\ufeffz.png"]


def test_a_name_that_is_not_there_loses_its_line_end_alone(listed):
    assert listed(b"gone 1.png \r\nback\\slash.png\n") == ["gone 1.png ", "back\\slash.png"]


def test_nul_separates_where_it_is_said_and_is_wrong_usage_elsewhere(listed):
    assert listed(b"a.png\0b\nc.png\0", nul=True) == ["a.png", "b\nc.png"]
    with pytest.raises(UsageError, match="give -0 if they separate the paths"):
        listed(b"a.png\0b.png\0")


def test_paths_come_from_stdin_by_lines_or_by_nul(segment, scans, tmp_path, tree):
    few = copied(scans, tmp_path / "few", 3)
    outside = scans / "benign" / "phantom-05.png"
    shutil.copy(few / "phantom-03.png", few / "a b\nc.png")
    nul = f"few/phantom-03.png\0few/a b\nc.png\0{outside}\0few/gone.png\0./few/phantom-03.png\0"
    ended = segment("-", "by-nul", "-0", "--json", stdin=nul.encode())
    assert ended.status == 3  # one is missing
    rows = [json.loads(line) for line in ended.out.splitlines()]
    # in the order given, one listed twice counting once, one from outside by its whole path
    assert [(row["scan"], row["status"]) for row in rows] == [
        ("few/phantom-03.png", "ok"),
        ("few/a b%0Ac.png", "ok"),
        (str(outside).lstrip("/"), "ok"),
        ("few/gone.png", "failed"),
    ]
    assert "few/a b\nc.png" in {name.removeprefix("masks/") for name in tree(tmp_path / "by-nul")}
    lines = segment("-", "by-line", stdin=b"few/phantom-03.png\n\nfew/a b\n")
    assert lines.status == 3
    assert [row["scan"] for row in lasting_rows(tmp_path / "by-line")] == [
        "few/phantom-03.png",
        "few/a b",
    ]


def test_the_same_scans_under_other_names_are_reported(segment, scans, tmp_path):
    copied(scans, tmp_path / "few", 3)
    name = "few/phantom-03.png"
    assert "other names" not in segment("-", "out", stdin=name.encode()).err
    ended = segment("few", "out")
    assert "out holds results of 1 of these scans under other names" in ended.err
    assert f"such as {name} for phantom-03.png; give the same SCANS" in ended.err
    ended = segment("-", "out", "--root", "few", stdin=name.encode())
    assert [row["scan"] for row in lasting_rows(tmp_path / "out")] == ["phantom-03.png"]
    assert "other names" not in ended.err
    wrong = segment("few", "out", "--root", "few")
    assert (wrong.status, "--root is for paths on stdin" in wrong.err) == (2, True)


def test_an_empty_list_is_nothing_to_do_and_an_empty_or_missing_folder_is_an_error(
    segment, tmp_path
):
    ended = segment("-", "out", stdin=b"\n")
    assert (ended.status, ended.err, list(tmp_path.iterdir())) == (0, "", [])
    assert ended.out == "The list on stdin is empty: nothing to do.\n"
    ended = segment("-", "out", "--json", stdin=b"")
    assert (ended.status, ended.out) == (0, "")  # no row
    assert "nothing to do" in ended.err
    ended = segment("-", "out", stdin=b"nowhere_mask.png\n")
    assert (ended.status, (tmp_path / "out").exists()) == (3, True)  # asked for, and not there
    (tmp_path / "mount").mkdir()
    for folder, reason in (
        ("mount", "is empty and holds no scan"),
        ("nowhere", "there is no folder"),
    ):
        ended = segment(folder, "other")
        assert (ended.status, reason in ended.err) == (1, True)


def test_out_inside_the_scans_is_not_searched(segment, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3, 14)
    for _ in range(2):
        assert segment("few", "few/out").status == 0
        assert [row["scan"] for row in lasting_rows(few / "out")] == [
            "phantom-03.png",
            "phantom-14.png",
        ]


def test_out_that_is_the_folder_of_the_scans_is_refused(segment, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3)
    ended = segment("few", few)
    assert ended.status == 1
    assert "few is to be read and written" in ended.err
    assert [path.name for path in few.iterdir()] == ["phantom-03.png"]


@pytest.mark.parametrize("make", [lambda p: None, Path.mkdir])
def test_no_folder_or_an_empty_one_is_refused(segment, tmp_path, make):
    make(tmp_path / "scans")
    ended = segment("scans", "out")
    assert ended.status == 1
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_without_any_image_is_no_success(segment, tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "notes.txt").write_text("no scan")
    ended = segment("scans", "out")
    assert ended.status == 1
    assert "scans holds no scan" in ended.err
    assert json.loads((tmp_path / "out" / "run.json").read_text())["exit_status"] == 1


def test_results_are_not_taken_for_scans(segment, scans, tmp_path):
    assert segment(copied(scans, tmp_path / "scans", 1), "out").status == 0
    ended = segment("out", "again")
    assert (ended.status, "out holds results of busicli" in ended.err) == (1, True)
