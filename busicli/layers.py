"""Layers that architectures share: as Keras's own, and faster to train on TensorFlow."""

from typing import Any

import keras

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
