import shutil
from pathlib import Path

import pytest

from tests.cli.made_plugins import GOOD


@pytest.fixture
def segment(call, study):
    """`segment-dir` with the study's weights."""

    def do(*args, stdin: bytes = b""):
        return call("segment-dir", *args, "--weights", study.weights, stdin=stdin)

    return do


@pytest.fixture
def busi(scans, tmp_path) -> Path:
    """A copy of the phantoms that a test may spoil."""
    return Path(shutil.copytree(scans, tmp_path / "busi"))


@pytest.fixture
def plugin(tmp_path):
    """Write a plugin file."""

    def write(file: str, name: str = "two-layers", code: str = GOOD) -> Path:
        path = tmp_path / file
        path.write_text(code.format(name=name))
        return path

    return write
