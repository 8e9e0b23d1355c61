"""Layers that architectures share: as Keras's own, and faster to train or to run."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Tensor = Any
"""A backend's tensor."""


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation; on TensorFlow it trains with one fused operation.

    (N, rows, columns, channels) to the same shape; same weights, same numbers but for rounding, and
    a variance that is remembered unbiased. Keras takes the mean, the variance and the difference
    one after the other in float32. What it saves, docs/explanation/speed.md tells.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        """The normalised tensor; in training by its own statistics."""
        fused = keras.backend.backend() == "tensorflow" and len(inputs.shape) == 4
        if not (fused and training and self.trainable and self.gamma is not None):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return normalised


class GroupNormalization(keras.layers.GroupNormalization):
    """Keras's group normalisation; when it does not train, said in words that engines know.

    (N, rows, columns, channels) to the same shape; same weights, same numbers but for rounding.
    Keras reduces over five axes, which OpenVINO takes one by one: four times as long as the one
    operation that it makes of these lines.
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """The normalised tensor: of one channel each or of the whole scan; else Keras's own."""
        axes = {inputs.shape[-1]: (1, 2), 1: (1, 2, 3)}.get(self.groups)
        if training or axes is None or len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return super().call(inputs)
        ops = keras.ops
        values = ops.cast(inputs, "float32")
        centred = values - ops.mean(values, axis=axes, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
        normalised = centred / ops.sqrt(variance + self.epsilon)
        if self.scale:
            normalised = normalised * self.gamma
        if self.center:
            normalised = normalised + self.beta
        return ops.cast(normalised, self.compute_dtype)


class Bilinear(keras.layers.Layer):
    """Maps of one channel, enlarged bilinearly: Keras's UpSampling2D as two products of matrices.

    (N, rows, columns, 1) to (N, rows * factor, columns * factor, 1); same numbers but for rounding.
    Engines spend as long on the interpolation of three maps as on seven convolutions.
    """

    def __init__(self, factor: int, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the two matrices; the numbers of rows and columns must be known."""
        rows, columns = input_shape[1:3]
        self.by_rows = _enlarging(rows, self.factor)
        self.by_columns = _enlarging(columns, self.factor).T

    def call(self, inputs: Tensor) -> Tensor:
        """The enlarged maps."""
        ops = keras.ops
        tall = ops.matmul(ops.cast(self.by_rows, inputs.dtype), inputs[..., 0])
        return ops.matmul(tall, ops.cast(self.by_columns, inputs.dtype))[..., None]

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Rows and columns `factor` times as many."""
        batch, rows, columns, channels = input_shape
        return batch, rows * self.factor, columns * self.factor, channels


def _enlarging(count: int, factor: int) -> NDArray[np.float32]:
    """(count * factor, count) float32 that interpolates between the centres of `count` pixels."""
    positions = (np.arange(count * factor) + 0.5) / factor - 0.5
    positions = np.clip(positions, 0, count - 1)
    lower = np.minimum(positions.astype(int), max(count - 2, 0))
    share = (positions - lower).astype(np.float32)
    matrix = np.zeros((count * factor, count), np.float32)
    every = np.arange(count * factor)
    matrix[every, lower] = 1 - share
    if count > 1:
        matrix[every, lower + 1] += share
    return matrix
