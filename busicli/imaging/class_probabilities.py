"""Class probabilities: calibrated, and as one score of malignancy. Arrays only."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from busicli.errors import InputError
from busicli.types import NETWORK_CLASSES

Floats = NDArray[np.floating]

_BENIGN, _MALIGNANT = map(NETWORK_CLASSES.index, ("benign", "malignant"))
_TINY = 1e-7
"""Smallest probability whose logarithm is taken."""
_LOG_TEMPERATURES = (-3.0, 3.0)
"""Between which the temperature's logarithm is searched."""


def with_temperature(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """Softmax of log p / temperature: (N, classes) probabilities made less sure where it is over 1.

    The order of the classes stays. Raises InputError where the temperature is not above 0.
    Guo et al. (2017), ICML.

    >>> with_temperature(np.array([[0.8, 0.1, 0.1]]), 1.0).round(6)
    array([[0.8, 0.1, 0.1]])
    """
    if not temperature > 0:
        raise InputError(f"the class temperature is {temperature}; it must be above 0.")
    logits = np.log(np.maximum(np.asarray(probabilities, np.float64), _TINY))
    scaled: NDArray[np.float64] = softmax(logits / temperature, axis=-1)
    return scaled


def fit_temperature(probabilities: Floats, classes: NDArray[np.integer]) -> float:
    """The temperature with the highest likelihood of (N,) classes; below 0 a class is unknown.

    1 where no class is known.
    """
    from scipy.optimize import minimize_scalar  # slow to load, and only training needs it

    known = classes >= 0
    if not known.any():
        return 1.0
    logits = np.log(np.maximum(np.asarray(probabilities[known], np.float64), _TINY))
    rows = np.arange(len(logits)), classes[known]

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[rows].mean())

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded")
    return float(np.exp(found.x))


def malignancy(probabilities: Floats) -> NDArray[np.float64]:
    """P(malignant) / (P(benign) + P(malignant)), (N,), of (N, 3) in the order of NETWORK_CLASSES.

    >>> malignancy(np.array([[0.5, 0.1, 0.4]]))
    array([0.8])
    """
    values = np.maximum(np.asarray(probabilities, np.float64), _TINY)
    share: NDArray[np.float64] = values[:, _MALIGNANT] / (
        values[:, _BENIGN] + values[:, _MALIGNANT]
    )
    return share


def best_threshold(values: Floats, positive: NDArray[np.bool_]) -> float:
    """The value at or above which calling positive has the highest sensitivity + specificity.

    It lies halfway between two neighbours of the (N,) values; 0.5 where all or none are positive.
    Youden (1950), Cancer 3(1).

    >>> best_threshold(np.array([0.1, 0.2, 0.6, 0.8]), np.array([False, False, True, True]))
    0.4
    """
    if not values.size or positive.all() or not positive.any():
        return 0.5
    ranked = np.unique(np.asarray(values, np.float64))
    between = (ranked[1:] + ranked[:-1]) / 2
    if not between.size:
        return 0.5
    positives, negatives = np.sort(values[positive]), np.sort(values[~positive])
    sensitivity = 1 - np.searchsorted(positives, between) / positives.size
    specificity = np.searchsorted(negatives, between) / negatives.size
    return float(between[int(np.argmax(sensitivity + specificity))])
