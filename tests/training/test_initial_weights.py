"""What a training begins from: what was asked for, the pre-trained encoder, or nothing."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from busicli.data.store import open_data
from busicli.errors import InputError
from busicli.models.registry import find
from busicli.models.weights import build_model, locate_shipped, read_encoder
from busicli.settings import TrainSettings
from busicli.training.initial_weights import fill_by_path, load_initial_weights
from busicli.training.model_card import card_of_run
from busicli.training.request import TrainRequest

ENCODER = "efficientnet-lite2"
NARROW = {"widths": [8, 8, 8, 8]}
"""The encoder whole, the decoder small."""


@pytest.fixture
def asked(prepared) -> TrainRequest:
    return TrainRequest(
        data=prepared.data,
        runs=Path("runs"),
        name="new",
        model="improved-unet",
        settings=TrainSettings(),
    )


def begun(request: TrainRequest, **changes):
    return load_initial_weights(replace(request, **changes), open_data(request.data))


def test_without_init_a_model_begins_from_its_pre_trained_encoder(asked):
    initial = begun(asked)
    assert (initial.name, initial.part, initial.training_scans) == (ENCODER, "encoder", [])
    arrays = read_encoder(locate_shipped(ENCODER)[0], pinned_sha256=locate_shipped(ENCODER)[1])
    model = build_model(find("improved-unet"), 32, NARROW)
    before = {variable.path: variable.numpy().copy() for variable in model.weights}
    initial.fill(model)
    # every variable of the encoder, and none of the others
    assert set(arrays) == {path for path in before if path.startswith("encoder_")}
    for variable in model.weights:
        expected = arrays.get(variable.path, before[variable.path])
        np.testing.assert_array_equal(variable.numpy(), expected.astype(np.float32))
    stem = "encoder_stem/kernel"
    assert (arrays[stem] != before[stem]).any()


@pytest.mark.parametrize(
    "changes", [{"init": "random"}, {"model": "unet"}, {"model": "unet", "init": "random"}]
)
def test_a_model_begins_from_random_weights_where_asked_or_where_nothing_ships(asked, changes):
    assert begun(asked, **changes) is None


def test_an_encoder_is_taken_from_a_folder_too(asked, tmp_path):
    folder = shutil.copytree(locate_shipped(ENCODER)[0], tmp_path / "mine")
    initial = begun(asked, init=str(folder))
    assert (initial.name, initial.part) == ("mine", "encoder")
    (folder / "encoder.safetensors").write_bytes(b"changed")
    with pytest.raises(InputError, match="is not the file that its card names"):
        begun(asked, init=str(folder))


def test_an_encoder_of_another_width_is_refused_by_its_first_variable(asked):
    narrower = build_model(find("improved-unet"), 32, NARROW | {"encoder": "lite0"})
    with pytest.raises(InputError) as caught:
        begun(asked).fill(narrower)
    # Both have 24 channels from block 01 on. lite2 has three such blocks of 3 x 3 kernels, lite0
    # two: its block 03 is the next stage's, of 5 x 5. Either filters the 6 x 24 it expands to.
    assert str(caught.value) == (
        "the pre-trained weights efficientnet-lite2 hold encoder_block03_depthwise/kernel of shape "
        "(3, 3, 144, 1), but the model improved_unet has (5, 5, 144, 1); take weights of this "
        "encoder, or --init random."
    )


def test_pre_trained_weights_of_another_model_are_refused(asked):
    with pytest.raises(InputError, match=r"encoder_block00_depthwise/kernel .+ no such variable;"):
        begun(asked).fill(build_model(find("unet"), 32, {"filters": 2, "levels": 2}))


@pytest.mark.parametrize(
    ("init", "reason"),
    [
        (None, "and there are none: give --init"),
        ("random", "and there are none: give --init"),
        (str(locate_shipped(ENCODER)[0]), f"and {ENCODER} holds those of an encoder alone;"),
    ],
)
def test_a_share_of_initial_weights_needs_those_of_a_whole_network(asked, init, reason):
    settings = replace(asked.settings, init_weight=0.5)
    with pytest.raises(InputError, match=reason):
        begun(asked, init=init, settings=settings)


@pytest.mark.parametrize(
    ("changes", "written"),
    [
        ({}, ENCODER),
        ({"init": "random"}, "random"),
        ({"model": "unet"}, None),
    ],
)
def test_the_card_names_what_a_training_began_from(asked, changes, written):
    request, data = replace(asked, **changes), open_data(asked.data)
    card = card_of_run(request, data, begun(asked, **changes), data.cases, best_epoch=1)
    assert card.training["init"] == written
    assert len(card.training_scans) == len(data.cases)  # an encoder has seen no scan


def test_arrays_go_to_the_variables_of_their_paths_and_no_others():
    model = build_model(find("unet"), 32, {"filters": 2})
    before = {v.path: v.numpy().copy() for v in model.weights}
    path, kept = (v.path for v in model.weights[:2])
    fill_by_path(model, {path: np.full(before[path].shape, 0.5, np.float16)}, "half")
    after = {v.path: v.numpy() for v in model.weights}
    np.testing.assert_array_equal(after[path], np.full(before[path].shape, 0.5))
    np.testing.assert_array_equal(after[kept], before[kept])


def test_the_first_array_that_does_not_fit_is_named():
    model = build_model(find("unet"), 32, {"filters": 2})
    wrong = {"z/kernel": np.zeros(3), "down0_conv_a/bias": np.zeros(5)}
    with pytest.raises(InputError) as caught:
        fill_by_path(model, wrong, "other")
    assert str(caught.value) == (
        f"the pre-trained weights other hold down0_conv_a/bias of shape (5,), but the model "
        f"{model.name} has (2,); take weights of this encoder, or --init random."
    )
    with pytest.raises(InputError, match=r"z/kernel of shape \(3,\), .+ has no such variable;"):
        fill_by_path(model, {"z/kernel": np.zeros(3)}, "other")
