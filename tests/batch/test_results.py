import csv
import heapq
import io
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, fields
from operator import itemgetter
from pathlib import PurePosixPath

import numpy as np
import pytest

from busicli.batch.journal import CRASHED, MAX_CRASHES, open_journal
from busicli.batch.shards import ShardRecord, shard_rows, write_shard
from busicli.batch.tables import LESION_COLUMNS, write_tables
from busicli.imaging.measure import lesions
from busicli.io.escaping import escape_csv_formula
from busicli.io.output_paths import OutputPaths, image_path
from busicli.types import LesionMm

NAN = float("nan")
RECORD = ShardRecord(settings={}, listing="", counts={}, next="", start="", end="")


def row(scan: str, **values) -> dict:
    return {"scan": scan, "status": "ok", "reason": "", **values}


def parsed(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


# --- the journal


def kept(path, key="key") -> dict[str, dict]:
    """The rows of a's to c's scans that a run with this key would find."""
    names = ("a", "b", "c", "aü", "bü", "Müller/乳房\u2028.png")
    with open_journal(path, key) as journal:
        found = {name: journal.earlier(name) for name in names}
        return {name: journal.read(offset) for name, offset in found.items() if offset}


def written(path, *rows, key="key") -> list[dict]:
    """The rows as they are read back while the journal is open."""
    with open_journal(path, key) as journal:
        offsets = [journal.append(row) for row in rows]
        return [journal.read(offset) for offset in reversed(offsets)][::-1]


def test_rows_come_back_by_position_and_later_by_scan_the_newest_of_each(tmp_path):
    path = tmp_path / "own" / "journal.jsonl"
    rows = [row("a", n=1), row("Müller/乳房\u2028.png"), row("a", n=2)]
    assert written(path, *rows) == rows
    assert kept(path) == {"a": rows[2], "Müller/乳房\u2028.png": rows[1]}


def test_a_scan_that_was_started_and_left_no_row_was_under_way_at_a_crash(tmp_path):
    path = tmp_path / "journal.jsonl"
    with open_journal(path, "key") as journal:
        journal.begin(["a", "b"])
        journal.append(row("a"))
        as_killed = path.read_bytes()
    path.write_bytes(as_killed)
    with open_journal(path, "key") as journal:
        assert (journal.crash_count("a"), journal.crash_count("b")) == (0, 1)
        journal.begin(["b"])
        as_killed = path.read_bytes()
    path.write_bytes(as_killed)
    with open_journal(path, "key") as journal:
        assert journal.crash_count("b") == 2
        journal.begin(["b"])
    with open_journal(path, "key") as journal:  # left in good order, if not done
        assert not journal.any_crashes()


def test_a_scan_that_was_given_up_is_tried_again_and_given_up_by_one_more_crash(tmp_path):
    path = tmp_path / "journal.jsonl"
    given_up = {"scan": "a", "status": "failed", "reason": CRASHED}
    written(path, given_up)
    with open_journal(path, "key") as journal:
        assert journal.crash_count("a") == MAX_CRASHES - 1
        journal.begin(["a"])
        as_killed = path.read_bytes()
    path.write_bytes(as_killed)
    with open_journal(path, "key") as journal:
        assert journal.crash_count("a") == MAX_CRASHES
        journal.append(given_up)
    with open_journal(path, "key") as journal:
        assert journal.crash_count("a") == MAX_CRASHES - 1
        journal.append(row("a"))
    with open_journal(path, "key") as journal:
        assert journal.crash_count("a") == 0


@pytest.mark.parametrize("under_way", ["begin", "send"])
def test_what_was_under_way_may_have_been_written(tmp_path, under_way):
    path = tmp_path / "journal.jsonl"
    with open_journal(path, "key") as journal:
        getattr(journal, under_way)(["a"])
    with open_journal(path, "key") as journal:
        assert [journal.has_results(name) for name in "ab"] == [True, False]
        assert journal.crash_count("a") == 0


def test_more_parts_are_merged_than_files_may_be_open(tmp_path):
    for number in range(60):
        rows = ({"at": at, "scan": f"{at}" * 1000} for at in range(number, 6000, 60))
        write_shard(tmp_path / str(number), RECORD, rows)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(os.listdir("/proc/self/fd")) + 10  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        every = map(shard_rows, (tmp_path / str(number) for number in range(60)))
        found = [row["at"] for row in heapq.merge(*every, key=itemgetter("at"))]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == list(range(6000))


@pytest.mark.parametrize(
    ("error", "crash_count"), [(MemoryError, 1), (RuntimeError, 1), (OSError, 0)]
)
def test_an_error_at_a_scan_counts_as_a_crash_and_a_full_disk_does_not(
    tmp_path, error, crash_count
):
    path = tmp_path / "journal.jsonl"
    with suppress(error), open_journal(path, "key") as journal:
        journal.begin(["a"])
        raise error
    with open_journal(path, "key") as journal:
        assert journal.crash_count("a") == crash_count


def test_a_journal_knows_of_what_runs_with_other_keys_made(tmp_path):
    path = tmp_path / "journal.jsonl"
    written(path, row("a"), {"scan": "b", "status": "failed"})
    for key in ("other", "another"):
        with open_journal(path, key) as journal:
            assert [journal.has_results(name) for name in "abc"] == [True, False, False]
            assert journal.earlier("a") is None


def test_a_run_resumes_in_the_journal_of_its_key(tmp_path):
    path = tmp_path / "journal.jsonl"
    written(path, row("a"))
    assert written(path, row("b")) == [row("b")]
    assert kept(path) == {"a": row("a"), "b": row("b")}


def test_no_journal_and_one_of_another_key_hold_nothing(tmp_path):
    path = tmp_path / "journal.jsonl"
    assert kept(path) == {}
    written(path, row("a"))
    assert kept(path, "other") == {}
    assert kept(path) == {}  # the other run began it again


def test_a_journal_cut_anywhere_loses_only_what_was_cut(tmp_path):
    # Also within a character of several bytes, as "ü" here.
    path = tmp_path / "journal.jsonl"
    written(path, row("aü"), row("bü"))
    data = path.read_bytes()
    ends = [n + 1 for n, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        whole = sum(end - 1 <= cut for end in ends)  # the line's end itself may be missing
        assert list(kept(path)) == ["aü", "bü"][: max(0, whole - 1)]
        assert written(path, row("c")) == [row("c")]
        assert list(kept(path)) == ["c", *["aü", "bü"][: max(0, whole - 1)]]


@pytest.mark.parametrize("line", [b"", b"5", b'"scan"', b"[1]", b"{}", b"\xff\x00", b'{"scan'])
def test_lines_of_rubbish_are_passed_over(tmp_path, line):
    path = tmp_path / "journal.jsonl"
    written(path, row("a"))
    with path.open("ab") as file:
        file.write(line + b"\n" + json.dumps(row("b")).encode() + b"\n")
    assert kept(path) == {"a": row("a"), "b": row("b")}


def test_rows_outlive_the_process_once_append_returns(tmp_path):
    path = tmp_path / "journal.jsonl"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from busicli.batch.journal import open_journal\n"
        "with open_journal(Path(sys.argv[1]), 'key') as journal:\n"
        "    journal.append({'scan': 'a'}); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert kept(path) == {"a": {"scan": "a"}}


# --- where results stand


@pytest.mark.parametrize(
    ("scan", "frame", "frames", "image"),
    [
        ("a/x.png", 1, 1, "a/x.png"),
        ("a/x.PNG", 1, 1, "a/x.PNG.png"),
        ("x.jpg", 1, 1, "x.jpg.png"),
        ("x", 1, 1, "x.png"),
        ("x.tif", 1, 2, "x.tif/0001.png"),
        ("x.png", 12345, 12345, "x.png/12345.png"),
    ],
)
def test_a_results_position_follows_from_the_scans(tmp_path, scan, frame, frames, image):
    assert str(image_path(PurePosixPath(scan), frame, frames)) == image
    paths = OutputPaths(tmp_path)
    assert paths.mask(PurePosixPath(scan), frame, frames) == tmp_path / "masks" / image
    assert paths.overlay(PurePosixPath(scan), frame, frames) == tmp_path / "overlays" / image
    assert paths.own == tmp_path / ".busicli"


# --- manifest and lesions


def measured(scan: str) -> dict:
    """A row as a run makes it, of a 5 x 8 scan with two lesions, after its way through JSON."""
    mask = np.zeros((5, 8), bool)
    mask[1:3, 1:4] = True
    mask[4, 6:] = True
    probability = np.where(mask, np.float32(0.75), np.float32(0.1))
    none = {field.name: None for field in fields(LesionMm)}
    found = [{"frame": 1, **asdict(lesion), **none} for lesion in lesions(mask, probability)]
    return json.loads(json.dumps(row(scan, lesions=found)))


def test_the_manifest_counts_lesions_and_keeps_the_order(tmp_path):
    failed = {"scan": "é.png", "status": "failed", "reason": "is no image"}
    rows = [measured("b.png"), failed, row("a.png", lesions=[])]
    write_tables(tmp_path, rows)
    text = (tmp_path / "manifest.jsonl").read_bytes().decode()
    assert [json.loads(line) for line in text.splitlines()] == [
        row("b.png", lesions=2),
        failed,
        row("a.png", lesions=0),
    ]
    assert "é.png" in text
    assert len(rows[0]["lesions"]) == 2


def test_every_lesion_has_a_row(tmp_path):
    rows = [measured("b.png"), {"scan": "x", "status": "failed"}, measured("a.png")]
    write_tables(tmp_path, rows)
    table = parsed((tmp_path / "lesions.csv").read_bytes())
    assert tuple(table[0]) == LESION_COLUMNS
    assert [(r["scan"], r["lesion"]) for r in table] == [
        ("b.png", "1"),
        ("b.png", "2"),
        ("a.png", "1"),
        ("a.png", "2"),
    ]
    large, small = table[:2]
    # Rows 1 to 2 and columns 1 to 3: middle at row 1.5, column 2.
    assert (large["area_px"], large["bbox"], large["centroid"]) == ("6", "1 1 3 4", "1.5 2")
    assert (large["mean_probability"], large["touches_border"]) == ("0.75", "false")
    assert (small["bbox"], small["touches_border"]) == ("4 6 5 8", "true")


def test_a_run_without_lesions_has_a_table_of_its_columns(tmp_path):
    write_tables(tmp_path, [])
    assert (tmp_path / "lesions.csv").read_text() == ",".join(LESION_COLUMNS) + "\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\ta", "\ra"])
def test_text_that_a_spreadsheet_would_run_is_made_plain(text):
    assert escape_csv_formula(text) == f"'{text}"


@pytest.mark.parametrize("name", ["=1+1.png", "@a.png"])
def test_no_name_in_a_table_is_run_by_a_spreadsheet(tmp_path, name):
    write_tables(tmp_path, [measured(name)])
    assert parsed((tmp_path / "lesions.csv").read_bytes())[0]["scan"] == f"'{name}"


@pytest.mark.parametrize("name", ["a=1", "", "'=1", "1-2"])
def test_other_cells_stay(name):
    assert escape_csv_formula(name) == name
