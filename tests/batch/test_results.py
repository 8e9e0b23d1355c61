import csv
import heapq
import io
import json
import math
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
from busicli.evaluation.summary import by, per_image_csv, size_class, summarise, trust, unobjected
from busicli.imaging.measure import lesions
from busicli.io.escaping import escape_csv_formula
from busicli.io.output_paths import OutputPaths, image_path
from busicli.types import ImageScore, LesionMm

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
    assert parsed(per_image_csv([score(name, 1.0)]))[0]["case"] == f"'{name}"


@pytest.mark.parametrize("name", ["a=1", "", "'=1", "1-2"])
def test_other_cells_stay(name):
    assert escape_csv_formula(name) == name


# --- scores


def score(case: str, dice: float, **values) -> ImageScore:
    defaults = {
        "dataset": "busi",
        "label": "benign",
        "group": abs(hash(case)) % 1000,
        "iou": dice,
        "hd95_px": NAN if math.isnan(dice) or dice == 0 else 2.0,
        "lesions": 1,
        "missed_lesions": int(dice == 0),
        "reference_area_px": 50,
        "predicted_area_px": 0 if dice == 0 else 50,
        "scan_px": 1000,
    }
    return ImageScore(case=case, dice=dice, **(defaults | values))


def normal(case: str, predicted_area_px: int, **values) -> ImageScore:
    empty = {"label": "normal", "lesions": 0, "missed_lesions": 0, "reference_area_px": 0}
    dice = 0.0 if predicted_area_px else NAN
    return score(case, dice, predicted_area_px=predicted_area_px, **(empty | values))


SCORES = [
    score("a", 0.75, group=1),
    score("b", 0.25, group=2, lesions=3, missed_lesions=2),
    score("c", 0.0, group=3, label="malignant"),
    normal("d", 0, group=4),
    normal("e", 9, group=5, dataset="mine"),
]


def test_the_mean_dice_is_over_scans_with_a_lesion():
    found = summarise(SCORES)
    assert (found["scans"], found["scans_with_lesion"]) == (5, 3)
    assert (found["dice"]["mean"], found["dice"]["scans"]) == (pytest.approx(1 / 3), 3)
    assert found["iou"]["mean"] == pytest.approx(1 / 3)


def test_two_empty_masks_count_as_one_in_a_row_of_their_own():
    # 0.75, 0.25, 0, 1 for the two empty masks of d, and 0 for the false mask of e.
    assert summarise(SCORES)["dice_empty_is_1"]["mean"] == pytest.approx(0.4)


def test_hd95_says_how_many_scans_it_leaves_out():
    found = summarise(SCORES)
    assert (found["hd95_px"]["mean"], found["hd95_px"]["scans"]) == (2.0, 2)
    assert found["hd95_left_out"] == 1  # c has a lesion and no prediction


def test_lesions_and_false_masks_are_counted():
    found = summarise(SCORES)
    assert (found["lesions"], found["missed_lesions"]) == (5, 3)
    assert found["lesion_scans_with_empty_mask"] == 1
    assert (found["normals"], found["normals_with_false_mask"]) == (2, 1)


def test_lesions_beyond_the_first_are_counted_in_scans_with_several():
    # b has 3 lesions of which 1 is found: none beyond it. f has 4 of which 3 are found: 2 of 3.
    found = summarise([*SCORES, score("f", 0.5, lesions=4, missed_lesions=1)])
    assert found["scans_with_several_lesions"] == 2
    assert (found["further_lesions"], found["further_lesions_found"]) == (5, 2)
    missed = summarise([score("g", 0.0, lesions=2, missed_lesions=2)])
    assert (missed["further_lesions"], missed["further_lesions_found"]) == (1, 0)


def test_scans_with_an_objection_can_be_left_out():
    objected = score("f", 0.5, objection="axilla")
    assert unobjected([*SCORES, objected]) == SCORES


def test_no_scans_have_no_metrics():
    found = summarise([])
    assert found["dice"] == {"mean": None, "low": None, "high": None, "scans": 0}
    assert found["scans"] == 0
    json.dumps(found, allow_nan=False)


def test_metrics_can_be_written_as_json_without_nan():
    json.dumps(summarise(SCORES), allow_nan=False)
    json.dumps(by(SCORES, lambda s: s.label), allow_nan=False)


def test_scores_are_summed_up_by_class_and_by_data_set():
    labels = by([*SCORES, score("f", 1.0, label="")], lambda s: s.label)
    assert {name: found["scans"] for name, found in labels.items()} == {
        "unknown": 1,
        "benign": 2,
        "malignant": 1,
        "normal": 2,
    }
    assert labels["benign"]["dice"]["mean"] == 0.5
    assert {name: found["scans"] for name, found in by(SCORES, lambda s: s.dataset).items()} == {
        "busi": 4,
        "mine": 1,
    }


def test_lesions_are_classed_by_their_share_of_the_scan():
    shares = [0, 10, 29, 30, 70, 130, 900]
    sizes = [size_class(score("a", 1.0, reference_area_px=px, scan_px=1000)) for px in shares]
    assert sizes == [
        "no lesion",
        *["below 3 %"] * 2,
        "3 to 7 %",
        "7 to 13 %",
        *["over 13 %"] * 2,
    ]


def test_trust_counts_the_bad_masks_and_those_that_review_finds():
    scores = [
        score("fine", 0.7, confidence=0.9),
        score("poor", 0.69, confidence=0.2, review=True),
        score("missed", 0.0, confidence=0.8),
        normal("right", 0, confidence=0.7),
        normal("false", 9, confidence=0.1, review=True),
    ]
    # Bad: 0.2, 0.8, 0.1; good: 0.9, 0.7. Of the six pairs the bad one is lower in five.
    assert trust(scores) == {
        "bad_masks": 3,
        "auc": pytest.approx(5 / 6),
        "flagged": 2,
        "flagged_share": 0.4,
        "bad_flagged": 2,
    }


@pytest.mark.parametrize(
    "scores",
    [[], [score("all good", 1.0, confidence=0.5)], [score("a", 0.1), score("no word", 0.9)]],
)
def test_trust_without_anything_to_tell_apart_has_no_metric(scores):
    found = trust(scores)
    assert found["auc"] is None
    json.dumps(found, allow_nan=False)


def test_each_image_has_a_row_and_what_is_undefined_an_empty_cell():
    table = parsed(per_image_csv([score("a, b", 2 / 3, seen="near copy"), normal("d", 0)]))
    assert [r["case"] for r in table] == ["a, b", "d"]
    assert (table[0]["class"], table[0]["dice"], table[0]["seen"]) == (
        "benign",
        "0.666667",
        "near copy",
    )
    assert (table[1]["dice"], table[1]["iou"], table[1]["hd95_px"]) == ("", "", "")
    assert (table[1]["lesions"], table[1]["reference_area_px"]) == ("0", "0")
