"""A network's features of a scan, by which scans unlike the training scans are recognized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from busicli.errors import InputError

if TYPE_CHECKING:
    import keras

_LEAST = 1e-3
"""Added before a logarithm."""


def with_features(model: keras.Model, layers: Sequence[str]) -> keras.Model:
    """The network with its features as a further, last output; itself without layers.

    It shares the weights. Raises InputError where the network has no such layer.
    """
    from keras import Model

    if not layers:
        return model
    return Model(model.inputs, [*model.outputs, _features(model, layers)], name=model.name)


def feature_model(model: keras.Model, layers: Sequence[str]) -> keras.Model:
    """The part of the network that its features need; weights and errors as `with_features`."""
    from keras import Model

    return Model(model.inputs, _features(model, layers), name=f"{model.name}_features")


def _features(model: keras.Model, layers: Sequence[str]) -> keras.KerasTensor:
    """(N, features) float32 of some layers, at least one.

    Mean and log standard deviation over rows and columns of each channel of each layer, then the
    log mean difference between a pixel's highest and lowest colour channel.
    """
    from keras import ops

    known = {layer.name: layer for layer in model.layers}
    if missing := [name for name in layers if name not in known]:
        raise InputError(
            f"the model {model.name} has no layer {missing[0]}, which its plugin declares in "
            "feature_layers; name layers that build makes."
        )
    scan = model.inputs[0]
    spread = ops.max(scan, axis=-1) - ops.min(scan, axis=-1)
    colour = ops.log(ops.mean(spread, axis=(1, 2)) + _LEAST)
    parts = [_mean_and_deviation(known[name].output) for name in layers]
    features: keras.KerasTensor = ops.concatenate([*parts, ops.expand_dims(colour, -1)], axis=-1)
    return features


def _mean_and_deviation(x: keras.KerasTensor) -> keras.KerasTensor:
    """(N, 2 x channels): each channel's mean and log standard deviation."""
    from keras import ops

    x = ops.cast(x, "float32")
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    variance = ops.mean(ops.square(x - mean), axis=(1, 2))
    deviation = ops.log(ops.sqrt(variance) + _LEAST)
    both: keras.KerasTensor = ops.concatenate([mean[:, 0, 0], deviation], axis=-1)
    return both
