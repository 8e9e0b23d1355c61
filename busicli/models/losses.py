"""What training minimises and what it reports, in Keras alone so that every backend trains."""

from typing import Any

import keras
from keras import ops

Tensor = Any
"""A backend's tensor."""

SMOOTH_PX = 64.0
"""Added above and below in the Dice loss: about 0.1 % of a scan, so that a normal scan's loss falls
as its false probability does and a tiny lesion still counts."""


def bce(reference: Tensor, probability: Tensor) -> Tensor:
    """Binary cross-entropy of each image, the mean over its pixels.

    Both are (N, rows, columns, 1) float; returns (N,).
    """
    reference = ops.cast(reference, "float32")
    probability = ops.clip(ops.cast(probability, "float32"), 1e-6, 1 - 1e-6)
    right = reference * ops.log(probability) + (1 - reference) * ops.log(1 - probability)
    return -ops.mean(right, (1, 2, 3))


def dice_loss(reference: Tensor, probability: Tensor) -> Tensor:
    """One minus soft Dice of each image.

    Both are (N, rows, columns, 1) float; returns (N,). Per image, so that small lesions weigh as
    much as large ones: Milletari et al. (2016), doi:10.1109/3DV.2016.79, without its squares.
    """
    reference = ops.cast(reference, "float32")
    probability = ops.cast(probability, "float32")
    axes = (1, 2, 3)
    overlap = 2 * ops.sum(reference * probability, axes) + SMOOTH_PX
    both = ops.sum(reference, axes) + ops.sum(probability, axes) + SMOOTH_PX
    return 1 - overlap / both


def presence(reference: Tensor, probability: Tensor) -> Tensor:
    """Binary cross-entropy of whether there is a lesion at all, judged by the map's highest cell.

    Both are (N, rows, columns, 1) float, rows and columns at least 1; returns (N,). Cells are a
    32nd of the rows and of the columns. What a map's peak says of presence is what post-processing
    and confidence go by, and no other term of the loss asks a normal scan's peak to be low.
    """
    reference = ops.cast(reference, "float32")
    probability = ops.cast(probability, "float32")
    cell = tuple(max(1, side // 32) for side in probability.shape[1:3])
    cells = ops.average_pool(probability, cell, cell)
    peak = ops.clip(ops.max(cells, axis=(1, 2, 3)), 1e-5, 1 - 1e-5)
    lesion = ops.max(reference, axis=(1, 2, 3))
    return -(lesion * ops.log(peak) + (1 - lesion) * ops.log(1 - peak))


class Objective(keras.losses.Loss):
    """What training minimises: the three terms above, weighed, averaged over the batch."""

    def __init__(self, *, bce: float, dice: float, presence: float) -> None:
        """Each term's weight; what weighs nothing is not computed."""
        super().__init__(name="objective")
        self.weights = {"bce": bce, "dice": dice, "presence": presence}

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """(N,) of two (N, rows, columns, 1) tensors."""
        terms = {"bce": bce, "dice": dice_loss, "presence": presence}
        return sum(w * terms[name](y_true, y_pred) for name, w in self.weights.items() if w)


class PixelScores(keras.metrics.Metric):
    """The six metrics of the literature, pooled over every pixel that was seen since the reset.

    Loss is 1 - Dice_coef, as eval prints it; what training minimises is logged beside as
    `objective`. Sums are kept as means a scan, so that float32 does not run out of digits.
    """

    def __init__(self, name: str = "pixels") -> None:
        super().__init__(name=name)
        names = ("overlap", "both", "hit", "called", "lesion", "right", "scans")
        self.sums = {n: self.add_weight(name=n, initializer="zeros") for n in names}

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> None:
        """Add a batch of references and probabilities, both (N, rows, columns, 1)."""
        reference = ops.cast(y_true, "float32")
        probability = ops.cast(y_pred, "float32")
        called = ops.cast(probability >= 0.5, "float32")
        batch = {
            "overlap": reference * probability,
            "both": reference + probability,
            "hit": reference * called,
            "called": called,
            "lesion": reference,
            "right": ops.cast(ops.equal(reference, called), "float32"),
        }
        scans = ops.cast(ops.shape(reference)[0], "float32")  # the last batch may hold fewer
        for name, values in batch.items():
            self.sums[name].assign_add(scans * ops.mean(values))
        self.sums["scans"].assign_add(scans)

    def result(self) -> dict[str, Tensor]:
        """The six metrics by name."""
        s = {name: ops.convert_to_tensor(value) for name, value in self.sums.items()}
        tiny = 1e-9
        dice = (2 * s["overlap"] + tiny) / (s["both"] + tiny)
        return {
            "Loss": 1 - dice,
            "Dice_coef": dice,
            "Recall": s["hit"] / (s["lesion"] + tiny),
            "Precision": s["hit"] / (s["called"] + tiny),
            "Accuracy": s["right"] / (s["scans"] + tiny),
            "F1_score": 2 * s["hit"] / (s["called"] + s["lesion"] + tiny),
        }
