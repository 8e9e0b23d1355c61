"""Many independent pieces of work on the cores of one machine."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from joblib import Parallel, delayed

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(function: Callable[[T], R], items: Iterable[T], *, jobs: int) -> Iterator[R]:
    """`function` of every item, in the items' order, on `jobs` threads (-1: one for each core).

    Threads, not processes: decoding, resizing and hashing let go of Python's lock, and neither
    starting workers (a second and more) nor copying pictures between them is paid for. With one job
    everything runs in the calling thread.
    """
    if jobs == 1:
        return map(function, items)
    run = Parallel(
        n_jobs=jobs,
        prefer="threads",
        return_as="generator",
        batch_size=1,
        pre_dispatch="4*n_jobs",
    )
    results: Iterator[R] = run(delayed(function)(item) for item in items)
    return results
