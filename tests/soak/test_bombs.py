"""A night with bombs among its scans, on a machine with little memory."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.soak.bombs import BOMBS, png_pixels

MEMORY = 1_500_000_000
GROUPS = Path("/sys/fs/cgroup")


@pytest.fixture
def confined() -> Iterator[Callable[[], None]]:
    """What a new process calls to have so much memory: a control group, else a limit of its own."""
    group = next((path for path in (GROUPS / "memory", GROUPS) if path.is_dir()), GROUPS)
    group /= "busicli-bombs"
    limit = group / ("memory.limit_in_bytes" if group.parent.name == "memory" else "memory.max")
    try:
        group.mkdir()
        limit.write_text(str(MEMORY))
    except OSError:
        yield lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        return
    try:
        yield lambda: (group / "cgroup.procs").write_text("0") and None
    finally:
        group.rmdir()


@pytest.mark.parametrize("jobs", ["1", "-1"])
def test_bombs_fail_by_themselves_and_every_healthy_scan_is_segmented(
    confined, scans, tmp_path, jobs
):
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, path in enumerate(sorted(scans.glob("*/*.png"))):
        if "_mask" not in path.stem:
            (folder / f"{number:02d}-{path.name}").symlink_to(path)
    for number, (name, make) in enumerate(BOMBS.items()):
        (folder / f"{3 * number:02d}-{name}").write_bytes(make())
    (folder / "50-allowed.png").write_bytes(png_pixels())  # needs nearly all of the memory
    command = [sys.executable, "-m", "busicli", "segment-dir", "scans", "out", "--timeout", "3"]
    with (
        (tmp_path / "err").open("w+") as err,
        subprocess.Popen(
            [*command, "--json", "--jobs", jobs],
            cwd=tmp_path,
            preexec_fn=confined,
            stdout=subprocess.PIPE,
            stderr=err,
        ) as process,
    ):
        arrived = [(time.monotonic(), json.loads(line)) for line in process.stdout]
    said = (tmp_path / "err").read_text()
    assert process.returncode == 3, said
    assert "Traceback" not in said
    rows = [row for _, row in arrived if row["scan"] != "50-allowed.png"]
    failed = {row["scan"][3:] for row in rows if row["status"] == "failed"}
    assert failed == set(BOMBS)
    assert sum(row["status"] == "ok" for row in rows) == 24
    waits = [later - before for (before, _), (later, _) in pairwise(arrived)]
    assert max(waits) < 10
