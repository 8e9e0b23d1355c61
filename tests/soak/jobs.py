"""Jobs to interrupt, what they must come to, and what they cost."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Tree = dict[str, bytes]
TIMED = ("run.json", "report.html")
"""Files that say when they were made."""


def job(folder: Path, out: str, *options: str) -> "subprocess.Popen[bytes]":
    """`segment-dir scans OUT`, started in a folder."""
    command = [sys.executable, "-m", "busicli", "segment-dir", "scans", out, *options]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )


def results(out: Path) -> Tree:
    """Every file that the contract promises to be the same, with its bytes."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.is_file() and not name.startswith(".busicli/") and name not in TIMED:
            found[name] = path.read_bytes()
    rows = [json.loads(line) for line in found["manifest.jsonl"].splitlines()]
    timeless = [{k: v for k, v in row.items() if k not in ("milliseconds", "new")} for row in rows]
    return found | {"manifest.jsonl": json.dumps(timeless).encode()}


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of its own of `size` (as tmpfs takes it) at `folder`, for root alone; the value
    mounts it again with other options.
    """
    if os.geteuid():
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False
    )
    if mount.returncode:
        pytest.skip("no file system can be mounted here")

    def again(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)

    try:
        yield again
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def seconds_of_a_job(folder: Path) -> float:
    """How long an undisturbed job takes."""
    started = time.monotonic()
    process = job(folder, "timed")
    process.communicate()
    return time.monotonic() - started


MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1024)
"""
"""Begun by a small process: one reports the memory of whoever began it where that is larger, and a
test that has read two trees of results is."""


def peak_mb(command: list[str], cwd: Path) -> tuple[int, float, str]:
    """Exit status, peak memory and stderr of a process."""
    small = [sys.executable, "-c", MEASURED, *command]
    ended = subprocess.run(small, cwd=cwd, capture_output=True, text=True, check=True)
    status, peak = ended.stdout.split()
    return int(status), float(peak), ended.stderr


def image(form: str, side: int, seed: int) -> bytes:
    """A small grey image in a file format."""
    grey = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, form)
    return buffer.getvalue()
