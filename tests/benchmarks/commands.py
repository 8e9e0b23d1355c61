"""Whole processes, as a user starts them."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process cost."""

    wall_s: float
    core_s: float
    peak_mb: float


def spent(arguments: Sequence[str | Path], cores: int | None = None) -> Spent:
    """Run busicli in a process of its own, on the first `cores` alone if given.

    Its output is thrown away; it must succeed.
    """
    command = [sys.executable, "-m", "busicli", *map(str, arguments)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if cores:
        os.sched_setaffinity(process.pid, range(cores))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def start_up(scan: Path, scratch: Path) -> dict[str, float]:
    """Seconds to help, and to the first mask of one scan in a process that begins cold."""
    one = scratch / "one"
    one.mkdir()
    (one / "scan.png").symlink_to(scan)
    helps = [spent(["--help"]).wall_s for _ in range(REPEATS)]
    masks = [spent(["segment-dir", one, scratch / f"out-{n}"]).wall_s for n in range(REPEATS)]
    return {"help_s": median(helps), "first_mask_s": median(masks)}


def preparing(dataset: Path, scratch: Path) -> dict[str, float]:
    """Two workers of `preprocess` against one; interleaved, so that a machine that slows down slows
    both.
    """
    prepare = ["preprocess", dataset, "--out", scratch / "data", "--jobs"]
    one, two = [], []
    for _ in range(REPEATS):
        one.append(spent([*prepare, "1"]).wall_s)
        two.append(spent([*prepare, "2"]).wall_s)
    return {"preprocess_2_workers_against_1": median(one) / median(two)}


def linked(scans: list[Path], count: int, folder: Path) -> Path:
    """A folder of `count` links to the scans, some to the same."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05d}.png").symlink_to(scans[number % len(scans)])
    return folder
