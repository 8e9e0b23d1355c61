"""What every architecture promises, asked of each one that is installed."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest

from busicli.architecture import Architecture
from busicli.predict import KerasEngine, operations
from busicli.registry import find, installed
from busicli.weights import build_model

SIZE = 256
QUICK: dict[str, dict[str, Any]] = {
    "unet": {"filters": 4},
    "improved-unet": {"widths": [8, 8, 16, 16, 16], "blocks": [0, 1, 1, 1, 1]},
}
"""Smaller than the defaults, so that the tests are quick; a plugin without a row takes its own."""


@dataclass(frozen=True)
class Subject:
    """One plugin at a size that is quick to run."""

    name: str
    architecture: Architecture = field(repr=False)

    @property
    def size_px(self) -> int:
        """The first size from 33 on that the plugin takes: no power of two, where it can help."""
        multiple = self.architecture.size_multiple
        return multiple * -(-33 // multiple)


@cache
def built(name: str, seed: int = 0):
    """A network with random numbers everywhere, as after training, also where it begins with 0."""
    subject = Subject(name, find(name))
    model = build_model(subject.architecture, subject.size_px, QUICK.get(name, {}))
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        spread = rng.normal(0, 0.1, variable.shape).astype(np.float32)
        variable.assign(variable.numpy() + spread)
    return model


@cache
def full_size(name: str):
    return build_model(find(name), SIZE, {})


@pytest.fixture(params=sorted({plugin.name for plugin in installed()}))
def subject(request) -> Subject:
    return Subject(request.param, find(request.param))


def scans(size: int) -> np.ndarray:
    """Black, white, grey, noise, and half and half: float32 in [0, 1]."""
    rng = np.random.default_rng(0)
    noise = rng.random((2, size, size, 3), np.float32)
    plain = np.stack([np.full((size, size, 3), value, np.float32) for value in (0, 1, 0.5)])
    halves = np.zeros((1, size, size, 3), np.float32)
    halves[:, : size // 2] = 1
    return np.concatenate([plain, noise, halves])


def answers(name: str, images: np.ndarray) -> np.ndarray:
    return np.asarray(built(name).predict_on_batch(images))


def test_it_says_who_it_is(subject):
    architecture = subject.architecture
    assert architecture.name == subject.name
    assert set(subject.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert architecture.summary.strip()
    assert "\n" not in architecture.summary
    assert architecture.source.strip()


def test_it_maps_scans_to_probabilities_of_their_size(subject):
    images = scans(subject.size_px)
    found = answers(subject.name, images)
    assert found.shape == (*images.shape[:3], 1)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1


def test_no_scan_makes_it_answer_with_what_is_no_number(subject):
    assert np.isfinite(answers(subject.name, scans(subject.size_px))).all()


def test_its_answer_depends_on_the_scan(subject):
    found = answers(subject.name, scans(subject.size_px))
    assert np.abs(found[3] - found[4]).max() > 1e-4


def test_a_scan_alone_gets_the_answer_that_it_gets_among_others(subject):
    images = scans(subject.size_px)
    together = answers(subject.name, images)
    alone = np.concatenate([answers(subject.name, images[i : i + 1]) for i in range(len(images))])
    np.testing.assert_allclose(alone, together, atol=1e-4)


def test_the_engine_answers_as_the_network_does_in_any_number(subject):
    images = (scans(subject.size_px) * 255).astype(np.uint8)
    expected = answers(subject.name, images / np.float32(255))[..., 0]
    engine = KerasEngine(built(subject.name), batch=4)
    for count in (0, 1, 4, 6):
        found = engine.probabilities(images[:count])
        assert found.shape == (count, *images.shape[1:3])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[:count], atol=1e-4)


def test_every_number_of_it_learns(subject):
    import keras

    model = build_model(subject.architecture, subject.size_px, QUICK.get(subject.name, {}))
    model.set_weights(built(subject.name).get_weights())
    before = [v.numpy().copy() for v in model.trainable_variables]
    images = scans(subject.size_px)
    model.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", run_eagerly=True)
    model.train_on_batch(images, (images.mean(axis=3, keepdims=True) > 0.5).astype(np.float32))
    still = [
        variable.path
        for value, variable in zip(before, model.trainable_variables, strict=True)
        if (variable.numpy() == value).all()
    ]
    assert still == []


def test_its_defaults_build_at_the_size_of_prepared_data(subject):
    model = full_size(subject.name)
    assert model.input_shape == (None, SIZE, SIZE, 3)
    assert model.output_shape == (None, SIZE, SIZE, 1)
    assert model.output.dtype == "float32"
    assert operations(model) > 0


def test_its_options_are_those_that_build_takes(subject):
    for name, default in subject.architecture.options.items():
        subject.architecture.build(
            (SIZE, SIZE, 3), **{**QUICK.get(subject.name, {}), name: default}
        )


def test_unet_is_that_of_the_seed_work():
    # Five levels of two 3 x 3 convolutions, 64 filters on top; 2 x 2 transposed convolutions up.
    down = sum(9 * (a * b + b * b) + 2 * b for a, b in [(3, 64), (64, 128), (128, 256), (256, 512)])
    bottom = 9 * (512 * 1024 + 1024 * 1024) + 2 * 1024
    up = sum(4 * 2 * b * b + b + 9 * (2 * b * b + b * b) + 2 * b for b in (512, 256, 128, 64))
    assert down + bottom + up + 65 == 31_031_745
    assert full_size("unet").count_params() == 31_031_745


def test_operations_are_twice_the_multiply_adds():
    # 16 x 16 scans, one level of two filters: 3 x 3 from 3 to 2 and from 2 to 2 channels at 256
    # places, the same from 2 to 4 and 4 to 4 at 64, up by 2 x 2 from 4 to 2 at 64, 4 to 2 and
    # 2 to 2 at 256, and 1 x 1 to 1 channel at 256.
    model = build_model(find("unet"), 16, {"filters": 2, "levels": 2})
    at_256 = 9 * (3 * 2 + 2 * 2 + 4 * 2 + 2 * 2) + 2
    at_64 = 9 * (2 * 4 + 4 * 4) + 4 * 4 * 2
    assert operations(model) == 2 * (256 * at_256 + 64 * at_64)


def test_improved_unet_is_at_least_twenty_times_cheaper_than_unet():
    assert operations(full_size("unet")) >= 20 * operations(full_size("improved-unet"))
