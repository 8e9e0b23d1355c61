import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.imaging.confidence import FEATURES
from busicli.io.files import sha256_file
from busicli.models.weights import read_card
from tests.made_weights import change_card
from tests.segmented import copied, lasting_rows, pixels


def test_the_folder_of_a_training_run_means_its_weights(call, study, scans, tmp_path):
    source = copied(scans, tmp_path / "scans", 1)
    assert call("segment-dir", source, "out", "--weights", study.run).status == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["weights"]["card_sha256"] == sha256_file(study.weights / "card.json")


def test_the_shipped_weights_are_the_default(call, scans, tmp_path):
    assert call("segment-dir", copied(scans, tmp_path / "few", 3, 14), "out").status == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["weights"]["name"] == "improved-unet"


def test_unknown_weights_are_refused_before_anything_is_written(call, scans, tmp_path):
    ended = call("segment-dir", scans, "out", "--weights", "./nowhere")
    assert ended.status == 1
    assert "nowhere holds no card.json" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_never_takes_the_place_of_the_weights_that_ship(call, study, scans, tmp_path):
    shutil.copytree(study.weights, tmp_path / "improved-unet")
    few = copied(scans, tmp_path / "few", 3)
    assert call("segment-dir", few, "out", "--weights", "improved-unet").status == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["weights"]["name"] == "improved-unet"
    assert call("segment-dir", few, "own", "--weights", "./improved-unet").status == 0
    record = json.loads((tmp_path / "own" / "run.json").read_text())
    assert record["weights"]["name"] == read_card(study.weights).name
    ended = call("segment-dir", few, "other", "--weights", "tiny")
    assert ended.status == 1
    assert "no weights named tiny ship with busicli; name a folder with its separator" in ended.err


def test_the_cards_hash_can_be_pinned(segment, study, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3)
    right = sha256((study.weights / "card.json").read_bytes()).hexdigest()
    assert segment(few, "out", "--weights-sha256", right).status == 0
    refused = segment(few, "other", "--weights-sha256", "0" * 64)
    assert refused.status == 1
    assert right[:12] in refused.err
    assert not (tmp_path / "other").exists()


@pytest.fixture
def trusting(study, tmp_path) -> Callable[..., Path]:
    """The study's weights with a confidence that is the same for every mask."""

    def make(name: str, bias: float, *, review_below: float = 0.5) -> Path:
        folder = shutil.copytree(study.weights, tmp_path / name)
        settings = {"weights": [0.0] * len(FEATURES), "bias": bias, "review_below": review_below}
        change_card(folder, confidence=settings)
        return folder

    return make


def test_confidence_and_review_stand_in_the_manifest(call, trusting, scans, tmp_path):
    copied(scans, tmp_path / "in", 2, 20)
    sure, unsure = trusting("sure", 1.1), trusting("unsure", -1.1)
    call("segment-dir", "in", "sure-out", "--weights", sure)
    rows = lasting_rows(tmp_path / "sure-out")
    assert [row["confidence"] for row in rows] == [0.7503] * 2
    assert not any("low confidence" in row["why_review"] for row in rows)
    ended = call("segment-dir", "in", "unsure-out", "--weights", unsure)
    assert "2 need a person's eye first" in ended.out
    rows = lasting_rows(tmp_path / "unsure-out")
    assert [(row["confidence"], row["review"]) for row in rows] == [(0.2497, True)] * 2
    assert all(row["why_review"][0] == "low confidence" for row in rows)


def test_weights_that_cannot_tell_say_null(call, study, scans, tmp_path):
    folder = shutil.copytree(study.weights, tmp_path / "mute")
    change_card(folder, confidence=None)
    copied(scans, tmp_path / "in", 2)
    assert call("segment-dir", "in", "out", "--weights", folder).status == 0
    (row,) = lasting_rows(tmp_path / "out")
    assert row["confidence"] is None


def test_maps_are_kept_at_the_scans_size_in_16_bits(segment, study, scans, tmp_path):
    copied(scans, tmp_path / "in", 2, 5)
    assert segment("in", "out", "--save-probabilities").status == 0
    settings = json.loads((study.weights / "card.json").read_text())["postprocess"]
    for path in (tmp_path / "out" / "masks").iterdir():
        probability = pixels(tmp_path / "out" / "probabilities" / path.name)
        mask = pixels(path)
        assert probability.dtype == np.uint16
        assert probability.shape == mask.shape
        assert (probability[mask > 0] / 65535 > settings["threshold"] - 1e-4).mean() > 0.5
    shutil.rmtree(tmp_path / "out" / "probabilities")
    again = segment("in", "out", "--save-probabilities")
    assert "0 of them" not in again.out
    assert len(list((tmp_path / "out" / "probabilities").iterdir())) == 2  # made again


def test_flipped_scans_get_flipped_masks(segment, scans, tmp_path):
    copied(scans, tmp_path / "in", 2)
    scan = next((tmp_path / "in").iterdir())
    Image.open(scan).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(scan.with_name("mirror.png"))
    assert segment("in", "out", "--tta", "--save-probabilities").status == 0
    maps = tmp_path / "out" / "probabilities"
    there, back = pixels(maps / scan.name), pixels(maps / "mirror.png")[:, ::-1]
    assert np.abs(there.astype(int) - back.astype(int)).max() < 1300  # a fiftieth
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["engine"]["name"].endswith("TTA")
    assert record["tta"] is True
