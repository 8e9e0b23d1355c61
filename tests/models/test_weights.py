import gzip
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load

from busicli.errors import InputError
from busicli.io.files import sha256_bytes, sha256_file
from busicli.models import weights
from busicli.models.card import Card
from busicli.models.registry import find
from busicli.models.weights import (
    CARD,
    NUMBERS,
    build_model,
    load_model,
    load_state,
    locate_shipped,
    read_card,
    read_encoder,
    read_numbers,
    resolve_weights,
    save_weights,
    serialize_weights,
    shipped_names,
)
from busicli.settings import PostprocessSettings, PreprocessSettings
from tests.made_weights import change_card, read_document

SMALL_UNET = {"filters": 2, "levels": 3}
CARD_OF_UNET = Card(
    name="a test",
    architecture="unet",
    options=SMALL_UNET,
    preprocess=PreprocessSettings(size_px=32),
    postprocess=PostprocessSettings(threshold=0.4, min_presence=0.7),
    training={"data": {"datasets": {"é": 3}}},
    scores={"val": {"dice": 0.5}},
    training_scans=[["ab" * 32, "0" * 16]],
)
SCANS = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)


def small_unet(**options):
    return build_model(find("unet"), 32, SMALL_UNET | options)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model, the folder that its weights were saved in, and the hash of its card."""
    folder = tmp_path_factory.mktemp("weights")
    model = small_unet()
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    return model, folder, save_weights(folder, model, CARD_OF_UNET)


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(saved[1], tmp_path / "weights")


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


def test_a_pinned_hash_is_that_of_the_card_and_so_of_the_numbers(saved, folder):
    _, _, digest = saved
    assert digest == sha256_file(folder / CARD)
    assert read_card(folder, pinned_sha256=digest) == read_card(folder)
    change_card(folder, postprocess={**read_document(folder)["postprocess"], "threshold": 0.6})
    assert read_card(folder).postprocess.threshold == 0.6
    with pytest.raises(InputError, match=rf"not the {digest[:12]}… that was pinned"):
        read_card(folder, pinned_sha256=digest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"name": "x"}',
        "\x80",
        '{"preprocess": 3, "postprocess": {}}',
        '{"preprocess": {"size_px": "256"}, "postprocess": {}}',
    ],
)
def test_a_damaged_card_is_refused_in_one_sentence(folder, text):
    (folder / CARD).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"^the card of weights is damaged or of another version"):
        read_card(folder)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"postprocess": {"threshold": 2}}, "threshold is 2; it must be between 0 and 1"),
        ({"postprocess": {"threshold": math.nan}}, "threshold is nan"),
        ({"postprocess": {"max_hole_fraction": True}}, "max_hole_fraction of PostprocessSettings"),
        ({"preprocess": {"size_px": 32.5}}, "size_px of PreprocessSettings is no int"),
        ({"preprocess": {"size_px": 10**9}}, "the input size is 1000000000"),
        ({"options": [1]}, "options of Card is no dict"),
        ({"options": {"filters": math.inf}}, "options of Card"),
        ({"training": {"a": [{"b": math.nan}]}}, "training of Card"),
        ({"scores": {"a": json.loads("[" * 60 + "]" * 60)}}, "scores of Card is no dict"),
        ({"tta": 1}, "tta of Card is no bool"),
        ({"class_temperature": -1.0}, "class_temperature is -1.0"),
        ({"malignant_from": 1e999}, "malignant_from of Card"),
        ({"graph": {"float32": {"mean": 1.0}}}, "the graph is float32; it must be compared"),
        ({"training_scans": [["a"]]}, "a training scan is another number of hashes"),
        ({"confidence": {"weights": [1.0], "bias": 0.0, "review_below": 0.5}}, "weights is 1"),
        ({"files": {"../../x": "0" * 64}}, r"a file is ../../x; it must be a plain name"),
        ({"files": {"/etc/passwd": "0" * 64}}, "a file is /etc/passwd; it must be a plain name"),
        ({"files": {"x": "0"}}, "the hash of x is 0; it must be a SHA-256"),
        ({"name": ""}, "its name is ; it must be 1 to 200 characters"),
        ({"name": "../../x"}, "its name is ../../x; it must be a plain name"),
        ({"name": "a\nbusicli: \x1b[2J"}, "its name is a%0Abusicli: %1B.2J; it must be a plain"),
        ({"colour": 1}, "it is no card"),
    ],
)
def test_a_card_is_checked_wholly_before_anything_is_done(folder, values, reason):
    change_card(folder, **values)
    with pytest.raises(InputError, match=reason):
        read_card(folder)


def test_a_card_that_is_nested_without_end_is_refused(folder):
    (folder / CARD).write_text('{"options": ' + "[" * 100_000)
    with pytest.raises(InputError, match="it is no JSON, or damaged or cut short; get"):
        read_card(folder)


def test_a_copy_of_the_weights_that_ship_is_what_ships_or_is_refused(tmp_path):
    folder, _ = locate_shipped("improved-unet")
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert read_card(copy) == read_card(folder)
    card = (copy / CARD).read_text()
    (copy / CARD).write_text(card.replace('"threshold": 0.', '"threshold": 0.1'))
    with pytest.raises(InputError, match="the card of copy is "):
        read_card(copy)


def test_no_bit_of_a_card_can_change_what_it_says(folder):
    data, card = (folder / CARD).read_bytes(), read_card(folder)
    for number in range(0, 8 * len(data), 11):  # each byte, any of its bits
        changed = bytearray(data)
        changed[number // 8] ^= 1 << number % 8
        (folder / CARD).write_bytes(changed)
        try:
            assert read_card(folder) == card
        except InputError:
            continue


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"holds no {CARD}; name a weights folder"):
        read_card(tmp_path)


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


def test_an_encoder_is_no_weights_to_segment_with():
    assert "efficientnet-lite2" not in shipped_names()
    folder, pinned = locate_shipped("efficientnet-lite2")
    assert read_encoder(folder, pinned_sha256=pinned)
    with pytest.raises(InputError, match="the card of efficientnet-lite2 is damaged or of another"):
        read_card(folder, pinned_sha256=pinned)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("encoder.safetensors", b"changed", "is not the file that its card names; it was changed"),
        ("encoder.safetensors", None, "weights lacks encoder.safetensors"),
        ("card.json", b"{}", "the card of weights names no encoder.safetensors"),
        ("card.json", b"[", "the card of weights names no encoder.safetensors"),
        ("card.json", None, "holds no card.json"),
    ],
)
def test_an_encoder_that_is_not_what_its_card_names_is_refused(tmp_path, name, content, reason):
    folder = shutil.copytree(locate_shipped("efficientnet-lite2")[0], tmp_path / "weights")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_encoder(folder, pinned_sha256=None)


def test_an_encoder_of_another_card_than_the_pinned_one_is_refused(tmp_path):
    source, pinned = locate_shipped("efficientnet-lite2")
    folder = shutil.copytree(source, tmp_path / "weights")
    card = json.loads((folder / CARD).read_text()) | {"licence": "none"}
    (folder / CARD).write_text(json.dumps(card))
    assert read_encoder(folder, pinned_sha256=None)
    with pytest.raises(InputError, match=r"that was pinned"):
        read_encoder(folder, pinned_sha256=pinned)


def test_an_encoder_of_another_format_is_refused_though_the_hash_agrees(tmp_path):
    card = {"files": {"encoder.safetensors": sha256_bytes(b"no arrays")}}
    (tmp_path / CARD).write_text(json.dumps(card))
    (tmp_path / "encoder.safetensors").write_bytes(b"no arrays")
    with pytest.raises(InputError, match="holds no arrays"):
        read_encoder(tmp_path, pinned_sha256=None)
