import gzip
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load

from busicli.errors import InputError
from busicli.io.files import sha256_bytes, sha256_file
from busicli.models import weights
from busicli.models.registry import find
from busicli.models.weights import (
    CARD,
    NUMBERS,
    build_model,
    load_model,
    load_state,
    read_card,
    read_numbers,
    resolve_weights,
    save_weights,
    serialize_weights,
    shipped_names,
)
from tests.models.small_unet import CARD_OF_UNET, SMALL_UNET, small_unet

SCANS = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)


def test_a_loaded_model_answers_as_the_saved_one(saved):
    model, folder, _ = saved
    loaded = load_model(folder, read_card(folder))
    expected, found = (np.asarray(m.predict_on_batch(SCANS)) for m in (model, loaded))
    assert expected.std() > 0.01  # not a constant that anything would match
    # What is stored keeps two digits of each kernel.
    np.testing.assert_allclose(found, expected, atol=2e-2)


def test_the_card_comes_back_with_the_hash_of_the_numbers(saved):
    _, folder, _ = saved
    card = read_card(folder)
    assert card == replace(CARD_OF_UNET, files={NUMBERS: sha256_file(folder / NUMBERS)})


def test_kernels_are_kept_in_half_precision_and_the_rest_in_single(saved):
    model, folder, _ = saved
    numbers = load(gzip.decompress((folder / NUMBERS).read_bytes()))
    assert len(numbers) == len(model.weights)
    for variable, (key, array) in zip(model.weights, sorted(numbers.items()), strict=True):
        assert key.endswith(variable.path.split("/")[-1])
        half = len(variable.shape) > 1
        assert array.dtype == (np.float16 if half else np.float32)
        value = variable.numpy()
        # bfloat16 keeps 8 bits of a number, so that what is stored needs no more of its 16
        np.testing.assert_allclose(array, value, rtol=2**-8 if half else 0, atol=1e-7)
        if half:
            assert not (array.astype(np.float32).view(np.uint32) & 0xFFFF).any()


def test_saving_what_was_loaded_gives_the_same_bytes(saved, tmp_path):
    _, folder, digest = saved
    card = read_card(folder)
    again = save_weights(tmp_path, load_model(folder, card), card)
    assert again == digest
    for name in (NUMBERS, CARD):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_keys_do_not_depend_on_what_was_built_before(saved, tmp_path):
    # Keras counts automatic names up for each model that a process builds.
    _, folder, _ = saved
    for _ in range(2):
        save_weights(tmp_path, small_unet(), CARD_OF_UNET)
        keys = [set(load(gzip.decompress((f / NUMBERS).read_bytes()))) for f in (tmp_path, folder)]
        assert keys[0] == keys[1]


@pytest.mark.parametrize("how", ["one bit", "cut short", "longer", "empty"])
def test_numbers_that_were_tampered_with_are_refused_before_they_are_parsed(folder, how):
    path = folder / NUMBERS
    data = bytearray(path.read_bytes())
    if how == "one bit":
        data[-1] ^= 1
    else:
        data = {"cut short": data[:-7], "longer": data + b"\0", "empty": b""}[how]
    path.write_bytes(bytes(data))
    # A file that is no safetensors at all gets the same answer: the hash alone is looked at.
    for content in (bytes(data), b"\xff" * 100):
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"^{NUMBERS} of weights is not the file that its"):
            load_model(folder, read_card(folder))


@pytest.mark.parametrize(
    "data",
    [b"no numbers", gzip.compress(b"no numbers", mtime=0), gzip.compress(b"", mtime=0)[:-1]],
    ids=["not packed", "packed", "cut short"],
)
def test_numbers_of_another_format_are_refused_though_the_hash_agrees(folder, data):
    (folder / NUMBERS).write_bytes(data)
    card = replace(read_card(folder), files={NUMBERS: sha256_bytes(data)})
    with pytest.raises(InputError, match="holds no numbers"):
        read_numbers(folder, card)


def test_numbers_that_unpack_to_more_than_is_allowed_are_refused(folder, monkeypatch):
    size = len(gzip.decompress((folder / NUMBERS).read_bytes()))
    monkeypatch.setattr(weights, "LARGEST_NUMBERS", size)
    assert read_numbers(folder, read_card(folder))
    monkeypatch.setattr(weights, "LARGEST_NUMBERS", size - 1)
    with pytest.raises(InputError, match="holds no numbers"):
        read_numbers(folder, read_card(folder))


@pytest.mark.parametrize("files", [{}, {"other": "ab"}])
def test_numbers_that_the_card_does_not_name_are_refused(folder, files):
    with pytest.raises(InputError, match="is not the file that its card names"):
        read_numbers(folder, replace(read_card(folder), files=files))


def test_missing_numbers_are_refused(folder):
    (folder / NUMBERS).unlink()
    with pytest.raises(InputError, match=f"weights lacks {NUMBERS}"):
        load_model(folder, read_card(folder))


@pytest.mark.parametrize(
    "other",
    [
        {"architecture": "improved-unet", "options": {}},
        {"options": {"filters": 4, "levels": 3}},
        {"options": {"filters": 2, "levels": 2}},
    ],
)
def test_weights_of_another_architecture_are_refused(folder, other):
    with pytest.raises(InputError, match=r"do not fit the model \w+: its first difference is \w"):
        load_model(folder, replace(read_card(folder), **other))


def test_the_first_layer_that_differs_is_named():
    def dense(units: int) -> keras.Model:
        return keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(2, name="same"),
                keras.layers.Dense(units, name="other"),
            ],
            name="net",
        )

    numbers = serialize_weights(dense(4))
    with pytest.raises(InputError) as caught:
        load_state(dense(5), numbers, "w")
    assert str(caught.value) == (
        "the weights w do not fit the model net: its first difference is net.other.kernel, of "
        "shape (2, 4) in the weights and (2, 5) in the model; use the plugin and the options that "
        "made them."
    )


def test_weights_that_do_not_fit_leave_the_model_as_it_was():
    model = small_unet()
    before = [v.numpy().copy() for v in model.weights]
    other = {f"{i:04d}.x": np.zeros(v.shape) for i, v in enumerate(model.weights)}
    with pytest.raises(InputError, match="do not fit"):
        load_state(model, other, "other")
    for value, variable in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_weights_of_an_unknown_architecture_name_it(folder):
    with pytest.raises(InputError, match="no model net-of-tomorrow"):
        load_model(folder, replace(read_card(folder), architecture="net-of-tomorrow"))


def test_a_folder_is_located_by_path_and_what_ships_by_name(folder):
    assert resolve_weights(str(folder)) == (folder, None)
    run = folder.parent / "run"
    run.mkdir()
    folder = folder.rename(run / "weights")
    assert resolve_weights(str(run)) == (folder, None)  # a training run's
    assert resolve_weights("./no such weights") == (Path("no such weights"), None)
    for name in shipped_names():
        found, pinned = resolve_weights(name)
        assert read_card(found, pinned_sha256=pinned).architecture == "improved-unet"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_building_in_one_precision_leaves_no_trace(precision):
    import keras

    before = keras.config.dtype_policy().name
    model = build_model(find("unet"), 32, SMALL_UNET, precision=precision)
    assert keras.config.dtype_policy().name == before
    assert {v.dtype for v in model.weights} == {"float32"}
    assert model.output.dtype == "float32"
    assert model.get_layer("bottom_conv_a").compute_dtype == precision


def test_a_size_or_an_option_that_does_not_go_is_refused():
    with pytest.raises(InputError, match="multiples of 16"):
        build_model(find("unet"), 40, {})
    with pytest.raises(InputError, match="no option width"):
        build_model(find("unet"), 32, {"width": 3})
