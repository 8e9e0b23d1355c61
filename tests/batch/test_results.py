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
from operator import attrgetter

import numpy as np
import pytest

from busicli.batch.journal import CRASHED, MAX_CRASHES, open_journal
from busicli.batch.shards import ShardRecord, ShardRow, shard_rows, write_shard
from busicli.batch.tables import write_tables
from busicli.imaging.measure import lesions
from busicli.io.escaping import escape_csv_formula
from busicli.io.lesion_table import LESION_COLUMNS
from busicli.io.run_record import RunCounts
from busicli.io.scan_results import FrameLesion, ScanResult, journal_line
from tests.made_results import run_record

RECORD = ShardRecord(
    settings=run_record().settings,
    listing="",
    counts=RunCounts(ok=0, failed=0, skipped=0, inputs=0, pending=0),
    next="",
    start="",
    end="",
)


def row(scan: str, **values) -> ScanResult:
    """A result as the journal gives it back: not new."""
    return ScanResult(**{"scan": scan, "status": "ok", "new": False, **values})


def parsed(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


# --- the journal


def kept(path, key="key") -> dict[str, ScanResult]:
    """The rows of a's to c's scans that a run with this key would find."""
    names = ("a", "b", "c", "aü", "bü", "Müller/乳房\u2028.png")
    with open_journal(path, key) as journal:
        found = {name: journal.earlier(name) for name in names}
        return {name: journal.read(offset) for name, offset in found.items() if offset}


def written(path, *rows, key="key") -> list[ScanResult]:
    """The rows as they are read back while the journal is open."""
    with open_journal(path, key) as journal:
        offsets = [journal.append(row) for row in rows]
        return [journal.read(offset) for offset in reversed(offsets)][::-1]


def test_rows_come_back_by_position_and_later_by_scan_the_newest_of_each(tmp_path):
    path = tmp_path / "own" / "journal.jsonl"
    rows = [row("a", sha256="1"), row("Müller/乳房\u2028.png"), row("a", sha256="2")]
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
    given_up = row("a", status="failed", reason=CRASHED)
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
        rows = (ShardRow(at, row(f"{at}" * 1000)) for at in range(number, 6000, 60))
        write_shard(tmp_path / str(number), RECORD, rows)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(os.listdir("/proc/self/fd")) + 10  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        every = map(shard_rows, (tmp_path / str(number) for number in range(60)))
        found = [each.at for each in heapq.merge(*every, key=attrgetter("at"))]
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
    written(path, row("a"), row("b", status="failed"))
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
        file.write(line + b"\n" + journal_line(row("b")).encode() + b"\n")
    assert kept(path) == {"a": row("a"), "b": row("b")}


def test_rows_outlive_the_process_once_append_returns(tmp_path):
    path = tmp_path / "journal.jsonl"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from busicli.batch.journal import open_journal\n"
        "from busicli.io.scan_results import ScanResult\n"
        "with open_journal(Path(sys.argv[1]), 'key') as journal:\n"
        "    journal.append(ScanResult(scan='a', status='ok'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert kept(path) == {"a": row("a")}


# --- manifest and lesions


def measured(scan: str) -> ScanResult:
    """The result of a 5 x 8 scan with two lesions."""
    mask = np.zeros((5, 8), bool)
    mask[1:3, 1:4] = True
    mask[4, 6:] = True
    probability = np.where(mask, np.float32(0.75), np.float32(0.1))
    found = [FrameLesion(frame=1, lesion=lesion) for lesion in lesions(mask, probability)]
    return row(scan, lesions=tuple(found))


def test_the_manifest_counts_lesions_and_keeps_the_order(tmp_path):
    failed = row("é.png", status="failed", reason="is no image", new=True)
    write_tables(tmp_path, [measured("b.png"), failed, row("a.png")])
    text = (tmp_path / "manifest.jsonl").read_bytes().decode()
    first, second, third = map(json.loads, text.splitlines())
    assert (first["scan"], first["lesions"], first["new"]) == ("b.png", 2, False)
    assert second == {"scan": "é.png", "status": "failed", "reason": "is no image", "new": True}
    assert (third["scan"], third["lesions"]) == ("a.png", 0)
    assert "é.png" in text


def test_every_lesion_has_a_row(tmp_path):
    write_tables(tmp_path, [measured("b.png"), row("x", status="failed"), measured("a.png")])
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
    assert large["area_mm2"] == ""


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
