"""Layers that are faster than Keras's own, and the same."""

import keras
import numpy as np
import pytest

from busicli.models.layers import BatchNormalization, Bilinear, GroupNormalization

SHAPE = (4, 6, 5, 3)


@pytest.fixture
def both():
    """Keras's layer and ours, with the same weights."""
    layers = [kind(momentum=0.9) for kind in (keras.layers.BatchNormalization, BatchNormalization)]
    rng = np.random.default_rng(0)
    numbers = [rng.uniform(0.5, 1.5, SHAPE[-1:]).astype(np.float32) for _ in range(4)]
    for layer in layers:
        layer.build(SHAPE)
        layer.set_weights(numbers)
    return layers


@pytest.fixture
def scans():
    return np.random.default_rng(1).normal(3, 2, SHAPE).astype(np.float32)


@pytest.mark.parametrize("training", [True, False])
def test_answers_are_those_of_keras(both, scans, training):
    theirs, ours = (np.asarray(layer(scans, training=training)) for layer in both)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_mean_is_remembered_as_by_keras_and_the_variance_unbiased(both, scans):
    for layer in both:
        layer(scans, training=True)
    theirs, ours = both
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, atol=1e-4)
    pixels = scans[..., 0].size
    before = 0.9 * np.random.default_rng(0).uniform(0.5, 1.5, (4, SHAPE[-1]))[3]
    unbiased = before + 0.1 * scans.var(axis=(0, 1, 2)) * pixels / (pixels - 1)
    np.testing.assert_allclose(ours.moving_variance, unbiased, rtol=1e-3)


def test_gradients_are_those_of_keras(both, scans):
    tensorflow = pytest.importorskip("tensorflow")
    found = []
    for layer in both:
        x = tensorflow.Variable(scans)
        with tensorflow.GradientTape() as tape:
            loss = tensorflow.reduce_sum(tensorflow.sin(layer(x, training=True)))
        found.append(tape.gradient(loss, [x, layer.gamma.value, layer.beta.value]))
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_a_frozen_layer_remembers_nothing(scans):
    layer = BatchNormalization()
    layer.build(SHAPE)
    layer.trainable = False
    before = layer.get_weights()
    layer(scans, training=True)
    for now, then in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_two_axes_are_normalised_too():
    layer = BatchNormalization()
    found = np.asarray(layer(np.array([[1.0], [3.0]], np.float32), training=True))
    assert found.mean() == pytest.approx(0, abs=1e-6)


def test_bfloat16_stays_bfloat16(scans):
    layer = BatchNormalization(dtype="mixed_bfloat16")
    found = layer(keras.ops.cast(scans, "bfloat16"), training=True)
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("groups", "affine"), [(-1, True), (1, False), (3, True), (1, True)])
def test_group_normalisation_is_that_of_keras(scans, groups, affine, training):
    layers = [
        kind(groups, scale=affine, center=affine)
        for kind in (keras.layers.GroupNormalization, GroupNormalization)
    ]
    rng = np.random.default_rng(2)
    numbers = [rng.uniform(0.5, 1.5, SHAPE[-1:]).astype(np.float32) for _ in range(2 * affine)]
    for layer in layers:
        layer.build(SHAPE)
        layer.set_weights(numbers)
    theirs, ours = layers
    found = np.asarray(ours(scans, training=training))
    np.testing.assert_allclose(found, np.asarray(theirs(scans)), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 6, 5, 1), (1, 1, 1, 1), (1, 2, 7, 1)])
@pytest.mark.parametrize("factor", [1, 2, 8, 32])
def test_maps_are_enlarged_as_by_keras(shape, factor):
    maps = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    theirs = keras.layers.UpSampling2D(factor, interpolation="bilinear")(maps)
    ours = Bilinear(factor)(maps)
    assert ours.shape == theirs.shape == Bilinear(factor).compute_output_shape(shape)
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-5)
