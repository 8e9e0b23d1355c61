import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from busicli.inference.engines import KerasEngine
from busicli.models.weights import load_model, read_card, read_numbers

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


def test_a_wider_network_answers_as_the_one_it_was_widened_from(tmp_path):
    wider = [16, 80, 128, 208, 272]
    widen = [sys.executable, ROOT / "tools/widen.py", ROOT / "weights/improved-unet"]
    subprocess.run([*widen, json.dumps({"widths": wider}), tmp_path], check=True)
    card = read_card(tmp_path)
    assert card.options["widths"] == wider
    scans = np.random.default_rng(1).random((3, 192, 192, 3), np.float32)
    found, expected = (
        KerasEngine(load_model(folder, read_card(folder))).predict(scans).maps
        for folder in (ROOT / "weights/improved-unet", tmp_path)
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.ptp(expected) > 0.01
    numbers = read_numbers(tmp_path, card)
    new = next(array for key, array in numbers.items() if "down4_halve.kernel" in key)[..., -1]
    assert np.any(new)  # it is there to learn


def test_a_network_of_other_layers_is_not_widened(tmp_path):
    widen = [sys.executable, ROOT / "tools/widen.py", ROOT / "weights/improved-unet"]
    command = [*widen, json.dumps({"blocks": [1, 1, 2, 2, 1]}), tmp_path / "wider"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "has other layers" in ended.stderr
    assert not (tmp_path / "wider").exists()
