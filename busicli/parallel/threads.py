"""Independent tasks on the cores of one machine."""

import ctypes
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
MOST_LEFT = 64
"""Hanging tasks allowed at once; each keeps a thread and what it has read."""
_AHEAD = 3
"""Items per worker that are started ahead."""
_ARENA_MAX, _HEAPS = -8, 2
"""M_ARENA_MAX of glibc's malloc.h, and its value."""
_SLICE_S = 0.25
"""A wait that takes over twice as long was interrupted by SIGSTOP, a suspended job or machine."""
_left_behind: set[Future[Any]] = set()


def cores() -> int:
    """Cores that this process may use; a batch system or container may allow fewer than all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # systems without such a limit


def workers() -> int:
    """Threads that keep every core busy although each waits for the disk part of its time: half as
    many again as there are cores.
    """
    return cores() + -(-cores() // 2)


def share_heaps() -> bool:
    """Make all threads of this process share two heaps; returns whether the C library can.

    glibc uses up to eight heaps per core. Memory that scans of many sizes free in one heap is of no
    use to the others, so a run's memory would grow with its length. Call it before threads start:
    it affects the whole process.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    return bool(mallopt and mallopt(_ARENA_MAX, _HEAPS))


def parallel_map(function: Callable[[T], R], items: Iterable[T], *, jobs: int) -> Iterator[R]:
    """`function` of every item, in the items' order, on `jobs` threads (-1: one for each core).

    Threads, not processes: decoding, resizing and hashing release Python's lock, and no time goes
    into starting workers or copying images between them. With one job everything runs in the
    calling thread.
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

    joblib lets threads continue when an item fails. A thread that is inside OpenVINO while the
    interpreter exits would abort the process and change its exit status.
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
    """What `function` returns or raises; TimeoutError after `limit_s` seconds.

    It then continues in its thread, which cannot be stopped, but delays neither the caller nor the
    end of the program. For work without side effects that a broken disk may block. While MOST_LEFT
    calls hang, another one begins once one of them ends: TimeoutError if that takes `limit_s`.
    Time in which this process is suspended does not count.
    """
    done: Future[R] = Future()
    if not _wait_patiently(_has_room, limit_s):
        raise TimeoutError

    def work() -> None:
        try:
            done.set_result(function())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=work, daemon=True).start()
    if not _wait_patiently(lambda seconds: bool(wait([done], seconds).done), limit_s):
        _left_behind.add(done)
        raise TimeoutError
    return done.result()


def _wait_patiently(ready: Callable[[float], bool], limit_s: float) -> bool:
    """Whether `ready(seconds)` became true within `limit_s` seconds; it waits up to `seconds`.

    Time in which the machine or this process was suspended does not count.
    """
    left_s = limit_s
    while left_s > 0:
        slice_s = min(left_s, _SLICE_S)
        started = time.monotonic()
        if ready(slice_s):
            return True
        left_s -= min(time.monotonic() - started, 2 * slice_s)
    return False


def _has_room(seconds: float) -> bool:
    """Whether one more call may hang, now or within `seconds`."""
    _left_behind.difference_update([future for future in tuple(_left_behind) if future.done()])
    if len(_left_behind) < MOST_LEFT:
        return True
    ended = wait(tuple(_left_behind), seconds, return_when=FIRST_COMPLETED).done
    _left_behind.difference_update(ended)
    return bool(ended)
