import os
import threading
import time

import pytest

from busicli.parallel import in_parallel


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
    assert list(in_parallel(slow_first, range(12), jobs=jobs)) == [n * n for n in range(12)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_items_give_no_results(jobs):
    assert list(in_parallel(slow_first, [], jobs=jobs)) == []


def test_one_job_starts_no_process_and_no_thread():
    before = threading.active_count()
    places = set(in_parallel(where, range(5), jobs=1))
    assert places == {(os.getpid(), threading.get_ident())}
    assert threading.active_count() == before


def test_one_job_does_each_item_only_when_it_is_asked_for():
    done: list[int] = []
    results = in_parallel(done.append, range(3), jobs=1)
    next(results)
    assert done == [0]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_fault_of_the_function_is_not_swallowed(jobs):
    with pytest.raises(ValueError, match="3"):
        list(in_parallel(refuse_three, range(6), jobs=jobs))
