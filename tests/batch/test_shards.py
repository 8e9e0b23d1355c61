from collections import Counter
from pathlib import PurePosixPath

import pytest

from busicli.batch.shards import Shard, parse_shard
from busicli.errors import UsageError

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
