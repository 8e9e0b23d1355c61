"""Jobs that are killed, stopped, or lose their disk, and are started again."""

import random
import shutil
import signal
import time

import pytest

from tests.soak.jobs import job, results, seconds_of_a_job, small_disk

KILLS = 50
STOPS = 20


def resumes_to_the_same_bytes(night, out: str) -> bool:
    again = job(night, out)
    said = again.communicate()[1]
    assert again.returncode == 0, said
    same = results(night / out) == results(night / "whole")
    assert not list((night / out).rglob("*.tmp"))
    shutil.rmtree(night / out)
    return same


def test_killed_at_any_moment_and_started_again_the_bytes_are_the_same(night):
    whole = seconds_of_a_job(night)
    moments = random.Random(0)
    for number in range(KILLS):
        out = f"killed-{number}"
        for _ in range(moments.choice((1, 1, 2))):  # some are killed twice
            process = job(night, out)
            time.sleep(moments.uniform(0, whole))
            process.kill()
            process.communicate()
        assert resumes_to_the_same_bytes(night, out), number


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_stopped_at_any_moment_it_ends_soon_and_whole(night, number, status):
    moments = random.Random(1)
    for position in range(STOPS // 2):
        out = f"stopped-{status}-{position}"
        process = job(night, out, "--progress", "json")
        process.stderr.readline()  # it is under way
        time.sleep(moments.uniform(0, 1.5))
        process.send_signal(number)
        sent = time.monotonic()
        process.communicate()
        assert time.monotonic() - sent < 5
        assert process.returncode in (status, 0)  # it may have been done
        assert (night / out / "manifest.jsonl").is_file()
        assert resumes_to_the_same_bytes(night, out), position


def test_a_full_disk_is_one_sentence_and_once_there_is_room_it_resumes(night):
    with small_disk(night / "full", "1m") as again:
        process = job(night, "full/out")
        err = process.communicate()[1].decode()
        assert process.returncode == 1
        reported = [line for line in err.splitlines() if line.startswith("busicli: ")]
        assert reported == [
            "busicli: full/out cannot be written: No space left on device; "
            "make room or allow writing, and run again to resume."
        ]
        assert "Traceback" not in err
        assert not list((night / "full").rglob("*.tmp"))
        again("size=200m")
        assert resumes_to_the_same_bytes(night, "full/out")


def test_a_folder_that_cannot_be_written_is_one_sentence(night):
    with small_disk(night / "shut", "50m") as again:
        again("ro")
        process = job(night, "shut/out")
        err = process.communicate()[1].decode()
        assert process.returncode == 1
        assert "shut/out cannot be written: Read-only file system" in err
        again("rw")
        assert resumes_to_the_same_bytes(night, "shut/out")


def test_results_taken_away_while_running_are_one_sentence_or_made_again(night):
    for _ in range(5):
        process = job(night, "gone", "--progress", "json")
        process.stderr.readline()
        time.sleep(0.5)
        shutil.rmtree(night / "gone", ignore_errors=True)
        err = process.communicate()[1].decode()
        assert process.returncode in (0, 1)
        assert "Traceback" not in err
        assert resumes_to_the_same_bytes(night, "gone")
