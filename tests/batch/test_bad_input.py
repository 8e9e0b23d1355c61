"""What goes wrong ends in one sentence, with the exit status of the contract."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.batch.sentences import said


@pytest.mark.parametrize(
    "command",
    [
        ("preprocess",),
        ("preprocess", "--split-by", "patient", "."),
        ("preprocess", "--jobs", "many", "."),
        ("preprocess", "--size", "8", "."),
        ("train", "--epochs", "0"),
        ("train", "--model-option", "filters"),
        ("train", "--precision", "float8"),
        ("train", "--seed", "-1"),
        ("train", "--learning-rate", "0"),
        ("train", "--resume"),
        ("eval", "--split", "some"),
        ("preprocess", "--aspect", "round", "."),
        ("segment-dir",),
        ("segment-dir", "scans"),
        ("segment-dir", "scans", "out", "--names", "none"),
        ("segment-dir", "scans", "out", "--progress", "bar"),
        ("segment-dir", "scans", "out", "--max-pixels", "0"),
        ("models", "show"),
        ("segment", "scans", "out"),
        ("--no-such-option",),
    ],
)
def test_wrong_usage_ends_with_2_and_writes_nothing(call, tmp_path, command):
    ended = call(*command)
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("train", "--epochs", "0"), "'--epochs': Input should be greater than or equal to 1"),
        (("preprocess", "--size", "9999", "."), "'--size': Input should be less than or equal to"),
        (("preprocess", "--jobs", "many", "."), "'--jobs' / '-j': Input should be a valid"),
        (
            ("segment-dir", "a", "b", "--timeout", "x"),
            "'--timeout': Input should be a valid",
        ),
        (("eval", "--split", "some"), "'some' is not one of 'train', 'val', 'test', 'all'."),
        (("segment-dir", "scans"), "Missing argument 'OUT'."),
        (("segment-dir", "a", "b", "c"), "Got unexpected extra argument(s) (c)"),
        (("segment", "a", "b"), "No such command 'segment'. Did you mean 'segment-dir'?"),
        (("train", "--epoch", "2"), "No such option: --epoch (Possible options: --epochs)"),
        (("train", "--epochs"), "Option '--epochs' requires an argument."),
    ],
)
def test_a_wrong_command_line_is_reported_by_typer(call, command, sentence):
    ended = call(*command)
    assert ended.status == 2
    text = " ".join(re.sub("[│╭╮╰╯─]", " ", ended.err).split())
    assert sentence in text


@pytest.mark.parametrize("command", [(), ("models",)])
def test_a_command_without_its_rest_shows_its_help(call, command):
    ended = call(*command)
    shown = ended.out + ended.err
    assert ended.status == 2
    assert f"Usage: busicli {'models ' if command else ''}[OPTIONS] COMMAND" in shown


def test_a_folder_without_the_classes_is_no_data_set(call, tmp_path):
    (tmp_path / "images").mkdir()
    ended = call("preprocess", "images")
    assert ended.status == 1
    assert "benign, malignant, normal" in said(ended)
    assert "--table" in said(ended)


def test_a_missing_data_set_is_named(call):
    ended = call("preprocess", "nowhere")
    assert (ended.status, "nowhere" in said(ended)) == (1, True)


def test_a_data_set_without_a_scan_is_refused(call, tmp_path):
    for label in ("benign", "malignant", "normal"):
        (tmp_path / "busi" / label).mkdir(parents=True)
    ended = call("preprocess", "busi")
    assert ended.status == 1
    assert "busi holds no scan" in said(ended)
    assert not (tmp_path / "data").exists()


def test_too_few_scans_for_the_split_are_refused(call, scans, tmp_path):
    for number in (19, 20, 21, 22):
        position = tmp_path / "busi" / "normal" / f"{number}.png"
        position.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(scans / "normal" / f"phantom-{number}.png", position)
    ended = call("preprocess", "busi", "--jobs", 1)
    assert ended.status == 1
    # floor(3.6) = 3 to train, of the one that is left ceil(1 / 4) = 1 to test, none to validate
    assert "train, val and test get 3 / 0 / 1 of 4 in all" in said(ended)
    assert [path.name for path in tmp_path.iterdir()] == ["busi"]


def test_a_table_without_a_column_or_with_unknown_words_is_refused(call, scans, tmp_path):
    scan = scans / "normal" / "phantom-19.png"
    table = tmp_path / "own.csv"
    table.write_text(f"image\n{scan}\n")
    assert "has no column scan" in said(call("preprocess", "--table", "own.csv"))
    table.write_text(f"scan,class,split\n{scan},odd,train\n{scan}x,,holdout\n")
    ended = call("preprocess", "--table", "own.csv", "--jobs", 1)
    assert ended.status == 1
    for fault in ("line 2: has the class odd", "line 3: names phantom-19.pngx", "split holdout"):
        assert fault in ended.err
    table.write_text(f"scan,class,split\n{scan},normal,train\n{scan},normal,\n")
    assert "in 1 of 2 rows" in said(call("preprocess", "--table", "own.csv"))


@pytest.mark.parametrize("command", [("train",), ("eval",)])
def test_without_prepared_data_the_command_that_makes_them_is_named(call, tmp_path, command):
    ended = call(*command)
    assert ended.status == 1
    assert "busicli preprocess" in said(ended)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spoil", ["dataset.json", "cases.csv", "test/images.npy"])
def test_prepared_data_that_were_changed_are_refused(call, study, tmp_path, spoil):
    data = Path(shutil.copytree(study.data, tmp_path / "data"))
    (data / spoil).write_bytes((data / spoil).read_bytes()[:40])
    ended = call("eval", "--weights", study.weights)
    assert ended.status == 1
    assert "run preprocess again" in said(ended)
    assert not (tmp_path / "eval").exists()


def test_out_that_is_a_file_is_refused(call, study, scans, tmp_path):
    (tmp_path / "out").write_text("a file")
    ended = call("segment-dir", scans, "out", "--weights", study.weights)
    assert ended.status == 1
    assert "out is a file; name a folder" in said(ended)
    assert (tmp_path / "out").read_text() == "a file"


def test_debug_shows_the_traceback_that_is_kept_back_otherwise(run, tmp_path):
    quiet = run("preprocess", "nowhere", cwd=tmp_path)
    assert (quiet.status, quiet.out, quiet.err.count("\n")) == (1, "", 1)
    loud = run("--debug", "preprocess", "nowhere", cwd=tmp_path)
    assert loud.status == 1
    assert "Traceback" in loud.err


@pytest.mark.parametrize("positions", [("s3://bucket/scans", "out"), (".", "gs://bucket/out")])
def test_object_storage_is_reported_to_be_mounted(call, tmp_path, positions):
    ended = call("segment-dir", *positions)
    assert ended.status == 1
    assert "mount that storage, or copy the scans" in said(ended)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("preprocess", "{scans}", "--split-from", "nope.csv"), "there is no table nope.csv"),
        (("preprocess", "{scans}", "--out", "."), "the current folder cannot be replaced"),
        (("show", "{scans}", "--out", "x.png"), "is a folder; name one scan, or use segment-dir"),
    ],
)
def test_a_path_of_another_kind_is_reported_before_anything_is_done(
    call, scans, tmp_path, command, words
):
    ended = call(*(word.format(scans=scans) for word in command))
    assert (ended.status, words in said(ended)) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_no_jobs_are_as_many_as_cores(call, scans):
    assert call("preprocess", scans, "--size", 64, "--jobs", 0).status == 0


def test_a_batch_system_that_is_not_there_is_one_sentence(call, scans, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = call("segment-dir", scans, "out", "--cluster", "slurm")
    assert ended.status == 1
    last = ended.err.splitlines()[-1]
    assert last.startswith("busicli: --cluster slurm needs sbatch, which this machine lacks")


@pytest.mark.parametrize("backend", ["jax", "jaxx"])
def test_a_backend_that_is_not_there_is_one_sentence(study, run, tmp_path, monkeypatch, backend):
    if backend == "jax" and find_spec("jax"):
        pytest.skip("jax is installed")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    ended = run("train", "--data", study.data, cwd=tmp_path)
    assert ended.status == 1
    assert backend in said(ended)
