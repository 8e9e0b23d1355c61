import csv
import gzip
import json

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load

from busicli.inference.openvino import open_graph
from tests.cli.trained import METRICS, history

COLUMNS = (
    "epoch",
    *METRICS,
    *(f"val_{metric}" for metric in METRICS),
    "objective",
    "val_objective",
    "learning_rate",
    "size_px",
    "seconds",
)


def load_numbers(path):
    return load(gzip.decompress(path.read_bytes()))


def test_history_holds_the_six_metrics_for_both_splits_of_every_epoch(study):
    found = history(study.run)
    assert tuple(found[0]) == COLUMNS
    assert [row["epoch"] for row in found] == ["1", "2"]
    assert [row["size_px"] for row in found] == ["32", "64"]
    for row in found:
        for prefix in ("", "val_"):
            values = {metric: float(row[prefix + metric]) for metric in METRICS}
            assert values["Loss"] + values["Dice_coef"] == pytest.approx(1, abs=1e-5)
            assert all(0 <= value <= 1 for value in values.values())
            precision, recall = values["Precision"], values["Recall"]
            total = precision + recall
            harmonic = 2 * precision * recall / total if total else 0
            assert values["F1_score"] == pytest.approx(harmonic, rel=1e-3)
    # 2 epochs of ceil(21 / 2) = 11 steps: warm-up to 0.01 in 22 // 4 = 5, then a cosine to nothing
    assert 0 < float(found[0]["learning_rate"]) < 0.01
    assert float(found[1]["learning_rate"]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["loss", "accuracy", "dice"])
def test_three_curves_are_drawn(study, name):
    assert b"<svg" in (study.run / f"{name}.svg").read_bytes()
    image = Image.open(study.run / f"{name}.png").convert("RGB")
    colours = {colour for _, colour in image.getcolors(maxcolors=1 << 24)}
    assert {(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)} <= colours  # training and validation


def test_run_json_tells_how_the_run_was_made(study):
    record = json.loads((study.run / "run.json").read_text())
    info = json.loads((study.data / "dataset.json").read_text())
    assert record["model"] == {
        "name": "unet",
        "options": {"filters": 8, "levels": 3},
        "init": None,
        "postprocess_from": None,
    }
    assert record["settings"]["epochs"] == 2
    assert record["settings"]["batch_size"] == 2
    assert record["data"]["fingerprint"] == info["fingerprint"]
    assert record["started"].endswith("+00:00")


def test_the_card_says_what_the_weights_are_and_what_they_have_seen(study, scans):
    card = json.loads((study.weights / "card.json").read_text())
    assert card["architecture"] == "unet"
    assert card["options"] == {"filters": 8, "levels": 3}
    assert card["preprocess"] == {"size_px": 64, "aspect": "stretch", "views": "auto"}
    assert card["training"]["data"]["datasets"] == {"scans": 24}
    assert "upper bound" in card["scores"]["val"]["protocol"]
    with (study.data / "cases.csv").open(newline="") as file:
        train = [row for row in csv.DictReader(file) if row["split"] == "train"]
    assert len(card["training_scans"]) == 21
    assert {tuple(seen) for seen in card["training_scans"]} == {
        (row["pixels_sha256"], row["phash"]) for row in train
    }
    assert sorted(path.name for path in study.weights.iterdir()) == [
        *("card.json", "graph.bin", "graph.xml", "model.safetensors.gz"),
    ]


def test_the_weights_are_numbers_alone_and_finite(study):
    numbers = load_numbers(study.weights / "model.safetensors.gz")
    assert len(numbers) > 20
    assert all(np.isfinite(array).all() for array in numbers.values())


def test_init_begins_from_the_weights_given(study, call, training, tmp_path):
    ended = call(
        *("train", "--data", study.data, "--name", "more", "--init", study.weights),
        *(*training, "--epochs", 1, "--learning-rate", 1e-9),
    )
    assert ended.status == 0
    # so small a rate changes next to nothing: the kernels are still those it began from
    first, second = (
        load_numbers(weights / "model.safetensors.gz")
        for weights in (study.weights, tmp_path / "runs" / "more" / "weights")
    )
    kernels = [key for key in first if key.endswith("kernel")]
    assert len(kernels) > 10
    for key in kernels:
        assert np.allclose(first[key], second[key], atol=2e-3)
    assert json.loads((tmp_path / "runs" / "more" / "run.json").read_text())["model"]["init"]
    before, after = (
        json.loads((weights / "card.json").read_text())["training"]
        for weights in (study.weights, tmp_path / "runs" / "more" / "weights")
    )
    assert before["earlier_stages"] == []
    (stage,) = after["earlier_stages"]
    assert (stage["settings"], stage["init"]) == (before["settings"], None)
    assert after["settings"]["epochs"] == 1


def test_the_weights_started_from_keep_the_share_that_is_asked_for(study, call, training, tmp_path):
    # one epoch more from the same weights, once as it ends, once with a quarter of where it began
    begin = ("train", "--data", study.data, "--init", study.weights, *training, "--epochs", 1)
    assert call(*begin, "--name", "whole").status == 0
    assert call(*begin, "--name", "mixed", "--set", "init_weight=0.25").status == 0
    started, whole, mixed = (
        load_numbers(weights / "model.safetensors.gz")
        for weights in (
            study.weights,
            *(tmp_path / "runs" / n / "weights" for n in ("whole", "mixed")),
        )
    )
    moved = 0
    for key, own in whole.items():
        first, last = started[key].astype(np.float32), own.astype(np.float32)
        moved += int(abs(last - first).max() > 1e-3)
        # kernels are rounded to the eight bits that bfloat16 holds
        between = 0.75 * last + 0.25 * first
        np.testing.assert_allclose(mixed[key].astype(np.float32), between, rtol=2**-8, atol=1e-6)
    assert moved > 10
    cards = [
        json.loads((tmp_path / "runs" / name / "weights" / "card.json").read_text())
        for name in ("whole", "mixed")
    ]
    # the card's figures are those of the weights beside it
    assert cards[0]["scores"]["val"]["pooled"] != cards[1]["scores"]["val"]["pooled"]


def test_the_default_model_learns_masks_and_classes_and_begins_where_asked(
    study, call, scans, tmp_path
):
    ended = call(
        *("train", "--data", study.data, "--name", "both", "--init", "random", "--epochs", 1),
        *("--model-option", "encoder=lite0", "--model-option", "widths=[8,8,8,8]"),
        *("--set", "low_res_fraction=0"),
    )
    assert ended.status == 0, ended.err
    run = tmp_path / "runs" / "both"
    (row,) = history(run)
    assert tuple(row) == COLUMNS  # the figures of masks, as for any other model
    assert all(np.isfinite(float(value)) for value in row.values())
    assert json.loads((run / "run.json").read_text())["model"]["init"] == "random"
    card = json.loads((run / "weights" / "card.json").read_text())
    assert (card["architecture"], card["training"]["init"]) == ("improved-unet", "random")
    graph = open_graph({n: (run / "weights" / n).read_bytes() for n in ("graph.xml", "graph.bin")})
    classes = graph.predict(np.zeros((1, 64, 64, 3), np.uint8)).classes
    assert classes.sum() == pytest.approx(1)
    ended = call("segment-dir", scans / "normal", "out", "--weights", run / "weights")
    assert ended.status == 0, ended.err


def test_scans_with_an_objection_are_left_out_and_that_is_said(objected, call, training, tmp_path):
    options = ("--data", objected, *training, "--epochs", 1)
    ended = call("train", "--name", "clean", *options)
    assert ended.status == 0
    assert ended.out.startswith(
        "Left out: 4 scans to which the curators of BUSI object; --objected keep trains on them.\n"
    )
    with (objected / "cases.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    run = tmp_path / "runs" / "clean"
    card = json.loads((run / "weights" / "card.json").read_text())
    kept = {row["pixels_sha256"] for row in rows if not row["objection"]}
    assert {pixels for pixels, _ in card["training_scans"]} == kept
    assert len(kept) == 21 - 3
    assert card["scores"]["val"]["scans"] == 1  # of two, one carries an objection
    facts = card["training"]["data"]
    assert (facts["objected"], facts["left_out"], facts["scans"]) == ("leave-out", 4, 18)
    record = json.loads((run / "run.json").read_text())
    assert record["asked"]["objected"] == record["data"]["objected"] == "leave-out"
    again = call("train", "--name", "clean", "--data", objected, "--resume", "--objected", "keep")
    assert (again.status, "another left_out (4, now 0), objected" in again.err) == (1, True)


def test_a_run_that_keeps_objected_scans_keeps_them_when_it_is_resumed(
    objected, call, training, tmp_path
):
    options = ("--data", objected, "--name", "all", *training, "--epochs", 1)
    first = call("train", *options, "--objected", "keep")
    assert (first.status, "Left out" in first.out) == (0, False)
    card = json.loads((tmp_path / "runs/all/weights/card.json").read_text())
    assert len(card["training_scans"]) == 21
    again = call("train", "--data", objected, "--name", "all", "--resume")
    assert (again.status, "Left out" in again.out) == (0, False)
