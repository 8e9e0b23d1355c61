"""Checks of a network's predictions."""

from typing import TYPE_CHECKING

import numpy as np

from busicli.models.keras_backend import load_keras
from busicli.testing.candidate import Candidate, answers, difference
from busicli.testing.result import need

if TYPE_CHECKING:
    import keras

LEAST_CHANGE = 1e-4
"""The smallest allowed difference between the predictions for two scans of noise."""
ALIKE = 1e-4
"""How much a prediction may change with the other scans of its batch: sums in another order."""


def sizes(candidate: Candidate) -> str:
    """It builds at every size that it declares, with an output of the input's size."""
    keras = load_keras()
    for size in candidate.sizes_px:
        model = candidate.fresh(size)
        need(
            isinstance(model, keras.Model),
            f"build returned a {type(model).__name__}; it must return a keras.Model.",
        )
        found = (tuple(model.input_shape), tuple(model.outputs[0].shape))
        needed = ((None, size, size, 3), (None, size, size, 1))
        need(
            found == needed,
            f"at {size} px it maps {found[0]} to {found[1]}; it must map {needed[0]} to "
            f"{needed[1]}: fix the network, or declare the size_multiple that it needs.",
        )
    return f"{', '.join(map(str, candidate.sizes_px))} px"


def one_set_of_weights(candidate: Candidate) -> str:
    """Its weights have the same shapes at every size: training starts small and ends large."""
    small, large = candidate.sizes_px[0], candidate.sizes_px[-1]
    needed, found = (_shapes(candidate.fresh(size)) for size in (small, large))
    need(
        len(found) == len(needed),
        f"it has {len(needed)} weights at {small} px and {len(found)} at {large} px; "
        "weights must not depend on the scan's size.",
    )
    for (path, shape), (_, other) in zip(needed, found, strict=True):
        need(
            shape == other,
            f"{path} is {shape} at {small} px and {other} at {large} px; "
            "weights must not depend on the scan's size.",
        )
    return f"{len(needed)} weights at {small} px and at {large} px"


def half_precision(candidate: Candidate) -> str:
    """Its outputs are float32 also where its layers compute in bfloat16."""
    for one in candidate.fresh(precision="bfloat16").outputs:
        need(
            one.dtype == "float32",
            f"with --precision bfloat16 its output is {one.dtype}; it must be float32: "
            'give its last layer dtype="float32".',
        )
    return "float32 output with bfloat16 layers"


def output(candidate: Candidate) -> str:
    """It maps scans to float32 probabilities in [0, 1], one per pixel."""
    found, needed = candidate.answers, (*candidate.scans.shape[:3], 1)
    need(
        found.shape == needed,
        f"its output for {candidate.scans.shape} is {found.shape}; it must be {needed}: "
        "end with a layer of one channel at the scan's size.",
    )
    need(
        found.dtype == np.float32,
        f'its output is {found.dtype}; it must be float32: give its last layer dtype="float32".',
    )
    numbers = found[np.isfinite(found)]
    least, most = float(numbers.min(initial=1)), float(numbers.max(initial=0))
    need(
        least >= 0 and most <= 1,
        f"its output lies between {least:.4g} and {most:.4g}; probabilities must lie in [0, 1]: "
        'end with activation="sigmoid".',
    )
    return f"{found.shape} float32 between {least:.3g} and {most:.3g}"


def class_output(candidate: Candidate) -> str:
    """A second output, if there is one, is the probabilities of normal, benign and malignant."""
    outputs = candidate.network.predict_on_batch(candidate.scans)
    if not isinstance(outputs, list | tuple):
        return "no class output"
    need(
        len(outputs) == 2,
        f"it has {len(outputs)} outputs; it may have two: a map and class probabilities.",
    )
    found, needed = np.asarray(outputs[1]), (len(candidate.scans), 3)
    need(
        found.shape == needed and found.dtype == np.float32,
        f"its second output is {found.shape} {found.dtype}; it must be {needed} float32: "
        'end with Dense(3, "softmax", dtype="float32").',
    )
    sums = found.sum(axis=1)
    need(
        bool(np.isfinite(found).all() and (found >= 0).all() and np.allclose(sums, 1, atol=1e-3)),
        f"its class probabilities add up to between {sums.min():.3g} and {sums.max():.3g}, not to "
        '1: end with Dense(3, "softmax", dtype="float32").',
    )
    return "probabilities of normal, benign and malignant"


def finite(candidate: Candidate) -> str:
    """Its output for black, white, grey and noise is finite."""
    names = ("black", "white", "grey", "noise", "noise", "half black, half white")
    wrong = [
        name
        for name, answer in zip(names, candidate.answers, strict=True)
        if not np.isfinite(answer).all()
    ]
    need(
        not wrong,
        f"its output for a scan of {' and of '.join(dict.fromkeys(wrong))} holds NaN or infinity; "
        "look for divisions, logarithms and roots of 0, and add a small number.",
    )
    return "black, white, grey, noise and halves"


def depends_on_the_scan(candidate: Candidate) -> str:
    """Its outputs for two scans of noise differ."""
    change = float(np.abs(candidate.answers[3] - candidate.answers[4]).max())
    need(
        change > LEAST_CHANGE,
        f"its outputs for two scans of noise differ by {change:.1g} at most, not by more than "
        f"{LEAST_CHANGE:g}; is its input connected to its output?",
    )
    return f"two scans of noise differ by up to {change:.2g}"


def alone_as_among_others(candidate: Candidate) -> str:
    """A scan gets the same output alone, among others, and again."""
    model, scans = candidate.network, candidate.scans
    alone = np.concatenate([answers(model, scans[i : i + 1]) for i in range(len(scans))])
    turned = answers(model, scans[::-1])[::-1]
    change = max(difference(alone, candidate.answers), difference(turned, candidate.answers))
    need(
        change <= ALIKE,
        f"a scan's output changes by up to {change:.2g} with the other scans of its batch, and "
        f"{ALIKE:g} is allowed; in inference nothing may be averaged over the batch or drawn at "
        "random.",
    )
    return f"differences up to {change:.1g}"


def _shapes(model: "keras.Model") -> list[tuple[str, tuple[int, ...]]]:
    return [(variable.path, tuple(variable.shape)) for variable in model.weights]
