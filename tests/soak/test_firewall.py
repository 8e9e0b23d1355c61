"""Behind a hospital's firewall: installed and run where there is no network at all."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CUT_OFF = ("unshare", "--net")
"""A network of its own, with nobody in it."""
OUTSIDE = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="needs root and unshare (Debian package util-linux)",
)


@needs_root
def test_it_installs_and_segments_without_a_network(tmp_path, scans):
    subprocess.run(["make", "wheelhouse"], cwd=ROOT, check=True)
    alone = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}

    def cut_off(*command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CUT_OFF, *map(str, command)], env=alone, cwd=tmp_path, capture_output=True, text=True
        )

    assert "unreachable" in cut_off(sys.executable, "-c", OUTSIDE).stderr
    made = cut_off(sys.executable, "-m", "venv", "behind")
    assert made.returncode == 0, made.stderr
    options = ("install", "--no-index", "--find-links", ROOT / "wheelhouse")
    installed = cut_off("behind/bin/python", "-m", "pip", *options, "busicli[train]")
    assert installed.returncode == 0, installed.stderr
    ended = cut_off("behind/bin/busicli", "segment-dir", scans, "out")
    assert ended.returncode == 0, ended.stderr
    assert len(list((tmp_path / "out" / "masks").rglob("*.png"))) == 24
