import csv
import gzip
import json
import re
import shutil
import signal

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load

from busicli.cli.train_output import ProgressOutput
from busicli.inference.openvino import open_graph
from tests.conftest import TRAINING

METRICS = ("Loss", "Dice_coef", "Recall", "Precision", "Accuracy", "F1_score")
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
DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def load_numbers(path):
    return load(gzip.decompress(path.read_bytes()))


def epochs_reported(err: str) -> list[str]:
    """Epochs with a line of their own, without the lines within an epoch that takes long."""
    return re.findall(rf"^{DATE} (epoch \d+ of \d+): Dice_coef", err, re.MULTILINE)


def first_epoch(process) -> bytes:
    """The line after the first epoch; it is written after its checkpoint and curves."""
    return next(line for line in process.stderr if b"Dice_coef" in line)


def history(run):
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


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


def test_the_last_epochs_metrics_are_shown_in_a_table(study):
    last = history(study.run)[-1]
    assert study.train.status == 0
    assert "After epoch 2; best epoch" in study.train.out
    for metric in METRICS:
        (line,) = (line for line in study.train.out.splitlines() if f"│ {metric} " in line)
        cells = [cell.strip() for cell in line.replace("│", "|").split("|")[1:-1]]
        expected = [f"{float(last[prefix + metric]):.4f}" for prefix in ("", "val_")]
        assert cells[:3] == [metric, *expected]


def test_each_epoch_is_reported_in_one_line_on_stderr(study):
    assert epochs_reported(study.train.err) == ["epoch 1 of 2", "epoch 2 of 2"]
    first, last = (line for line in study.train.err.splitlines() if "Dice_coef" in line)
    assert re.search(r" validation at 32 px; \d+ s, [\d:]+ left$", first)
    assert re.search(r" validation at 64 px; \d+ s$", last)


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


def test_a_killed_run_resumes_to_the_same_weights_and_history(
    study, start, run, training, tmp_path
):
    options = ("--data", study.data, "--name", "tiny", *training)
    with start("train", *options, cwd=tmp_path) as started:
        line = first_epoch(started)
        started.kill()
    assert b" epoch 1 of 2: " in line
    folder = tmp_path / "runs" / "tiny"
    for name in ("loss", "accuracy", "dice"):
        Image.open(folder / f"{name}.png").load()
    assert len(history(folder)) == 1
    assert not (folder / "weights").exists()

    ended = run("train", "--resume", *options, cwd=tmp_path)
    assert ended.status == 0
    assert epochs_reported(ended.err) == ["epoch 2 of 2"]
    numbers = [path / "weights" / "model.safetensors.gz" for path in (folder, study.run)]
    assert numbers[0].read_bytes() == numbers[1].read_bytes()
    ours, theirs = history(folder), history(study.run)
    for row in (*ours, *theirs):
        del row["seconds"]
    assert ours == theirs


def test_resume_resumes_with_the_newest_run_and_a_finished_one_stays_as_it_is(
    study, call, training, tree, tmp_path
):
    runs = shutil.copytree(study.folder / "runs", tmp_path / "runs")
    resume = ("train", "--resume", "--data", study.data, "--runs", runs, *training)
    assert call(*resume).status == 0  # its own card again, without the confidence of the tests
    before = tree(runs)
    ended = call(*resume)
    assert ended.status == 0
    assert ended.out.startswith(f"Run {runs / study.run.name}: ")
    assert "epoch" not in ended.err  # no epoch was left to do
    assert tree(runs) == before  # its card too: others may have pinned it


def test_a_finished_run_that_lost_its_graph_gets_it_again(study, call, training, tmp_path):
    runs = shutil.copytree(study.folder / "runs", tmp_path / "runs")
    weights = runs / study.run.name / "weights"
    (weights / "graph.bin").unlink()
    ended = call("train", "--resume", "--data", study.data, "--runs", runs, *training)
    assert ended.status == 0
    assert (weights / "graph.bin").read_bytes() == (study.weights / "graph.bin").read_bytes()


def test_a_settings_file_changes_no_run_that_resumes(study, call, tmp_path):
    (tmp_path / "busicli.toml").write_text(
        '[train]\nepochs = 60\nmodel = "unet"\nset = ["dice_weight=2"]\n'
    )
    options = ("--resume", "--data", study.data, "--runs", study.folder / "runs")
    ended = call("train", *options)
    assert (ended.status, "another" in ended.err) == (0, False)
    refused = call("train", *options, "--set", "dice_weight=2")
    assert (refused.status, "dice_weight" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (("--epochs", 3), "epochs"),
        (("--learning-rate", 0.002), "learning_rate"),
        (("--no-augment",), "augment"),
        (("--seed", 7), "seed"),
        (("--model-option", "filters=4"), "options"),
    ],
)
def test_resume_with_other_settings_is_refused(study, call, training, tree, changed, named):
    before = tree(study.run)
    ended = call(
        *("train", "--resume", "--name", "tiny", "--data", study.data),
        *("--runs", study.folder / "runs", *training, *changed),
    )
    assert ended.status == 1
    assert f"started with another {named}" in ended.err
    assert tree(study.run) == before


def test_resume_on_other_data_is_refused(study, call, scans, training):
    call("preprocess", scans, "--size", 64, "--seed", 5, "--jobs", 1)
    ended = call(
        *("train", "--resume", "--name", "tiny", "--runs", study.folder / "runs", *training)
    )
    assert ended.status == 1
    assert "another fingerprint" in ended.err


def test_an_existing_run_is_never_written_over(study, call, training, tree):
    before = tree(study.run)
    ended = call(
        *("train", "--name", "tiny", "--data", study.data),
        *("--runs", study.folder / "runs", *training),
    )
    assert ended.status == 1
    assert "exists" in ended.err
    assert "--resume" in ended.err
    assert tree(study.run) == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--model", "resnet"),
            "there is no model resnet; known are: improved-unet, unet.",
        ),
        (
            ("--model-option", "filters=8"),
            "has no option filters; it has: encoder, widths, dropout, class_head.",
        ),
        (("--resume", "--name", "gone"), "to resume; leave out --resume"),
        (("--init", "./nowhere"), "nowhere holds no card.json"),
        (("--set", "init_weight=0.5"), "and there are none: give --init."),
    ],
)
def test_what_cannot_be_trained_is_said_and_leaves_no_run(study, call, tmp_path, options, sentence):
    ended = call("train", "--data", study.data, *options)
    assert ended.status == 1
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert not ended.out  # no run is announced
    assert not (tmp_path / "runs").exists()


def test_data_without_a_validation_split_are_not_trained_on(call, scans, tmp_path):
    lines = [f"{scan},,normal,,test" for scan in sorted((scans / "normal").glob("*[0-9].png"))]
    (tmp_path / "own.csv").write_text("\n".join(["scan,masks,class,group,split", *lines]) + "\n")
    assert call("preprocess", "--table", "own.csv", "--size", 32, "--jobs", 1).status == 0
    ended = call("train")
    assert ended.status == 1
    assert "no scan for train and val" in ended.err


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


def test_the_best_epoch_is_one_of_those_at_full_size_and_that_is_said(study):
    assert (
        "Best epoch: the highest validation Dice_coef of epoch 2 alone, at full size. Epoch 1 "
        "trained on smaller scans and cannot be compared.\n"
    ) in study.train.out


def test_progress_within_an_epoch_is_a_dated_line_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr("busicli.cli.progress.SECONDS_A_LINE", 1e-9)
    output = ProgressOutput(3)
    for done in range(1, 5):
        output.batch(2, done, 4)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert re.fullmatch(rf"{DATE} epoch 2 of 3: 4 of 4 after [\d:]+, 00:00 left", lines[-1])


def test_no_line_is_written_within_a_short_epoch(capsys):
    output = ProgressOutput(3)
    for done in range(1, 5):
        output.batch(2, done, 4)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (("--model-option", "widths=3"), 1, "is 3; it must be like [48, 80, 112, 192]."),
        (("--model-option", "widths=[0,8,8,8]"), 1, "cannot be built with the options {'widths':"),
        (("--model", "unet", "--model-option", "levels=30"), 1, "size would be zero or negative"),
        (("--learning-rate", "0"), 2, "learning rate is 0.0; it must be above 0."),
        (("--set", "augmentation.gamma=x"), 2, "augmentation.gamma is x; it must be like 0.4."),
        (("--set", "learning_rate=Infinity"), 2, "learning_rate is inf; it must be finite."),
        (("--fold", "1"), 2, "--fold needs --folds, the number of folds."),
        (("--folds", "2", "--fold", "3"), 2, "--fold is 3; there are 2 folds."),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence_and_leaves_no_run(
    study, call, tmp_path, options, status, sentence
):
    ended = call("train", "--data", study.data, "--model", "improved-unet", *options)
    assert ended.status == status
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_weights_that_do_not_fit_name_the_first_layer_that_differs(study, call, tmp_path):
    filters = ("--model-option", "filters=16")
    ended = call("train", "--data", study.data, "--init", study.weights, *TRAINING, *filters)
    assert ended.status == 1
    assert re.search(
        r"do not fit the model \S+: its first difference is \S+, of shape \(.*8\) in the weights "
        r"and \(.*16\) in the model; use the plugin",
        ended.err,
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_stopped_run_says_so_by_its_status_and_can_be_resumed(
    study, start, training, tmp_path, number, status
):
    many = (*training, "--epochs", 1000)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as for a script's background job
    try:
        process = start("train", "--data", study.data, "--name", "tiny", *many, cwd=tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        first = first_epoch(process)
        process.send_signal(number)
        err = process.stderr.read().decode()
    assert b" epoch 1 of 1000: " in first
    assert process.returncode == status
    name = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}[number]
    assert err.splitlines()[-1] == (
        f"busicli: stopped by {name}; resume with: busicli train --resume --name tiny "
        f"--data {study.data}."
    )
    assert "Traceback" not in err
    folder = tmp_path / "runs" / "tiny"
    assert len(history(folder)) >= 1
    assert (folder / "checkpoints" / "last.safetensors").is_file()
    assert not (folder / "weights").exists()


def test_a_run_resumes_with_the_settings_it_was_started_with(study, call, tree):
    before = tree(study.run)
    ended = call("train", "--resume", "--runs", study.folder / "runs", "--data", study.data)
    assert ended.status == 0, ended.err
    assert "unet, 2 epochs" in ended.out
    assert f"eval --split test --data {study.data} --runs {study.folder / 'runs'}" in ended.out
    changed = {name for name, data in tree(study.run).items() if data != before[name]}
    assert not any(name.startswith("checkpoints/") for name in changed)


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


def test_a_name_is_no_path(call, study, tmp_path):
    ended = call("train", "--data", study.data, "--name", "../elsewhere")
    assert (ended.status, "leave out slashes" in ended.err) == (2, True)
