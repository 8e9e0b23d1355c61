"""Worker processes that make training examples: threads of one process keep one core busy."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from busicli.data.store import PreparedScans, open_data
from busicli.training.examples import Epoch, Example
from busicli.types import Case

_split: PreparedScans | None = None
"""A worker's own: the arrays are mapped from the disk, not sent."""


@dataclass(frozen=True, slots=True)
class Loader:
    """Makes examples in worker processes; a loader without any makes them where it is called."""

    pool: ProcessPoolExecutor | None = None
    processes: int = 0

    @property
    def threads(self) -> int:
        """How many threads should ask it for batches at a time."""
        return max(2, 2 * self.processes)

    def examples(self, epoch: Epoch, positions: range, rows: Sequence[int]) -> list[Example]:
        """The scans `rows` of an epoch's split as they are shown at its positions."""
        if self.pool is None:
            return [epoch.example(p, row) for p, row in zip(positions, rows, strict=True)]
        lean = replace(epoch, split=None)  # type: ignore[arg-type]  # the worker has its own
        return self.pool.submit(_examples, lean, positions, rows).result()


@contextmanager
def open_loader(split: PreparedScans, processes: int) -> Iterator[Loader]:
    """A loader of a split of a data folder; 0 processes for none beside this one."""
    if processes == 0:
        yield Loader()
        return
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the backend's threads
    os.environ["PYTHONSAFEPATH"] = "1"  # no module of the current folder, which may be a stranger's
    pool = ProcessPoolExecutor(processes, spawn, _open, (split.folder, split.cases))
    try:
        yield Loader(pool, processes)
    finally:
        pool.shutdown(cancel_futures=True)


def _open(folder: Path, cases: Sequence[Case]) -> None:
    global _split
    _split = open_data(folder).gather(cases)


def _examples(epoch: Epoch, positions: range, rows: Sequence[int]) -> list[Example]:
    assert _split is not None
    own = replace(epoch, split=_split)
    return [own.example(p, row) for p, row in zip(positions, rows, strict=True)]
