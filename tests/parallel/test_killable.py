import os
import signal
import threading
import time

import pytest

from busicli.parallel.killable import KillableCall, ProcessDiedError, ProcessLimits, ProcessPool

LIMITS = ProcessLimits(memory=2**28, cpu_s=60)


@pytest.fixture
def pool():
    made = ProcessPool("tests.parallel.killable_work:work", LIMITS)
    yield made
    made.close()


def process_of(pool: ProcessPool) -> int:
    return int(KillableCall(pool)([b""])[0])


def test_parts_of_any_size_come_back_from_one_process(pool):
    parts = [b"", b"one", bytes(3_000_000)]
    number, *answered = KillableCall(pool)(parts)
    assert answered == parts
    assert int(number) == process_of(pool) != os.getpid()


@pytest.mark.parametrize("what", [b"crash", b"swell"])
def test_work_that_crashes_or_swells_takes_only_its_process_with_it(pool, what):
    before = process_of(pool)
    with pytest.raises(ProcessDiedError):
        KillableCall(pool)([what])
    assert process_of(pool) != before


def test_work_that_hangs_is_killed(pool):
    number = process_of(pool)
    call = KillableCall(pool)
    threading.Timer(0.2, call.kill).start()
    with pytest.raises(ProcessDiedError):
        call([b"hang"])
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_work_that_was_killed_before_it_began_does_not_begin(pool):
    call = KillableCall(pool)
    call.kill()
    with pytest.raises(ProcessDiedError):
        call([b"hang"])


def test_signals_that_stop_the_run_do_not_stop_its_processes(pool):
    number = process_of(pool)
    for stop in (signal.SIGINT, signal.SIGTERM):
        os.kill(number, stop)
    assert process_of(pool) == number


def test_no_module_of_the_current_folder_is_run(pool, tmp_path, monkeypatch):
    for name in ("socket", "json", "subprocess"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert process_of(pool)
    assert not (tmp_path / "ran").exists()


def test_a_closed_pool_has_no_process_left(pool):
    number = process_of(pool)
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_process_ends_when_nobody_is_left_to_answer(run, tmp_path):
    number = os.fork()
    if not number:  # dies without a word, as a parent that is killed
        lone = ProcessPool("tests.parallel.killable_work:work", LIMITS)
        (tmp_path / "number").write_text(str(process_of(lone)))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(number, 0)
    child = int((tmp_path / "number").read_text())
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("it lives on")
