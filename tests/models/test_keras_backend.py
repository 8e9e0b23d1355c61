"""Loading Keras where it is, and a sentence where it is not."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHOUT_KERAS = """
import sys
sys.modules["keras"] = sys.modules["tensorflow"] = None  # as if they were not installed
from busicli.cli.app import main
for line in sys.stdin.read().splitlines():
    sys.argv = ["busicli", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code, line
"""
PIN = re.compile(r"^(?P<pin>[a-z0-9-]+==\S+)(?P<rest>(?:.*\\\n)*.*)$", re.MULTILINE)


def pins(lock: str) -> dict[str, set[str]]:
    """Each pinned version of a lock with the hashes of its files."""
    found = PIN.finditer((ROOT / lock).read_text())
    return {m["pin"]: set(re.findall(r"sha256:\w+", m["rest"])) for m in found}


def accepted(out: Path) -> dict:
    """A file of the page that accepts the first mask of a run."""
    row = json.loads((out / "manifest.jsonl").read_text().splitlines()[0])
    review = {
        **{"scan": row["scan"], "frame": 1, "scan_sha256": row["sha256"]},
        **{"mask_sha256": row["masks"][0]["sha256"], "decision": "accepted", "polygons": None},
        **{"class": None, "comment": "", "at": "2026-01-31T07:12:00Z"},
    }
    run = json.loads((out / "run.json").read_text())["id"]
    head = {"format": "busicli-reviews", "version": 1, "run": run, "reviewer": "AB"}
    return {**head, "reviews": [review]}


@pytest.mark.parametrize(
    "command",
    [
        ("models", "show", "unet"),
        ("models", "check", "unet"),
        ("segment-dir", "{scans}", "out", "--engine", "keras"),
        ("train", "--data", "{data}", "--name", "a"),
        ("eval", "--data", "{data}", "--weights", "{weights}"),
    ],
)
def test_without_keras_a_sentence_says_what_to_install(
    call, study, scans, monkeypatch, tmp_path, command
):
    monkeypatch.setitem(sys.modules, "keras", None)
    places = {"scans": scans, "data": study.data, "weights": study.weights}
    ended = call(*(word.format(**places) for word in command))
    assert ended.status == 1
    assert ended.err.splitlines()[-1] == (
        "busicli: Keras is not installed, and only segmenting can do without: "
        "run pip install 'busicli[train]'."
    )
    assert not (tmp_path / "runs").exists()


def test_a_mistyped_model_is_named_before_keras_is_missed(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    assert "there is no model unit" in call("models", "check", "unit").err


def test_without_keras_scans_are_segmented_merged_shown_reviewed_and_scored(scans, tmp_path):
    def run(*commands: str) -> None:
        ended = subprocess.run(
            [sys.executable, "-c", WITHOUT_KERAS],
            input="\n".join(commands),
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr

    run(f"segment-dir {scans}/benign out --part 1/1 --quiet", "merge out")
    (tmp_path / "reviews.json").write_text(json.dumps(accepted(tmp_path / "out")))
    run(
        "review out reviews.json",
        "report out",
        f"show {scans}/benign/phantom-03.png --out contour.png",
        f"eval --predictions out/masks --reference {scans}/benign --out scores",
        "models list",
    )
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "scores" / "report.html").is_file()


def test_the_light_lock_is_the_other_without_what_trains():
    whole, light = pins("requirements.lock"), pins("requirements-light.lock")
    assert all(whole[pin] == hashes for pin, hashes in light.items())
    assert len(light) > 40
    names = {pin.partition("==")[0] for pin in light}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split("[>=]", name)[0] for name in project["dependencies"]}
    assert needed <= names
    assert not names & {"keras", "tensorflow", "h5py", "grpcio", "tensorboard"}
