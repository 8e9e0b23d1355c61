import shutil
import signal

import pytest
from PIL import Image

from tests.cli.trained import epochs_reported, history


def first_epoch(process) -> bytes:
    """The line after the first epoch; it is written after its checkpoint and curves."""
    return next(line for line in process.stderr if b"Dice_coef" in line)


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


def test_a_run_resumes_with_its_own_settings_whatever_a_settings_file_says(
    study, call, tree, tmp_path
):
    before = tree(study.run)
    (tmp_path / "busicli.toml").write_text(
        '[train]\nepochs = 60\nmodel = "unet"\nset = ["dice_weight=2"]\n'
    )
    options = ("--resume", "--data", study.data, "--runs", study.folder / "runs")
    ended = call("train", *options)
    assert (ended.status, "another" in ended.err) == (0, False), ended.err
    assert "unet, 2 epochs" in ended.out
    assert f"eval --split test --data {study.data} --runs {study.folder / 'runs'}" in ended.out
    changed = {name for name, data in tree(study.run).items() if data != before[name]}
    assert not any(name.startswith("checkpoints/") for name in changed)
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
