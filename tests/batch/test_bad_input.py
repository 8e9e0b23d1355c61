"""What goes wrong ends in one sentence, with the exit status of the contract."""

import gzip
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from safetensors.numpy import load, save

from tests.made_weights import change_card


def said(ended) -> str:
    """The one line on stderr that is not progress."""
    lines = [line for line in ended.err.splitlines() if " preparing scans: " not in line]
    assert len(lines) == 1
    (line,) = lines
    assert line.startswith("busicli: ")
    assert "internal error" not in line
    return line


@pytest.fixture
def weights(study, tmp_path) -> Path:
    """A copy of the study's weights that a test may spoil."""
    return Path(shutil.copytree(study.weights, tmp_path / "weights"))


@pytest.fixture
def refused(call, study, scans, tmp_path, weights):
    """Give the weights to each command that reads some: the same sentence, and nothing written."""

    def everywhere() -> str:
        before = sorted(tmp_path.rglob("*"))
        commands = (
            ("segment-dir", scans, "out", "--weights", weights),
            ("eval", "--data", study.data, "--weights", weights),
            ("train", "--data", study.data, "--init", weights, "--name", "new"),
        )
        sentences = set()
        for command in commands:
            ended = call(*command)
            assert ended.status == 1
            sentences.add(said(ended))
        assert [p for p in sorted(tmp_path.rglob("*")) if p not in before] == []
        (sentence,) = sentences
        return sentence

    return everywhere


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


@pytest.mark.parametrize(
    ("options", "said_of_data"),
    [
        (("--size", 48), "48 (stretch, views auto)"),
        (("--size", 64, "--aspect", "keep"), "64 (keep, views auto)"),
    ],
)
def test_data_that_are_too_small_or_of_another_aspect_do_not_go_with_the_weights(
    call, study, scans, options, said_of_data
):
    call("preprocess", scans, *options, "--jobs", 1)
    ended = call("eval", "--weights", study.weights)
    assert ended.status == 1
    wanted = "take scans of 64 px (stretch, views auto)"
    assert f"{wanted} but the data are prepared at {said_of_data}" in said(ended)
    assert "--size 64" in said(ended)


def test_a_size_the_model_cannot_take_is_refused(call, scans, tmp_path):
    call("preprocess", scans, "--size", 48, "--jobs", 1)
    ended = call("train")
    assert ended.status == 1
    assert "48 x 48 px but the model improved-unet needs multiples of 32" in said(ended)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("widths=[8,16]", "cannot be built with the options {'widths': [8, 16]}: "),
        ("widths=3", "the option widths of the model improved-unet is 3; it must be like "),
        ("dropout=much", 'dropout of the model improved-unet is "much"; it must be like 0.2.'),
        ("encoder=lite9", "cannot be built with the options {'encoder': 'lite9'}: "),
    ],
)
def test_options_that_the_model_cannot_be_built_with_are_refused(call, study, option, sentence):
    ended = call("train", "--data", study.data, "--model-option", option)
    assert ended.status == 1
    assert sentence in said(ended)


def test_weights_for_another_architecture_are_refused(call, study, scans, weights, tmp_path):
    change_card(weights, architecture="unet", options={"filters": 4})
    ended = call("segment-dir", scans, "out", "--weights", weights, "--engine", "keras")
    assert ended.status == 1
    assert "do not fit the model unet" in said(ended)
    assert not (tmp_path / "out").exists()
    started = call("train", "--data", study.data, "--init", study.weights, "--name", "other")
    assert started.status == 1  # the study's network is narrower than the default one
    assert "do not fit the model improved_unet" in said(started)
    assert not (tmp_path / "runs" / "other" / "run.json").exists()


def test_weights_of_an_unknown_architecture_are_refused(call, scans, weights, tmp_path):
    change_card(weights, architecture="strangers-net")
    ended = call("segment-dir", scans, "out", "--weights", weights, "--engine", "keras")
    assert ended.status == 1
    assert "there is no model strangers-net" in said(ended)
    assert "--plugin" in said(ended)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"name": "x"}', "\xff", '{"preprocess": 1, "postprocess": 2}']
)
def test_a_damaged_card_is_refused_by_every_command(refused, weights, text):
    (weights / "card.json").write_bytes(text.encode("latin-1"))
    assert "card of weights is damaged" in refused()


def test_numbers_that_were_changed_or_cut_are_refused(refused, weights):
    numbers = weights / "model.safetensors.gz"
    whole = numbers.read_bytes()
    numbers.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "is not the file that its card names" in refused()
    numbers.write_bytes(whole[:1000])
    assert "is not the file that its card names" in refused()
    numbers.unlink()
    assert "lacks model.safetensors.gz" in refused()


def test_a_weights_file_with_other_numbers_is_refused_though_it_is_well_formed(refused, weights):
    path = weights / "model.safetensors.gz"
    doubled = {key: array * 2 for key, array in load(gzip.decompress(path.read_bytes())).items()}
    path.write_bytes(gzip.compress(save(doubled)))
    assert "is not the file that its card names" in refused()


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
