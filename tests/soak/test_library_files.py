"""Whole folders of files that other libraries test themselves on: Pillow's images, pydicom's files.

They are downloaded when the test runs; none of them is part of busicli.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pydicom
import pytest

from busicli import read_file
from busicli.errors import InputError
from tests.soak.jobs import peak_mb

MOST_MB = 500
MOST_CPU_S = 10.0
"""For one file."""


@pytest.fixture(scope="module")
def library_files(tmp_path_factory) -> Path:
    """A folder `scans/` with all of them."""
    folder = tmp_path_factory.mktemp("libraries")
    scans = folder / "scans"
    source = downloaded(f"pillow=={version('pillow')}", folder, "--no-binary", ":all:")
    with tarfile.open(source) as archive:
        archive.extractall(folder / "pillow", filter="data")
    shutil.copytree(next((folder / "pillow").glob("*/Tests/images")), scans / "pillow")
    shutil.copytree(Path(pydicom.__file__).parent / "data" / "test_files", scans / "pydicom")
    with zipfile.ZipFile(downloaded("pydicom-data", folder)) as archive:
        archive.extractall(folder / "data")
    shutil.copytree(folder / "data" / "data_store" / "data", scans / "pydicom-data")
    return folder


def downloaded(package: str, folder: Path, *options: str) -> Path:
    """The file that pip downloads for a package; the test is skipped without a network."""
    target = folder / "downloads" / package.partition("=")[0]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", target]
    ended = subprocess.run([*command, *options, package], capture_output=True, check=False)
    if ended.returncode:
        pytest.skip(f"pip cannot download {package}")
    return next(target.iterdir())


def test_every_file_has_its_row_and_none_crashes_or_swells(library_files):
    command = [sys.executable, "-m", "busicli", "segment-dir", "scans", "out", "--jobs", "1"]
    status, peak, err = peak_mb([*command, "--progress", "none"], library_files)
    assert status == 3  # some are broken on purpose
    assert err == ""
    assert peak < MOST_MB
    rows = [json.loads(line) for line in (library_files / "out" / "manifest.jsonl").open()]
    files = [path for path in (library_files / "scans").rglob("*") if path.is_file()]
    assert len(rows) == len(files) > 1000
    assert all(row["reason"] for row in rows if row["status"] != "ok")


def test_no_file_takes_long(library_files):
    slow = {}
    for path in sorted((library_files / "scans").rglob("*")):
        started = time.process_time()
        with suppress(InputError, OSError):
            read_file(path)
        if (taken := time.process_time() - started) > MOST_CPU_S:
            slow[path.name] = taken
    assert slow == {}
