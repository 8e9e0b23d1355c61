import json
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from busicli.batch.shards import ShardRow, read_shard, shard_rows, write_shard
from tests.segmented import lasting_rows, results

PARTS = 6


@pytest.fixture(scope="module")
def ward(tmp_path_factory, scans) -> Path:
    """Two dozen phantoms with their masks, and a file that is broken."""
    folder = tmp_path_factory.mktemp("parts") / "ward"
    shutil.copytree(scans, folder)
    (folder / "benign" / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def parts(ward, start) -> Path:
    """All parts at once on one OUT, each a process of its own."""
    out = ward.parent / "out"
    running = [
        start("segment-dir", ward, out, "--part", f"{n}/{PARTS}", "--jobs", 1, cwd=ward.parent)
        for n in range(1, PARTS + 1)
    ]
    assert {process.wait() for process in running} <= {0, 3}
    return out


@pytest.fixture(scope="module")
def whole(ward, run) -> Path:
    """The same scans in one run."""
    out = ward.parent / "whole"
    assert run("segment-dir", ward, out, cwd=ward.parent).status == 3
    return out


def copied(parts: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(parts, tmp_path / "out"))


def test_merged_the_parts_are_the_whole_byte_for_byte(parts, whole, call, tree, tmp_path):
    out = copied(parts, tmp_path)
    ended = call("merge", out)
    assert ended.status == 3  # a scan failed
    assert f"{PARTS} parts: 24 scans segmented, 1 failed" in ended.out
    assert results(out, tree) == results(whole, tree)


def test_the_merged_record_counts_everything(parts, whole, call, tmp_path):
    out = copied(parts, tmp_path)
    call("merge", out)
    found, expected = (json.loads((d / "run.json").read_bytes()) for d in (out, whole))
    assert found.pop("parts") == PARTS
    for record in (found, expected):
        for name in ("id", "start", "end", "checksum"):
            del record[name]
    assert found == expected


def test_before_the_merge_there_are_no_tables(parts):
    assert not any((parts / name).exists() for name in ("manifest.jsonl", "lesions.csv"))


def test_missing_parts_are_named(parts, call, tmp_path):
    out = copied(parts, tmp_path)
    for number in (2, 4):
        (out / f".busicli/part-000{number}/part.json").unlink()
    ended = call("merge", out)
    assert ended.status == 1
    assert f"lacks 2 of {PARTS} parts (2, 4)" in ended.err
    assert not (out / "manifest.jsonl").exists()


def test_another_number_of_parts_is_refused(parts, ward, call):
    ended = call("segment-dir", ward, parts, "--part", "1/5")
    assert ended.status == 1
    assert f"is written in {PARTS} parts, not 5" in ended.err


def test_a_whole_run_and_parts_do_not_share_a_folder(parts, whole, ward, call):
    assert "holds a run in parts" in call("segment-dir", ward, parts).err
    assert "was not in parts" in call("segment-dir", ward, whole, "--part", f"1/{PARTS}").err


def test_a_folder_without_parts_is_not_merged(whole, call):
    ended = call("merge", whole)
    assert ended.status == 1
    assert "holds no parts" in ended.err


def test_parts_of_other_settings_do_not_fit(parts, ward, call, tmp_path):
    out = copied(parts, tmp_path)
    call("segment-dir", ward, out, "--part", f"3/{PARTS}", "--no-overlays")
    ended = call("merge", out)
    assert ended.status == 1
    assert "parts 1 and 3" in ended.err
    assert "other weights or settings" in ended.err


def test_parts_that_saw_other_scans_do_not_fit(parts, ward, call, tmp_path):
    out, more = copied(parts, tmp_path), tmp_path / "more"
    shutil.copytree(ward, more)
    shutil.copy(more / "benign" / "phantom-01.png", more / "new.png")
    call("segment-dir", more, out, "--part", f"2/{PARTS}")
    ended = call("merge", out)
    assert ended.status == 1
    assert "parts 1 and 2" in ended.err
    assert "saw other scans" in ended.err


def test_a_part_that_was_stopped_names_the_scan_it_stopped_at(parts, ward, call, tmp_path):
    out = copied(parts, tmp_path)
    part = out / ".busicli/part-0002"
    record = read_shard(part)
    counts = replace(record.counts, pending=2)
    record = replace(record, counts=counts, next="benign/phantom-07.png")
    (part / "part.json").write_text(json.dumps(record.to_json()))
    ended = call("merge", out)
    assert ended.status == 1
    assert "part 2" in ended.err
    assert "benign/phantom-07.png the first" in ended.err
    assert call("segment-dir", ward, out, "--part", f"2/{PARTS}").status in (0, 3)
    assert call("merge", out).status == 3


def test_a_part_that_is_damaged_is_named_and_run_again(parts, ward, call, tmp_path):
    out = copied(parts, tmp_path)
    rows_file = out / ".busicli/part-0002/rows.jsonl"
    rows_file.write_bytes(rows_file.read_bytes()[:-40])
    (out / ".busicli/part-0004/part.json").write_text("{}")
    assert (
        f"lacks 1 of {PARTS} parts (4), which have not ended or are damaged"
        in call("merge", out).err
    )
    assert call("segment-dir", ward, out, "--part", f"4/{PARTS}").status in (0, 3)
    ended = call("merge", out)
    assert ended.status == 1
    assert f"part 2/{PARTS} of {out} is damaged; run it again with --part." in ended.err
    assert not (out / "manifest.jsonl").exists()
    (out / ".busicli/parts.json").write_text("{")
    assert "parts.json of" in call("merge", out).err
    assert "parts.json of" in call("segment-dir", ward, out).err
    assert call("segment-dir", ward, out, "--part", f"2/{PARTS}").status in (0, 3)
    assert call("merge", out).status == 3


def test_a_merge_refuses_rows_that_are_missing_or_there_twice(parts, call, tmp_path):
    out = copied(parts, tmp_path)
    one, two = (out / f".busicli/part-000{number}" for number in (1, 2))
    record, found = read_shard(two), list(shard_rows(two))
    write_shard(two, record, found[:-1])
    assert "has other rows than its record counts" in call("merge", out).err
    write_shard(two, record, [*found[:-1], ShardRow(next(shard_rows(one)).at, found[-1].result)])
    assert "do not make up one run" in call("merge", out).err
    assert not (out / "manifest.jsonl").exists()
    write_shard(two, record, found)
    assert call("merge", out).status == 3


def test_a_part_killed_resumes_where_it_was(ward, whole, start, call, tmp_path):
    out = tmp_path / "out"
    process = start("segment-dir", ward, out, "--part", "1/1", "--jobs", 1, cwd=tmp_path)
    while not list(out.glob("masks/**/*.png")):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert "lacks 1 of 1 parts" in call("merge", out).err
    call("segment-dir", ward, out, "--part", "1/1")
    assert call("merge", out).status == 3
    assert lasting_rows(out) == lasting_rows(whole)
    assert not list(out.rglob(".busicli-*.tmp"))


def test_a_part_of_a_job_array(ward, call, monkeypatch, tmp_path):
    for name, value in {"ID": 2, "MIN": 1, "MAX": 2}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    ended = call("segment-dir", ward, "out", "--part", "slurm")
    assert "This was part 2 of 2" in ended.out
    assert Path("out/.busicli/part-0002/part.json").is_file()


def test_a_part_may_be_left_without_a_scan(call, ward, tmp_path):
    (tmp_path / "one").mkdir()
    shutil.copy(ward / "benign" / "phantom-01.png", tmp_path / "one")
    statuses = [call("segment-dir", "one", "out", "--part", f"{n}/3").status for n in (1, 2, 3)]
    assert statuses == [0, 0, 0]
    assert call("merge", "out").status == 0
    assert len(lasting_rows(Path("out"))) == 1


def test_a_part_removes_the_masks_of_its_scans_that_are_gone(call, scans, tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    for name in ("phantom-01.png", "phantom-02.png"):
        shutil.copy(scans / "benign" / name, source)
    part = ("segment-dir", source, "out", "--part", "1/1")
    call(*part)
    (source / "phantom-02.png").unlink()
    gone = "1 mask of earlier runs belongs to no scan of this one"
    assert f"{gone}: --prune removes such masks." in call(*part).out
    assert f"{gone}: removed." in call(*part, "--prune").out
    assert [path.name for path in (tmp_path / "out" / "masks").iterdir()] == ["phantom-01.png"]
