"""Many independent pieces of work on the cores of one machine."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from joblib import Parallel, delayed

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(function: Callable[[T], R], items: Iterable[T], *, jobs: int) -> Iterator[R]:
    """`function` of every item, in the items' order, on `jobs` worker processes (-1: every core).

    With one job everything runs in this process and no other is started. The function must live in
    an importable module.
    """
    if jobs == 1:
        return map(function, items)
    run = Parallel(n_jobs=jobs, return_as="generator", batch_size="auto", pre_dispatch="4*n_jobs")
    results: Iterator[R] = run(delayed(function)(item) for item in items)
    return results
