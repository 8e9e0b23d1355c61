"""A light installation: without Keras and TensorFlow, and without a network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.test_keras_backend import accepted
from tests.soak.test_firewall import CUT_OFF, ROOT, needs_root

MOST_BYTES = 700_000_000


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """Run a command of the light installation in a folder of its own, cut off."""
    folder = tmp_path_factory.mktemp("light")
    alone = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}

    def cut_off(*command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CUT_OFF, *map(str, command)], env=alone, cwd=folder, capture_output=True, text=True
        )

    subprocess.run(["make", "wheelhouse-light"], cwd=ROOT, check=True)
    assert cut_off(sys.executable, "-m", "venv", "venv").returncode == 0
    options = ("--no-index", "--find-links", ROOT / "wheelhouse-light", "--no-compile")
    installed = cut_off("venv/bin/python", "-m", "pip", "install", *options, "busicli")
    assert installed.returncode == 0, installed.stderr
    return folder, lambda *words: cut_off("venv/bin/busicli", *words)


@needs_root
def test_it_segments_merges_shows_and_scores_with_the_same_masks(light, scans, tree):
    folder, busicli = light
    for command in (
        ("segment-dir", scans, "out"),
        ("segment-dir", scans, "parts", "--part", "1/1"),
        ("merge", "parts"),
        ("review", "parts", "reviews.json"),
        ("report", "out"),
        ("show", scans / "benign" / "phantom-03.png", "--out", "contour.png"),
        ("eval", "--predictions", "out/masks", "--reference", scans, "--out", "scores"),
        ("models", "list"),
    ):
        if command[0] == "review":
            (folder / "reviews.json").write_text(json.dumps(accepted(folder / "parts")))
        ended = busicli(*command)
        assert ended.returncode == 0, ended.stderr
    whole = (sys.executable, "-m", "busicli", "segment-dir", scans, "whole")
    subprocess.run(whole, cwd=folder, check=True)
    masks = tree(folder / "out" / "masks")
    assert len(masks) == 24
    assert masks == tree(folder / "whole" / "masks") == tree(folder / "parts" / "masks")


@needs_root
@pytest.mark.parametrize(
    "command", [("models", "show", "unet"), ("segment-dir", "{scans}", "k", "--engine", "keras")]
)
def test_what_needs_keras_says_what_to_install(light, scans, command):
    ended = light[1](*(word.format(scans=scans) for word in command))
    assert ended.returncode == 1
    assert "run pip install 'busicli[train]'." in ended.stderr


@needs_root
def test_it_takes_at_most_700_megabytes_after_use(light):
    files = (path for path in Path(light[0], "venv").rglob("*") if not path.is_symlink())
    assert sum(path.stat().st_size for path in files if path.is_file()) <= MOST_BYTES
