"""Choosing how masks are made and trusted: on scans that were not trained on and are not scored."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from busicli.imaging.confidence import map_features
from busicli.imaging.metrics import dice, is_good
from busicli.imaging.postprocess import lesion_mask
from busicli.settings import ConfidenceSettings, PostprocessSettings, TunedSettings

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
MIN_AREAS = (0.0005, 0.001, 0.002, 0.004)
MIN_PRESENCES = (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
MIN_SHARES_OF_BEST = (0.0, 0.1, 0.3, 0.5, 1.0)
REVIEW_SHARE = 0.2
"""Share of scans that a person is asked to look at."""
_SHRINKAGE = 1e-2
"""Weight of the squared coefficients of standardised features: few scans, few certainties."""


class Sweep:
    """Maps and references that settings are tried on; none is tried twice on the same."""

    def __init__(self, maps: NDArray[np.float32], references: NDArray[np.bool_]) -> None:
        """(N, size, size) probabilities, at least one map, and the masks they should become."""
        self.pairs = list(zip(maps, references, strict=True))
        self._dice: dict[PostprocessSettings, NDArray[np.float64]] = {}
        self._features: dict[PostprocessSettings, NDArray[np.float64]] = {}

    def dice(self, settings: PostprocessSettings) -> NDArray[np.float64]:
        """Dice (N,) of each map's mask; NaN where mask and reference are empty."""
        if settings not in self._dice:
            scores = [dice(lesion_mask(p, settings), reference) for p, reference in self.pairs]
            self._dice[settings] = np.array(scores)
        return self._dice[settings]

    def features(self, settings: PostprocessSettings) -> NDArray[np.float64]:
        """What confidence is computed from, (N, features)."""
        if settings not in self._features:
            rows = [map_features(p, lesion_mask(p, settings)) for p, _ in self.pairs]
            self._features[settings] = np.array(rows)
        return self._features[settings]


def tune(sweep: Sweep, rows: NDArray[np.bool_]) -> TunedSettings:
    """Post-processing first, then the confidence of the masks that it makes, on some rows (N,)."""
    postprocess = tune_postprocess(sweep, rows)
    good = np.array([is_good(score) for score in sweep.dice(postprocess)[rows]])
    confidence = tune_confidence(sweep.features(postprocess)[rows], good)
    return TunedSettings(postprocess=postprocess, confidence=confidence)


def tune_postprocess(sweep: Sweep, rows: NDArray[np.bool_]) -> PostprocessSettings:
    """The settings with the highest mean Dice per image, two empty masks counting as 1.

    One setting after the other (threshold, smallest area, share of the best, presence) rather
    than all together: a validation split is small, and fewer choices fit its chance less. Of equals
    the first wins.
    """
    best = PostprocessSettings()
    sweeps: tuple[tuple[str, tuple[float, ...]], ...] = (
        ("threshold", THRESHOLDS),
        ("min_area_fraction", MIN_AREAS),
        ("min_share_of_best", MIN_SHARES_OF_BEST),
        ("min_presence", MIN_PRESENCES),
    )
    for name, values in sweeps:
        candidates = [replace(best, **{name: value}) for value in values]
        scores = [np.nan_to_num(sweep.dice(c)[rows], nan=1.0).mean() for c in candidates]
        best = candidates[int(np.argmax(scores))]
    return best


def tune_confidence(
    features: NDArray[np.float64], good: NDArray[np.bool_]
) -> ConfidenceSettings | None:
    """Logistic regression of whether masks are good, (N,) bool, on their (N, F) features.

    None where all are good or none is: there is nothing to tell apart. The review threshold is the
    confidence below which a fifth of these scans lie.
    """
    if good.all() or not good.any():
        return None
    middle, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    standard = (features - middle) / spread
    sign = np.where(good, 1.0, -1.0)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = parameters[:-1], parameters[-1]
        margin = sign * (standard @ weights + bias)
        slope = -sign * expit(-margin) / len(sign)
        gradient = np.append(standard.T @ slope + 2 * _SHRINKAGE * weights, slope.sum())
        return float(np.logaddexp(0, -margin).mean() + _SHRINKAGE * weights @ weights), gradient

    fitted = minimize(loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B").x
    weights = fitted[:-1] / spread
    bias = float(fitted[-1] - weights @ middle)
    answers = expit(features @ weights + bias)
    return ConfidenceSettings(
        weights=tuple(map(float, weights)),
        bias=bias,
        review_below=float(np.quantile(answers, REVIEW_SHARE)),
    )
