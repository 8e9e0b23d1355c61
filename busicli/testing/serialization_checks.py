"""Checks of stored networks: as numbers, and as an exported graph."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from busicli.errors import InputError
from busicli.imaging.preprocess import network_values
from busicli.inference.openvino import export_graph, have_openvino, open_graph
from busicli.models.weights import load_state, serialize_weights
from busicli.testing.candidate import Candidate, difference, plain_answers
from busicli.testing.result import CheckError, NotTriedError, need

if TYPE_CHECKING:
    import keras

ALIKE = 1e-4
"""How much a network filled with another's numbers may differ from it."""
ENGINE_ALIKE = 0.005
"""How much the exported graph may differ: it adds up in another order."""


def saving(candidate: Candidate) -> str:
    """A network filled with another's stored numbers gives the same output."""
    one, other = candidate.network, candidate.fresh(seed=1)
    fill(other, serialize_weights(one))
    expected, found = (plain_answers(model, candidate.scans) for model in (one, other))
    change = difference(found, expected)
    need(
        change <= ALIKE,
        f"filled with the same numbers, two networks differ by {change:.2g}, and {ALIKE:g} is "
        "allowed; whatever build draws at random, or layers keep, must be weights of the network.",
    )
    return f"{len(one.weights)} weights, differences up to {change:.1g}"


def export(candidate: Candidate) -> str:
    """Its exported graph gives the same output without Keras."""
    if not have_openvino():
        raise NotTriedError("openvino is not installed.")
    model = candidate.network
    images = np.round(candidate.scans * 255).astype(np.uint8)
    expected = plain_answers(model, network_values(images))[..., 0]
    try:
        found = open_graph(export_graph(model)).predict(images).maps
    except Exception as error:  # the converter may raise anything
        reason = str(error).strip().partition("\n")[0]
        raise CheckError(
            f"its graph cannot be exported ({type(error).__name__}: {reason}); "
            "use only layers and operations of Keras; else it runs on Keras, which is slower."
        ) from error
    change = difference(found, expected)
    need(
        change <= ENGINE_ALIKE,
        f"its exported graph differs from Keras by {change:.2g}, and {ENGINE_ALIKE:g} is allowed; "
        "look for an operation that is converted wrongly.",
    )
    return f"differences up to {change:.1g}"


def fill(model: "keras.Model", numbers: Mapping[str, Any]) -> None:
    """Load stored numbers into a network, as prediction does."""
    try:
        load_state(model, numbers, model.name)
    except InputError as error:
        raise CheckError(
            f"a network cannot be filled with the numbers of another build ({error}); "
            "build must make the same weights in the same order each time."
        ) from error
