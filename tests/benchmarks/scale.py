"""What more workers bring, and what a scheduler bears; by hand, not in a test.

python -m tests.benchmarks.scale DATASET... [--scans 1000000]

First every scan of the data sets by one worker of one thread and by two: as parts without a
server, and on a Dask cluster of this machine. Then so many scans that take no time through the
same scheduler, as many a task and as many tasks under way as `segment-dir --cluster` sends. Run it
on two cores that do nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from busicli.batch.cluster import task_size
from busicli.parallel.dask import ClusterRequest, connected, ordered_map_on
from tests.benchmarks.commands import ROOT, linked
from tests.dask_processes import Dask

WORKERS = 2
THREADS, QUARTERS = 32, 4
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def main() -> None:
    """Measure, print, write benchmarks/scale.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--scans", type=int, default=1_000_000)
    given = parser.parse_args()
    scans = [
        path.resolve()
        for dataset in given.datasets
        for path in sorted(dataset.rglob("*.png"))
        if "mask" not in path.as_posix().lower()
    ]
    figures: dict[str, float] = {"scans": len(scans)}
    with tempfile.TemporaryDirectory() as scratch:
        folder = linked(scans, len(scans), Path(scratch) / "scans")
        figures |= of_parts(folder, Path(scratch))
        figures |= on_dask(folder, Path(scratch))
        figures |= of_scheduler(given.scans, Path(scratch))
    for name, value in figures.items():
        print(f"{name:46} {value:.4g}")
    out = ROOT / "benchmarks" / "scale.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n")


def of_parts(folder: Path, scratch: Path) -> dict[str, float]:
    """`--part 1/1` by one process against `--part 1/2` and `2/2` by two at once; merged, both."""
    walls = {}
    for workers in (1, WORKERS):
        out = scratch / f"parts-{workers}"
        shares = [f"{number}/{workers}" for number in range(1, workers + 1)]
        parts = [("segment-dir", folder, out, "--part", share, "--jobs", "1") for share in shares]
        walls[workers] = _seconds(lambda parts=parts: _all(*parts))
        walls[workers] += _seconds(lambda out=out: _all(("merge", out)))
    return _compared("parts", walls)


def on_dask(folder: Path, scratch: Path) -> dict[str, float]:
    """`--cluster` on one worker process and on two."""
    walls = {}
    for workers in (1, WORKERS):
        out = scratch / f"dask-{workers}"
        with _cluster(scratch / f"cluster-{workers}", workers) as dask:
            job = ("segment-dir", folder, out, "--cluster", dask.address)
            walls[workers] = _seconds(lambda job=job: _all(job))
    return _compared("Dask", walls)


def of_scheduler(scans: int, scratch: Path) -> dict[str, float]:
    """Tasks a second and memory of a scheduler whose workers need no time for a task.

    They are few, but with as many threads as a larger cluster has, so that as much is under way.
    """
    found: dict[str, float] = {"scans a task": task_size(scans)}
    tasks = -(-scans // task_size(scans))
    with _cluster(scratch / "cluster-tiny", WORKERS, threads=THREADS) as dask:
        scheduler = psutil.Process(dask.running[0].pid)
        with connected(ClusterRequest(where=dask.address)) as client:
            done = ordered_map_on(client, abs, iter(range(tasks)), int, lambda: False)
            started = last = time.perf_counter()
            for count, _ in enumerate(done, start=1):
                if count % max(1, tasks // QUARTERS) == 0:
                    now = time.perf_counter()
                    share = f"quarter {count // (tasks // QUARTERS)}"
                    found[f"tasks a second, {share}"] = tasks / QUARTERS / (now - last)
                    found[f"scheduler's MB, {share}"] = scheduler.memory_info().rss / 1e6
                    last = now
            seconds = time.perf_counter() - started
            found |= {"scans that take no time, a second": scans / seconds, "took, s": seconds}
    return found


@contextmanager
def _cluster(folder: Path, workers: int, threads: int = 1) -> Iterator[Dask]:
    folder.mkdir()
    dask = Dask(folder)
    try:
        dask.add_workers(workers, threads=threads)
        while len(dask.worker_processes()) < workers:
            time.sleep(0.1)
        time.sleep(3)  # until they have met the scheduler
        yield dask
    finally:
        dask.close()


def _compared(name: str, walls: dict[int, float]) -> dict[str, float]:
    return {
        f"{name}, 1 worker, s": walls[1],
        f"{name}, {WORKERS} workers, s": walls[WORKERS],
        f"{name}, efficiency of {WORKERS}": walls[1] / (WORKERS * walls[WORKERS]),
    }


def _seconds(job: Callable[[], None]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def _all(*jobs: tuple[str | Path, ...]) -> None:
    """Run busicli in a process for each, at once; each must succeed."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "busicli", *map(str, job)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | ONE_THREAD,
        )
        for job in jobs
    ]
    statuses = [process.wait() for process in running]
    if any(statuses):
        sys.exit(f"busicli {jobs[0][0]} ended with {statuses}")


if __name__ == "__main__":
    main()
