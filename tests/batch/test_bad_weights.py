import gzip
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load, save

from tests.batch.sentences import said
from tests.made_weights import change_card


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
