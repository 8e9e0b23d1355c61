"""How far a mask can be trusted, from its probability map alone. Arrays only."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from busicli.errors import InputError
from busicli.imaging.postprocess import presence
from busicli.imaging.topology import component_count
from busicli.settings import ConfidenceSettings
from busicli.types import Mask, Probability

FEATURES = (
    "empty",
    "empty_times_peak",
    "expected_dice",
    "peak",
    "mean_probability",
    "log_area",
    "doubt",
    "further_components",
)
"""What `map_features` measures; all but the first two are 0 where the mask is empty."""


def map_features(probability: Probability, mask: Mask) -> NDArray[np.float64]:
    """What tells a good mask from a bad one: (len(FEATURES),) float64, finite.

    `probability` and its boolean `mask` are (rows, columns) of one shape, at least 1 x 1, best at
    the network's size. Expected Dice is that of the mask if the probabilities were true; doubt is
    the mass nearer to one half, min(p, 1 - p) summed, as a share of the mask. Raises InputError
    where the shapes differ.
    """
    if probability.shape != mask.shape:
        raise InputError(
            f"the probability map is {probability.shape} but the mask {mask.shape}; "
            "pass the mask that was made from the map."
        )
    peak = presence(probability)
    area = np.count_nonzero(mask)
    if not area:
        return np.array([1.0, peak, *[0.0] * (len(FEATURES) - 2)])
    inside = float((probability * mask).sum(dtype=np.float64))
    everywhere = float(probability.sum(dtype=np.float64))
    doubt = float(np.minimum(probability, 1 - probability).sum(dtype=np.float64))
    components = component_count(mask)
    return np.array(
        [
            0.0,
            0.0,
            2 * inside / (area + everywhere),
            peak,
            inside / area,
            np.log(area / mask.size),
            doubt / area,
            components - 1,
        ]
    )


def confidence(probability: Probability, mask: Mask, settings: ConfidenceSettings) -> float:
    """The probability in [0, 1] that the mask is good: Dice of 0.7 or more, or rightly empty.

    A logistic model of `map_features`, fitted on scans that the network had not seen.
    """
    features = map_features(probability, mask)
    if len(settings.weights) != len(features):
        raise InputError(
            f"confidence has {len(settings.weights)} weights for {len(features)} features; "
            "take weights whose card this version of busicli wrote."
        )
    score = float(features @ np.array(settings.weights)) + settings.bias
    return float(expit(score))
