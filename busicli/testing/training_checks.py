"""Checks of a network in training."""

from typing import TYPE_CHECKING

import numpy as np

from busicli.models.keras_backend import load_keras
from busicli.settings import TrainSettings
from busicli.testing.candidate import Candidate, as_array
from busicli.testing.result import CheckError, need

if TYPE_CHECKING:
    import keras

STEPS = 10
RATES = (3e-3, 3e-4, 3e-5)
"""Learning rates, tried until the loss falls: large networks need small ones."""
TRIES = 3
"""Random states in one of which each weight must get a gradient: with few filters all may be 0."""


def learning(candidate: Candidate) -> str:
    """A few steps of training on one batch lower the loss."""
    for rate in RATES:
        losses = _losses(candidate, rate)
        if np.isfinite(losses).all() and losses[-1] < losses[0]:
            return f"{STEPS} steps took the loss from {losses[0]:.3f} to {losses[-1]:.3f}"
    need(
        bool(np.isfinite(losses).all()),
        f"the loss went from {losses[0]:.4f} to NaN; "
        "look for divisions, logarithms and roots of 0 in the network.",
    )
    raise CheckError(
        f"{STEPS} steps of training took the loss from {losses[0]:.4f} to {losses[-1]:.4f}; it "
        "must fall: does the output depend on weights that are trained?"
    )


def _losses(candidate: Candidate, rate: float) -> list[float]:
    """The training loss before each step."""
    model = candidate.fresh()  # loads Keras without its messages
    from busicli.training.loop import compile_model

    batch = len(candidate.scans)
    settings = TrainSettings(epochs=1, batch_size=batch, learning_rate=rate, warmup_epochs=0)
    compile_model(model, settings, batch * STEPS)
    losses = []
    for _ in range(STEPS):
        model.reset_metrics()
        logs = model.train_on_batch(candidate.scans, candidate.targets(model), return_dict=True)
        losses.append(float(logs["loss"]))
    return losses


def gradients(candidate: Candidate) -> str:
    """Every trainable weight gets a finite gradient."""
    still: list[str] = []
    moved: set[int] = set()
    for attempt in range(TRIES):
        model = candidate.as_trained(seed=attempt)
        weights = model.trainable_variables
        need(bool(weights), "it has no trainable weights.")
        moved |= _moved(model, candidate)
        still = [weight.path for position, weight in enumerate(weights) if position not in moved]
        if not still:
            return f"all {len(weights)} weights get one"
    named = ", ".join(still[:3]) + (", and others" if len(still) > 3 else "")
    raise CheckError(
        f"{len(still)} of its weights get no gradient: {named}; connect them to the output, or "
        "remove them."
    )


def _moved(model: "keras.Model", candidate: Candidate) -> set[int]:
    """Positions of the weights that a step changes. Adam changes all that have a gradient."""
    from busicli.training.loop import losses_of

    weights = model.trainable_variables
    before = [as_array(weight) for weight in weights]
    adam = load_keras().optimizers.Adam(0.01)
    model.compile(adam, **losses_of(model, TrainSettings()), run_eagerly=True)
    model.train_on_batch(candidate.scans, candidate.targets(model))
    after = [as_array(weight) for weight in weights]
    lost = [
        weight.path
        for weight, value in zip(weights, after, strict=True)
        if not np.isfinite(value).all()
    ]
    need(
        not lost,
        f"the gradient of {', '.join(lost[:3])} is NaN or infinite; "
        "look for divisions, logarithms and roots of 0 in the network.",
    )
    pairs = enumerate(zip(before, after, strict=True))
    return {position for position, (old, new) in pairs if not np.array_equal(old, new)}
