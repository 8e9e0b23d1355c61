"""`segment-dir --max-false-masks`: the threshold, what is said of it and what is refused."""

import json
import shutil
from pathlib import Path

import pytest

from tests.made_weights import change_card

NORMAL = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
LESION = [0.5, 0.95, 0.97, 0.99]


@pytest.fixture
def weights(study, tmp_path) -> Path:
    """Weights whose card holds scores that can be reckoned with."""
    folder = tmp_path / "weights"
    shutil.copytree(study.weights, folder)
    change_card(folder, presence_scores={"normal": NORMAL, "lesion": LESION})
    return folder


def segment(call, scans, weights, share):
    options = ("--weights", weights, "--max-false-masks", share, "--no-report")
    return call("segment-dir", scans / "benign", "out", *options)


def test_the_threshold_follows_from_the_cards_scores(call, scans, weights, tmp_path):
    ended = segment(call, scans, weights, 0.1)
    assert ended.status == 0
    # the 9th of 9 normal scores; 1 of 4 scans with a lesion lies below it
    assert "misses 25.0% of scans with a lesion (measured on 4 scans, and 9 normal" in ended.err
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["max_false_masks"] == 0.1
    assert record["postprocess"]["min_presence"] == pytest.approx(0.9)


def test_another_share_is_another_result(call, scans, weights, tmp_path):
    segment(call, scans, weights, 0.1)
    segment(call, scans, weights, 0.5)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["postprocess"]["min_presence"] == pytest.approx(0.5)
    rows = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert all(json.loads(row)["new"] for row in rows)


def test_a_share_that_the_scores_cannot_support_is_refused(call, scans, weights, tmp_path):
    ended = segment(call, scans, weights, 0.05)
    assert ended.status == 1
    assert "9 normal scans; the smallest share that they support is 0.1000" in ended.err
    assert not (tmp_path / "out").exists()
