"""The journal survives whatever ends a run."""

import json
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from busicli.batch.journal import CRASHED, MAX_CRASHES, open_journal
from busicli.io.checksums import checksum_line
from busicli.io.scan_results import ScanResult, journal_line


def row(scan: str, **values) -> ScanResult:
    """A result as the journal gives it back: not new."""
    return ScanResult(**{"scan": scan, "status": "ok", "new": False, **values})


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
        file.write(line + b"\n" + checksum_line(journal_line(row("b"))))
    assert kept(path) == {"a": row("a"), "b": row("b")}


@pytest.mark.parametrize("name", ["../scans/x.png", "/scans/x.png", "", ".", "a/../../x", None, 5])
def test_names_that_lead_out_of_the_folder_are_passed_over(tmp_path, name):
    path = tmp_path / "journal.jsonl"
    notes = ({"key": "key"}, {"made": name}, {"started": name}, {"scan": name, "status": "ok"})
    path.write_bytes(b"".join(checksum_line(json.dumps(note)) for note in notes))
    for key in ("key", "other"):
        with open_journal(path, key) as journal:
            assert journal.scans() == set()
            assert journal.has_results("a")  # damage was seen, so any scan may have files


def test_a_result_that_is_none_counts_as_none(tmp_path):
    path = tmp_path / "journal.jsonl"
    notes = ({"key": "key"}, {"scan": "a", "status": "ok", "masks": [{"frame": "1"}]})
    path.write_bytes(b"".join(checksum_line(json.dumps(note)) for note in notes))
    with open_journal(path, "key") as journal:
        assert journal.earlier_result("a") is None
        assert journal.has_results("a")


def test_no_bit_of_a_journal_can_change_what_is_read_from_it(tmp_path):
    path = tmp_path / "journal.jsonl"
    rows = {"aü": row("aü", sha256="1"), "bü": row("bü", sha256="2")}
    written(path, *rows.values())
    data = path.read_bytes()
    for position in range(0, 8 * len(data), 13):  # each byte twice at most, any of its bits
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        path.write_bytes(changed)
        found = kept(path)
        assert found.items() <= rows.items()
        assert len(found) < 2 or changed[position // 8] in b"\n "  # nothing was lost: a line's end
        with open_journal(path, "key") as journal:  # whatever was lost may have had files
            assert all(journal.has_results(name) for name in rows)


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
