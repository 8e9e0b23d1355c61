import csv
import json
import shutil
from pathlib import Path

import pytest

from busicli.data.store import open_data


def test_each_fold_is_a_run_of_its_own_that_leaves_its_scans_out(crossed, prepared):
    folder, train, _ = crossed
    assert (train.status, "busicli eval --folds 2" in train.out) == (0, True)
    data = open_data(prepared.data)
    folds = data.folds(2)
    for number in (1, 2):
        card = json.loads((folder / "runs/cv" / f"fold-{number}/weights/card.json").read_text())
        seen = {pixels for pixels, _ in card["training_scans"]}
        others = {
            c.fingerprint.pixels_sha256
            for c, f in zip(data.cases, folds, strict=True)
            if f != number
        }
        assert seen == others
        assert card["training"]["data"]["trained_on"] == f"all folds but {number} of 2"
        assert card["training"]["best_epoch"] == 2  # the last


def test_folds_are_over_all_scans_and_train_without_the_objected_ones(
    objected, call, training, tmp_path
):
    data = ("--data", objected)
    train = call("train", "--folds", 2, "--name", "cv", *data, *training, "--epochs", 1)
    assert train.status == 0, train.err
    assert train.out.count("Left out: 4 scans") == 1
    found = open_data(objected)
    folds = found.folds(2)
    for number in (1, 2):
        card = json.loads((tmp_path / f"runs/cv/fold-{number}/weights/card.json").read_text())
        assert {pixels for pixels, _ in card["training_scans"]} == {
            case.fingerprint.pixels_sha256
            for case, fold in zip(found.cases, folds, strict=True)
            if fold != number and not case.objection
        }
    assert call("eval", "--folds", 2, *data).status == 0
    metrics = json.loads((tmp_path / "eval/cv-folds/metrics.json").read_text())
    clean = metrics["without_objections"]
    assert (metrics["per_image"]["scans"], clean["per_image"]["scans"]) == (24, 20)
    assert sum(fold["scans"] for fold in clean["by_fold"].values()) == 20
    assert sum(fold["scans"] for fold in metrics["by_fold"].values()) == 24


def test_nothing_is_validated_on_while_folds_train(crossed):
    folder = crossed[0]
    with (folder / "runs/cv/fold-1/history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["val_Dice_coef"] for row in rows] == ["", ""]
    assert all(0 < float(row["Dice_coef"]) < 1 for row in rows)


def test_resume_trains_the_folds_that_are_missing_alone(crossed, prepared, call, training, tree):
    folder = crossed[0]
    runs = ("--runs", folder / "runs", "--data", prepared.data)
    before = tree(folder / "runs")
    again = call("train", "--folds", 2, "--name", "cv", "--resume", *runs, *training)
    assert again.status == 0
    assert tree(folder / "runs") == before
    assert call("train", "--folds", 2, "--name", "cv", *runs, *training).status == 1


def test_resume_with_other_settings_is_refused_though_the_folds_are_finished(
    crossed, prepared, call, training, tree
):
    folder = crossed[0]
    options = ("--folds", 2, "--name", "cv", "--resume", "--runs", folder / "runs")
    before = tree(folder / "runs")
    ended = call("train", *options, "--data", prepared.data, *training, "--epochs", 3)
    assert (ended.status, "another epochs" in ended.err) == (1, True)
    assert tree(folder / "runs") == before


def test_resume_is_refused_where_other_scans_would_be_held_out(
    crossed, prepared, call, training, tmp_path
):
    data = shutil.copytree(prepared.data, tmp_path / "data")
    table = data / "cases.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:  # images, masks and splits stay, and so does the fingerprint
        row["group"] = rows[0]["group"] if row["class"] == "benign" else row["group"]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    assert open_data(data).fingerprint == open_data(prepared.data).fingerprint
    options = ("--folds", 2, "--name", "cv", "--resume", "--runs", crossed[0] / "runs")
    ended = call("train", *options, "--data", data, *training)
    assert (ended.status, "another folds" in ended.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--fold", 1), "--fold needs --folds"),
        (("--folds", 2, "--fold", 3), "--fold is 3"),
        (("--folds", 2, "--train-on", "all"), "--folds leaves scans out"),
        (("--train-on", "some"), "'--train-on': "),
        (("--set", "colour=1"), "colour"),
        (("--set", "augmentation.colour=1"), "augmentation.colour"),
        (("--set", "warmup_epochs=soon"), "warmup_epochs is soon"),
        (("--set", "epochs"), "KEY=VALUE"),
        (("--postprocess-from", "eval/cv"), "--postprocess-from is for --train-on all"),
        (("--folds", 2, "--resume"), "no cross-validation in runs"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(call, options, named):
    ended = call("train", *options)
    assert ended.status == 2
    assert named in ended.err


def test_training_on_one_data_set_leaves_the_others_scans_out(call, scans, training, tmp_path):
    table = tmp_path / "more.csv"
    table.write_text(f"scan,masks,class,group,split\n{scans / 'normal' / 'phantom-19.png'},,,,\n")
    assert call("preprocess", scans, "--table", table, "--size", 64).status == 0
    options = (
        "--name",
        "own",
        "--train-on",
        "all",
        "--dataset",
        scans.name,
        *training,
        "--epochs",
        1,
    )
    assert call("train", *options).status == 0
    card = json.loads((tmp_path / "runs/own/weights/card.json").read_text())
    assert len(card["training_scans"]) == 24
    assert card["training"]["data"]["trained_on"] == f"all scans of {scans.name}"
    again = call("train", "--name", "own", "--resume")  # on what is not said again
    assert (again.status, again.err) == (0, "")
    ended = call("train", "--dataset", "elsewhere")
    assert (ended.status, "elsewhere" in ended.err) == (1, True)


def test_tuned_settings_that_are_not_there_are_said_before_anything_is_trained(
    prepared, call, tmp_path
):
    ended = call(
        "train", "--data", prepared.data, "--train-on", "all", "--postprocess-from", tmp_path
    )
    assert (ended.status, "tuned_settings.json" in ended.err) == (1, True)
    assert not (tmp_path / "runs").exists()


def test_folds_go_on_from_their_own_folds_of_another_training(crossed, prepared, call, training):
    folder = crossed[0]
    given = ("--data", prepared.data, "--folds", 2)
    begin = ("--name", "more", "--init", folder / "runs/cv", *training, "--epochs", 1)
    ended = call("train", *given, *begin)
    assert ended.status == 0, ended.err
    scored = call("eval", *given, "--weights", "runs/more")
    assert scored.status == 0, scored.err
    assert "a network that had not seen it" in scored.out


def test_no_fold_begins_from_weights_that_have_seen_its_scans(
    crossed, prepared, call, training, tmp_path
):
    given = ("--data", prepared.data, "--folds", 2, "--fold", 1, "--name", "more", *training)
    ended = call("train", *given, "--init", crossed[0] / "runs/cv/fold-2/weights")
    assert ended.status == 1
    assert "scans of fold 1, which must be unseen" in ended.err
    assert not (tmp_path / "runs" / "more").exists()


def test_the_scans_of_the_initial_weights_are_seen_and_that_is_said(
    crossed, prepared, call, training
):
    """So that a chain of trainings cannot make a scan unseen."""
    first = crossed[0] / "runs/cv/fold-1/weights"
    given = ("--data", prepared.data, "--name", "chain", "--init", first)
    ended = call("train", *given, *training, "--epochs", 1)
    assert ended.status == 0, ended.err
    cards = [json.loads((w / "card.json").read_text()) for w in (first, Path("runs/chain/weights"))]
    before, after = ({pixels for pixels, _ in card["training_scans"]} for card in cards)
    assert before < after
    assert len(after) == len(cards[1]["training_scans"])
    assert "The initial weights were trained on " in ended.err
