import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ("tools/rebuild.sh", "examples/busi_session.sh")


def test_the_wheel_holds_every_package():
    reported = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "packages"
    ]
    found = {
        str(file.parent.relative_to(ROOT)).replace("/", ".")
        for file in (ROOT / "busicli").rglob("__init__.py")
    }
    assert set(reported) == found | {"busicli.plugins", "busicli.shipped"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_sound_shell(script):
    subprocess.run(["sh", "-n", ROOT / script], check=True)


def test_weights_whose_scores_are_of_another_recipe_do_not_ship(study, tmp_path):
    # The study trained on its training split alone: its scores cannot stand for all scans.
    card = json.loads((study.weights / "card.json").read_text())
    chosen = {"postprocess": card["postprocess"], "confidence": card["confidence"]}
    (tmp_path / "tuned_settings.json").write_text(json.dumps(chosen))
    metrics = {
        "data": {"fingerprint": card["training"]["fingerprint"]},
        "training": {**card["training"]["settings"], "epochs": 99},
        "weights": {"architecture": card["architecture"], "options": card["options"]},
    }
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    ship = [sys.executable, ROOT / "tools/ship.py", study.run, "not-to-be", "--cv", tmp_path]
    ended = subprocess.run(ship, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "differ in settings of training, scans." in ended.stderr
    assert not (ROOT / "weights" / "not-to-be").exists()
