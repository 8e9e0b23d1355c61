import csv
import json
import shutil
from pathlib import Path

import pytest

from busicli.data.store import open_data
from tests.made_weights import change_card, read_document


def per_image(folder) -> list[dict[str, str]]:
    with (folder / "eval" / "cv-folds" / "per_image.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_folds_of_different_data_sets_have_no_common_score(crossed, prepared, call, tmp_path):
    shutil.copytree(crossed[0] / "runs/cv", tmp_path / "mixed")
    weights = tmp_path / "mixed/fold-2/weights"
    training = read_document(weights)["training"]
    training["data"]["trained_on"] += " of BUSBRA"
    change_card(weights, training=training)
    ended = call("eval", "--folds", 2, "--data", prepared.data, "--weights", "mixed")
    assert (ended.status, "trained in different ways" in ended.err) == (1, True)


def test_training_on_all_scans_uses_what_the_folds_chose_flips_too(
    crossed, prepared, call, training, scans, tmp_path
):
    folder = crossed[0]
    data = ("--data", prepared.data)
    scored = call(
        "eval", *data, "--folds", 2, "--weights", folder / "runs/cv", "--tta", "--out", "two"
    )
    assert scored.status == 0
    assert json.loads((tmp_path / "two/metrics.json").read_text())["tta"] is True
    options = (*data, "--train-on", "all", "--postprocess-from", "two", *training, "--epochs", 1)
    assert call("train", "--name", "whole", *options).status == 0
    weights = tmp_path / "runs/whole/weights"
    card = json.loads((weights / "card.json").read_text())
    chosen = json.loads((tmp_path / "two/tuned_settings.json").read_text())
    assert (len(card["training_scans"]), card["tta"]) == (24, True)
    for name in ("postprocess", "confidence"):
        assert card[name] == chosen[name]
    assert call("segment-dir", scans / "benign", "out", "--weights", weights).status == 0
    run = json.loads((tmp_path / "out/run.json").read_text())
    assert run["engine"]["name"].endswith(" with flip TTA")
    assert run["tta"] is True
    for options, mirrored in (((), True), (("--no-tta",), False)):
        assert call("eval", *data, "--weights", weights, "--out", "own", *options).status == 0
        assert json.loads((tmp_path / "own/metrics.json").read_text())["tta"] is mirrored
    assert call("eval", *data, "--weights", weights, "--out", "two").status == 0
    assert not (tmp_path / "two/tuned_settings.json").exists()  # they were of the scores before


def test_every_scan_is_scored_once(crossed, prepared):
    folder, _, score = crossed
    assert score.status == 0, score.err
    assert "network that had not seen it" in score.out
    rows = per_image(folder)
    assert sorted(row["case"] for row in rows) == sorted(
        c.case for c in open_data(prepared.data).cases
    )
    metrics = json.loads((folder / "eval/cv-folds/metrics.json").read_text())
    assert metrics["per_image"]["scans"] == 24
    assert sum(fold["scans"] for fold in metrics["by_fold"].values()) == 24
    assert set(metrics["tuned_for_fold"]) == {"1", "2"}


def test_a_fold_is_scored_as_its_weights_alone_would_score_it(crossed, prepared, call, tmp_path):
    folder = crossed[0]
    weights = folder / "runs/cv/fold-2/weights"
    ended = call("eval", "--split", "all", "--data", prepared.data, "--weights", weights)
    assert ended.status == 0, ended.err
    assert "all scans" in ended.out
    data = open_data(prepared.data)
    unseen = {c.case for c, f in zip(data.cases, data.folds(2), strict=True) if f == 2}
    with (tmp_path / "eval/fold-2-all/per_image.csv").open(newline="") as file:
        alone = {row["case"]: row for row in csv.DictReader(file)}
    assert {name for name, row in alone.items() if row["seen"] != "same"} == unseen


@pytest.fixture
def tampered(crossed, tmp_path):
    """A copy of the folds, the second one's card changed."""

    def make(change) -> Path:
        copy = shutil.copytree(crossed[0] / "runs" / "cv", tmp_path / "cv")
        weights = copy / "fold-2" / "weights"
        training = read_document(weights)["training"]
        change(training)
        change_card(weights, training=training)
        return copy

    return make


def test_folds_are_scored_by_what_was_trained_on_and_not_by_what_is_said(tampered, prepared, call):
    weights = tampered(lambda _: None)
    first, second = (weights / f"fold-{n}" / "weights" for n in (1, 2))
    change_card(second, training_scans=read_document(first)["training_scans"])
    ended = call("eval", "--folds", 2, "--data", prepared.data, "--weights", weights)
    assert (ended.status, "scans of fold 2" in ended.err) == (1, True), ended.err


def test_folds_of_two_recipes_are_not_scored_together(tampered, prepared, call):
    weights = tampered(lambda training: training["settings"].update(epochs=9))
    ended = call("eval", "--folds", 2, "--data", prepared.data, "--weights", weights)
    assert (ended.status, "in different ways" in ended.err) == (1, True)


def test_a_fold_of_twenty_is_not_one_of_two(tampered, prepared, call):
    weights = tampered(lambda t: t["data"].update(trained_on="all folds but 2 of 20"))
    ended = call("eval", "--folds", 2, "--data", prepared.data, "--weights", weights)
    assert (ended.status, "fold 2 of 2 left out" in ended.err) == (1, True)


def test_folds_that_are_missing_or_of_other_data_are_refused(
    crossed, prepared, call, scans, tmp_path
):
    folder = crossed[0]
    weights = ("--weights", folder / "runs/cv", "--data", prepared.data)
    ended = call("eval", "--folds", 3, *weights)
    assert (ended.status, "left out" in ended.err) == (1, True)
    assert call("eval", "--folds", 2, "--data", prepared.data).status == 1  # no runs here
    assert call("preprocess", scans, "--size", 64, "--seed", 5, "--out", "other").status == 0
    ended = call("eval", "--folds", 2, "--weights", folder / "runs/cv", "--data", "other")
    assert (ended.status, "not trained on this data" in ended.err) == (1, True)
    assert not (tmp_path / "eval").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--fold", 1), "--fold needs --folds"),
        (("--folds", 3, "--fold", 1), "two or more"),
        (("--folds", 3, "--fold", 1, "--fold", 4), "of 3"),
        (("--folds", 2, "--weights-sha256", "0"), "--weights-sha256"),
        (("--folds", 2, "--split", "test"), "--split"),
    ],
)
def test_folds_that_cannot_be_scored_are_wrong_usage(call, options, named):
    ended = call("eval", *options)
    assert (ended.status, named in ended.err) == (2, True)
