import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from busicli.data.splits import divide_into_folds
from busicli.data.store import Rows, open_data
from busicli.errors import InputError
from tests.made_weights import change_card, read_document


@pytest.fixture(scope="module")
def crossed(prepared, run, training, tmp_path_factory):
    """Two folds trained and scored, in a folder of their own."""
    folder = tmp_path_factory.mktemp("folds")
    data = ("--data", prepared.data)
    train = run("train", "--folds", 2, "--name", "cv", *data, *training, cwd=folder)
    score = run("eval", "--folds", 2, *data, cwd=folder)
    return folder, train, score


def per_image(folder) -> list[dict[str, str]]:
    with (folder / "eval" / "cv-folds" / "per_image.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# --- dividing


@pytest.mark.parametrize("folds", [2, 5])
def test_groups_stay_whole_and_strata_are_shared_out(folds):
    rng = np.random.default_rng(3)
    groups = np.sort(rng.integers(0, 300, 500))
    strata = np.array(["rare", "common", "often"])[rng.choice(3, 500, p=(0.1, 0.3, 0.6))]
    found = divide_into_folds(groups, strata, folds)
    assert sorted(set(found)) == list(range(1, folds + 1))
    for group in set(groups):
        assert len(set(found[groups == group])) == 1
    for stratum in set(strata):
        counts = np.bincount(found[strata == stratum])[1:]
        assert counts.max() - counts.min() <= 4


def test_folds_are_the_same_each_time_and_others_for_another_seed():
    groups, strata = np.arange(60), ["a", "b"] * 30
    first = divide_into_folds(groups, strata, 3)
    assert (divide_into_folds(groups, strata, 3) == first).all()
    assert (divide_into_folds(groups, strata, 3, seed=1) != first).any()


@pytest.mark.parametrize("folds", [1, 5])
def test_folds_need_groups_to_fill_them(folds):
    with pytest.raises(
        InputError, match=rf"^the number of folds is {folds}; it must be from 2 to .*, 4\.$"
    ):
        divide_into_folds(np.array([0, 0, 1, 2, 3]), ["a"] * 5, folds)


def test_rows_read_like_one_array():
    first, second = np.arange(12, dtype=np.uint8).reshape(2, 3, 2), np.zeros((4, 3, 2), np.uint8)
    rows = Rows([(first, 1), (second, 3), (first, 0)])
    assert (rows.shape, len(rows)) == ((3, 3, 2), 3)
    assert (rows[2] == first[0]).all()
    assert (rows[:] == np.stack([first[1], second[3], first[0]])).all()
    assert (rows[1:9] == np.stack([second[3], first[0]])).all()


def test_gathered_scans_keep_their_own_masks(prepared):
    data = open_data(prepared.data)
    cases = [data.cases[i] for i in (20, 0, 11)]
    scans = data.gather(cases)
    for position, case in enumerate(cases):
        split = data.load(case.split)
        assert (scans.images[position] == split.images[case.index]).all()
        assert (scans.masks[position] == split.masks[case.index]).all()
        assert (scans.native_mask(position) == split.native_mask(case.index)).all()


# --- training


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


def test_training_on_all_scans_uses_what_the_folds_chose(
    crossed, prepared, call, training, tmp_path
):
    folder = crossed[0]
    chosen = folder / "eval" / "cv-folds"
    options = (
        "--data",
        prepared.data,
        "--train-on",
        "all",
        "--postprocess-from",
        chosen,
        *training,
    )
    assert call("train", "--name", "whole", *options, "--epochs", 1).status == 0
    card = json.loads((tmp_path / "runs/whole/weights/card.json").read_text())
    choices = json.loads((chosen / "tuned_settings.json").read_text())
    assert len(card["training_scans"]) == 24
    assert card["postprocess"] == choices["postprocess"]
    assert card["confidence"] == choices["confidence"]


def test_folds_of_different_data_sets_have_no_common_score(crossed, prepared, call, tmp_path):
    shutil.copytree(crossed[0] / "runs/cv", tmp_path / "mixed")
    weights = tmp_path / "mixed/fold-2/weights"
    training = read_document(weights)["training"]
    training["data"]["trained_on"] += " of BUSBRA"
    change_card(weights, training=training)
    ended = call("eval", "--folds", 2, "--data", prepared.data, "--weights", "mixed")
    assert (ended.status, "trained in different ways" in ended.err) == (1, True)


def test_weights_flip_scans_where_they_were_chosen_for_that(
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
    assert json.loads((weights / "card.json").read_text())["tta"] is True
    assert call("segment-dir", scans / "benign", "out", "--weights", weights).status == 0
    run = json.loads((tmp_path / "out/run.json").read_text())
    assert run["engine"]["name"].endswith(" with flip TTA")
    assert run["tta"] is True
    for options, mirrored in (((), True), (("--no-tta",), False)):
        assert call("eval", *data, "--weights", weights, "--out", "own", *options).status == 0
        assert json.loads((tmp_path / "own/metrics.json").read_text())["tta"] is mirrored
    assert call("eval", *data, "--weights", weights, "--out", "two").status == 0
    assert not (tmp_path / "two/tuned_settings.json").exists()  # they were of the scores before


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


# --- scoring


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


def test_folds_go_on_from_their_own_folds_of_another_training(crossed, prepared, call, training):
    folder = crossed[0]
    given = ("--data", prepared.data, "--folds", 2)
    ended = call("train", *given, "--name", "more", "--init", folder / "runs/cv", *training)
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


def test_the_card_tells_what_the_weights_started_from_had_seen(crossed, prepared, call, training):
    """So that a chain of trainings cannot make a scan unseen."""
    first = crossed[0] / "runs/cv/fold-1/weights"
    given = ("--data", prepared.data, "--name", "chain")
    assert call("train", *given, "--init", first, *training).status == 0
    cards = [json.loads((w / "card.json").read_text()) for w in (first, Path("runs/chain/weights"))]
    before, after = ({pixels for pixels, _ in card["training_scans"]} for card in cards)
    assert before < after
    assert len(after) == len(cards[1]["training_scans"])


def test_tuned_settings_on_scans_that_were_seen_before_are_reported(
    crossed, prepared, call, training
):
    first = crossed[0] / "runs/cv/fold-1/weights"
    options = ("--data", prepared.data, "--name", "chain", "--init", first, *training)
    ended = call("train", *options, "--epochs", 1)
    assert ended.status == 0, ended.err
    assert "The initial weights were trained on " in ended.err


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
