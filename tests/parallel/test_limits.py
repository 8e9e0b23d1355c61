import errno
import os
import resource
import subprocess
import sys

import pytest

from busicli.errors import InputError
from busicli.parallel.limits import limit_reached

LOW = [
    (resource.RLIMIT_NOFILE, 10, "10 open files and 64 are needed; raise it (ulimit -n)"),
    (resource.RLIMIT_AS, 700 * 2**20, "KiB of addresses and 1,048,576 are needed"),
    (resource.RLIMIT_DATA, 700 * 2**20, "KiB of data and 1,048,576 are needed"),
    (resource.RLIMIT_FSIZE, 100 * 2**10, "100 KiB a file and 1,024 are needed"),
]


@pytest.mark.parametrize(("number", "low", "words"), LOW)
def test_a_limit_that_is_too_low_is_one_sentence(scans, tmp_path, number, low, words):
    ended = subprocess.run(
        [sys.executable, "-m", "busicli", "segment-dir", scans, "out"],
        preexec_fn=lambda: resource.setrlimit(number, (low, low)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("busicli: the limit here is ")
    assert words in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "ulimit -n"),
        (OSError(errno.EFBIG, os.strerror(errno.EFBIG)), "ulimit -f"),
        (MemoryError(), "no memory is left"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
    ],
)
def test_a_limit_that_is_reached_is_named(error, words):
    assert words in str(limit_reached(error))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, ""), RuntimeError("x"), InputError("y")])
def test_other_errors_are_no_limits(error):
    assert limit_reached(error) is None
