import os
import platform
import signal
import subprocess
import sys
import threading
import time

import pytest

from busicli.parallel.threads import MOST_LEFT, ordered_map, parallel_map, with_timeout


def slow_first(number: int) -> int:
    """The first item takes longest, so that results come back out of order."""
    time.sleep(0.05 if number == 0 else 0)
    return number * number


def where(_: int) -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def refuse_three(number: int) -> int:
    if number == 3:
        raise ValueError(number)
    return number


@pytest.mark.parametrize("jobs", [1, 2, -1])
def test_results_come_in_the_items_order(jobs):
    assert list(parallel_map(slow_first, range(12), jobs=jobs)) == [n * n for n in range(12)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_items_give_no_results(jobs):
    assert list(parallel_map(slow_first, [], jobs=jobs)) == []


def test_one_job_starts_no_process_and_no_thread():
    before = threading.active_count()
    positions = set(parallel_map(where, range(5), jobs=1))
    assert positions == {(os.getpid(), threading.get_ident())}
    assert threading.active_count() == before


def test_one_job_does_each_item_only_when_it_is_asked_for():
    done: list[int] = []
    results = parallel_map(done.append, range(3), jobs=1)
    next(results)
    assert done == [0]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_the_function_is_not_swallowed(jobs):
    with pytest.raises(ValueError, match="3"):
        list(parallel_map(refuse_three, range(6), jobs=jobs))


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_ordered_map_are_those_of_the_items(jobs):
    assert list(ordered_map(slow_first, range(40), jobs=jobs)) == [n * n for n in range(40)]
    assert list(ordered_map(slow_first, [], jobs=jobs)) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_ordered_map_one_job_starts_no_thread_and_several_end_with_the_work(jobs):
    before = threading.active_count()
    positions = {position for _, position in ordered_map(where, range(20), jobs=jobs)}
    assert (threading.get_ident() in positions) is (jobs == 1)
    assert threading.active_count() == before


def test_ordered_map_begins_no_more_than_a_few_ahead():
    started: list[int] = []
    results = ordered_map(started.append, range(1000), jobs=2)
    next(results)
    time.sleep(0.05)
    assert len(started) <= 7
    results.close()
    assert len(started) <= 7


def test_ordered_map_leaves_no_worker_at_its_work_after_an_error():
    ended: list[int] = []

    def work(number: int) -> None:
        if number == 0:
            raise ValueError(number)
        time.sleep(0.1)
        ended.append(number)

    before = threading.active_count()
    with pytest.raises(ValueError, match="0"):
        list(ordered_map(work, range(50), jobs=3))
    assert threading.active_count() == before
    assert len(ended) <= 9


def test_work_that_hangs_is_left_behind_but_not_without_end():
    answered = threading.Event()
    try:
        for _ in range(MOST_LEFT):
            with pytest.raises(TimeoutError):
                with_timeout(answered.wait, limit_s=0.001)
        begun = threading.Event()
        with pytest.raises(TimeoutError):
            with_timeout(begun.set, limit_s=0.01)
        assert not begun.is_set()  # no thread more than so many hang
    finally:
        answered.set()
    assert with_timeout(lambda: 1, limit_s=10) == 1  # and they do not end the run


def test_time_in_which_the_process_was_stopped_is_no_timeout():
    program = """
import time
from busicli.parallel.threads import with_timeout
print("begins", flush=True)
print(with_timeout(lambda: time.sleep(1) or "done", limit_s=2))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.read() == b"done\n"


HEAPS = """
import ctypes, threading
from busicli.parallel.threads import share_heaps
shared = {share} and share_heaps()
wait = threading.Barrier(12)
def work():
    wait.wait()
    kept = [bytes(2000) for _ in range(1000)]
    wait.wait()
    return kept
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = libc.fdopen(1, b"w")
libc.malloc_info(0, ctypes.c_void_p(out))
libc.fflush(ctypes.c_void_p(out))
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries have no heaps to share"
)
@pytest.mark.parametrize("share", [True, False])
def test_threads_share_heaps_where_they_are_asked_to(share):
    reported = subprocess.run(
        [sys.executable, "-c", HEAPS.replace("{share}", str(share))],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONMALLOC": "malloc"},
    ).stdout
    assert (reported.count("<heap nr=") <= 2) is share
