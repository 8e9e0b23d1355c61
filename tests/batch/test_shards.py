import heapq
import os
import resource
from collections import Counter
from operator import attrgetter
from pathlib import PurePosixPath

import pytest

from busicli.batch.shards import (
    Shard,
    ShardRecord,
    ShardRow,
    parse_shard,
    read_shard,
    shard_rows,
    write_shard,
)
from busicli.errors import UsageError
from busicli.io.run_record import RunCounts
from busicli.io.scan_results import ScanResult
from tests.made_results import run_record

RECORD = ShardRecord(
    settings=run_record().settings,
    listing="",
    counts=RunCounts(ok=0, failed=0, skipped=0, inputs=0, pending=0),
    next="",
    start="",
    end="",
)
SCANS = [PurePosixPath(f"ward {n % 7}/scan-{n}.png") for n in range(3000)]


def array(task: int, first: int, last: int, step: int = 1, count: int | None = None) -> dict:
    found = {"ID": task, "MIN": first, "MAX": last, "STEP": step, "COUNT": count}
    return {f"SLURM_ARRAY_TASK_{k}": str(v) for k, v in found.items() if v is not None}


def test_every_scan_is_in_one_part_and_the_parts_are_alike():
    shards = [Shard(number=n, of=10) for n in range(1, 11)]
    owners = [[shard.number for shard in shards if shard.holds(scan)] for scan in SCANS]
    assert {len(owner) for owner in owners} == {1}
    sizes = Counter(owner[0] for owner in owners)
    assert len(sizes) == 10
    # 300 each on average; a binomial's standard deviation is 16
    assert all(220 < size < 380 for size in sizes.values())


def test_a_scans_part_does_not_depend_on_the_others():
    shard = Shard(number=3, of=7)
    assert [shard.holds(s) for s in SCANS[:100]] == [shard.holds(s) for s in SCANS][:100]


def test_one_part_holds_all():
    assert all(Shard(number=1, of=1).holds(scan) for scan in SCANS)


def test_a_name_that_is_not_utf8_has_its_part():
    assert Shard(number=1, of=1).holds(PurePosixPath("caf\udce9.png"))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (array(1, 1, 10), Shard(number=1, of=10)),
        (array(0, 0, 3), Shard(number=1, of=4)),
        (array(9, 1, 9, step=2, count=5), Shard(number=5, of=5)),
    ],
)
def test_slurms_variables_tell_the_part(environment, expected):
    assert parse_shard("slurm", environment) == expected


@pytest.mark.parametrize(
    ("text", "environment", "sentence"),
    [
        *((text, {}, "must be I/N") for text in ("0/3", "4/3", "1", "a/b", "1/0", "-1/3", "")),
        ("slurm", {}, "needs the variables"),
        ("slurm", {**array(1, 1, 3), "SLURM_ARRAY_TASK_MAX": "x"}, "needs the variables"),
        ("slurm", array(1, 1, 3, step=0), "needs the variables"),
        ("slurm", array(5, 1, 6, count=3), "even steps"),  # --array=1,5,6
    ],
)
def test_other_parts_are_wrong_usage(text, environment, sentence):
    with pytest.raises(UsageError, match=sentence):
        parse_shard(text, environment)


def test_more_parts_are_merged_than_files_may_be_open(tmp_path):
    for number in range(60):
        rows = (
            ShardRow(at, ScanResult(scan=f"{at}" * 1000, status="ok"))
            for at in range(number, 6000, 60)
        )
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


def test_a_part_that_has_ended_is_read_back(tmp_path):
    assert read_shard(tmp_path) is None
    rows = [ShardRow(4, ScanResult(scan="a\tb", status="ok", new=False))]
    write_shard(tmp_path, RECORD, rows)
    assert read_shard(tmp_path) == RECORD
    assert list(shard_rows(tmp_path)) == rows
