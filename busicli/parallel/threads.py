"""Many independent pieces of work on the cores of one machine."""

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, TypeVar

from busicli.errors import BusicliError

T = TypeVar("T")
R = TypeVar("R")
MOST_LEFT = 64
"""Pieces of work that may be left behind at once, each with a thread and what it has read."""
_AHEAD = 3
"""Items a worker that are started or done before the first of them is asked for."""
_ARENA_MAX, _HEAPS = -8, 2
"""M_ARENA_MAX of glibc's malloc.h, and its value."""
_left_behind: set[Future[Any]] = set()


def cores() -> int:
    """Cores that this process may use: a batch system or container may lend it fewer than all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # where the system knows of no such bound


def workers() -> int:
    """Threads that keep every core busy where each waits for the disk a part of its time: half as
    many again as there are cores.
    """
    return cores() + -(-cores() // 2)


def share_heaps() -> bool:
    """Have all threads of this process share two heaps; whether its C library could.

    glibc gives each thread one of up to eight a core. What scans of many sizes leave free in one
    is of no use to the others, and a run's memory grows with its length. For programs, before
    their threads begin: it holds for all that the process does.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    return bool(mallopt and mallopt(_ARENA_MAX, _HEAPS))


def parallel_map(function: Callable[[T], R], items: Iterable[T], *, jobs: int) -> Iterator[R]:
    """`function` of every item, in the items' order, on `jobs` threads (-1: one for each core).

    Threads, not processes: decoding, resizing and hashing let go of Python's lock, and neither
    starting workers (a second and more) nor copying images between them is paid for. With one job
    everything runs in the calling thread.
    """
    if jobs == 1:
        return map(function, items)
    from joblib import Parallel, delayed  # slow to load

    run = Parallel(
        n_jobs=jobs,
        prefer="threads",
        return_as="generator",
        batch_size=1,
        pre_dispatch="4*n_jobs",
    )
    results: Iterator[R] = run(delayed(function)(item) for item in items)
    return results


def ordered_map(function: Callable[[T], R], items: Iterable[T], *, jobs: int) -> Iterator[R]:
    """As `parallel_map` with at least one job, and no worker outlives it.

    joblib leaves threads at their work when an item fails. One that is inside OpenVINO while the
    interpreter ends aborts the process, whatever its exit status was to be.
    """
    if jobs == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= _AHEAD * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def with_timeout(function: Callable[[], R], *, limit_s: float) -> R:
    """What `function` returns or raises; TimeoutError where that takes longer.

    It continues in its thread, which nothing can stop, but holds up neither the caller nor the end
    of the program: for work that a broken disk or decoder may keep for ever, and that changes
    nothing. Raises BusicliError where MOST_LEFT are still at it: that is no matter of single files.
    """
    done: Future[R] = Future()
    _left_behind.difference_update([future for future in tuple(_left_behind) if future.done()])
    if len(_left_behind) >= MOST_LEFT:
        raise BusicliError(
            f"{MOST_LEFT} scans hang since they were started: their drive does not answer; "
            "fix it, and run again to resume."
        )

    def work() -> None:
        try:
            done.set_result(function())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=work, daemon=True).start()
    try:
        return done.result(limit_s)
    finally:
        if not done.done():
            _left_behind.add(done)
