"""Masks scored against prepared data, and masks that busicli made."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from busicli.report.reading import read_scores
from tests.evaluation.made_masks import put, rows

PER_IMAGE = ("dice", "iou", "hd95_px", "lesions", "missed_lesions", "reference_area_px")


@pytest.fixture(scope="module")
def evaluated(scored):
    """The scores of the train split by `eval` with the weights: (rows, metrics)."""
    out, _, metrics = scored
    return rows(out), metrics


def test_our_own_masks_score_as_eval_scores_their_weights(study, call, scans, evaluated, tmp_path):
    masks = ("--predictions", study.out / "masks", "--reference", scans)
    ended = call("eval", *masks, "--out", "o")
    assert "Predictions found for 24 of 24 references." in ended.out
    found, theirs = rows(tmp_path / "o"), evaluated[0]
    assert len(theirs) == 21
    for case, row in theirs.items():
        same = {name: row[name] for name in (*PER_IMAGE, "dataset", "class", "scan_px")}
        assert {name: found[case][name] for name in same} == same


def test_prepared_data_as_reference_give_groups_and_the_same_metrics(
    study, call, evaluated, tmp_path
):
    options = ("--predictions", study.out / "masks", "--reference", study.data)
    call("eval", *options, "--split", "train", "--out", "o")
    metrics = json.loads((tmp_path / "o/metrics.json").read_text())
    assert metrics["per_image"] == evaluated[1]["per_image"]
    assert metrics["by_class"] == evaluated[1]["by_class"]
    assert "patients" in metrics["protocol"]["per_image"]
    assert (tmp_path / "o/examples.png").is_file()  # the data hold the scans
    found = rows(tmp_path / "o")
    names = (*PER_IMAGE, "dataset", "class", "group", "device")
    assert [[row[n] for n in names] for row in found.values()] == [
        [row[n] for n in names] for row in evaluated[0].values()
    ]


def test_masks_of_busicli_tell_which_scans_their_weights_have_seen(study, call, tmp_path):
    options = ("--reference", study.data, "--split", "all", "--out")
    ended = call("eval", "--predictions", study.out / "masks", *options, "o")
    trained = len(json.loads((study.weights / "card.json").read_text())["training_scans"])
    metrics = json.loads((tmp_path / "o" / "metrics.json").read_text())
    assert (metrics["predicted_by"], metrics["hashes_unknown"]) == ("tiny", 0)
    assert metrics["seen"]["same"] == trained == 21
    assert metrics["unseen"]["scans"] == 24 - trained - metrics["seen"]["near copy"]
    assert "Seen in training: 21 of these scans" in ended.out
    # masks of another tool on the same scans: nobody knows what it was trained on
    shutil.copytree(study.out / "masks", tmp_path / "other")
    call("eval", "--predictions", "other", *options, "p")
    compared = call("eval", "--compare", "o", "p", "--json")
    assert json.loads(compared.out)["seen_in_training"]["a"] >= trained
    assert "seen" not in json.loads((tmp_path / "p" / "metrics.json").read_text())


def test_of_scans_that_are_not_at_hand_nobody_knows_whether_they_were_seen(
    study, scans, call, tmp_path
):
    references = tmp_path / "references"  # without the scans
    shutil.copytree(scans, references, ignore=shutil.ignore_patterns("phantom-??.png"))
    masks = ("--predictions", study.out / "masks", "--reference", references)
    shown = call("eval", *masks)
    assert "trained on 24 of the scans is unknown: they are not at hand" in shown.out
    shown = call("eval", *masks, "--scans", scans)
    assert "Seen in training: 21 of these scans" in shown.out


def test_prepared_data_as_reference_take_the_test_split_and_flat_names(study, call, tmp_path):
    for path in (study.out / "masks").rglob("*.png"):
        put(tmp_path / "flat" / path.name, np.asarray(Image.open(path)) > 0)
    ended = call("eval", "--predictions", "flat", "--reference", study.data, "--json")
    metrics = json.loads(ended.out)
    assert metrics["split"] == "test"
    assert (metrics["pairing"]["references"], metrics["pairing"]["paired"]) == (1, 1)
    assert len(metrics["pairing"]["without_reference"]) == 23


def test_scores_of_masks_and_of_weights_can_be_compared(study, call, scans, scored):
    call("eval", "--predictions", study.out / "masks", "--reference", scans, "--out", "o")
    ended = call("eval", "--compare", scored[0], "o", "--json")
    found = json.loads(ended.out)
    assert (found["scans"], len(found["only_in_b"])) == (21, 3)
    assert found["all"]["all"]["dice"]["p_value"] == 1
    groups = {score.group for score in read_scores(scored[0])}
    assert found["groups"] == len(groups)
