"""Choosing how masks are made and trusted: on scans that were not trained on and are not scored."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from busicli.imaging.class_probabilities import (
    best_threshold,
    fit_temperature,
    malignancy,
    with_temperature,
)
from busicli.imaging.confidence import map_features
from busicli.imaging.detection import (
    Components,
    Detections,
    References,
    components_of,
    detections,
    kept_components,
)
from busicli.imaging.metrics import is_good
from busicli.imaging.postprocess import lesion_mask, presence
from busicli.inference.engines import Predictions
from busicli.settings import (
    ConfidenceSettings,
    PostprocessSettings,
    PresenceScores,
    TunedSettings,
)
from busicli.types import LESION_CLASSES, NETWORK_CLASSES

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
MIN_AREAS = (0.0002, 0.0005, 0.001, 0.002, 0.004)
MIN_PRESENCES = (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
MIN_SHARES_OF_BEST = (0.0, 0.01, 0.03, 0.1, 0.3, 0.5, 1.0)
LESION_WEIGHT = 0.5
"""Of lesions in what is chosen by, where scans have weight 1."""
ROUNDS = 2
REVIEW_SHARE = 0.2
"""Share of scans that a person is asked to look at."""
FAMILIAR_SHARE = 0.99
"""Share of scans like those of training that are not called unlike them."""
_SHRINKAGE = 1e-2
"""Weight of the squared coefficients of standardised features: few scans, few certainties."""


class Sweep:
    """Predictions and references that settings are tried on; none is tried twice on the same.

    Trying 2,300 maps of 256 px at every setting takes about a minute of one core.
    """

    def __init__(
        self,
        predicted: Predictions,
        references: NDArray[np.bool_],
        labels: Sequence[str] = (),
    ) -> None:
        """Predictions for N scans, at least one, the masks that they should become (N, size, size)
        and, if the network tells classes, the N classes.
        """
        maps, classes = predicted.maps, predicted.classes
        self.maps, self.masks, self.novelty = maps, references, predicted.novelty
        self.references = References.of(list(references))
        self.presence = np.array([presence(each) for each in maps])
        self.classes = classes
        order = {name: number for number, name in enumerate(NETWORK_CLASSES)}
        self.labels = np.array([order.get(name, -1) for name in labels], np.int64)
        self._components: dict[tuple[float, float], Components] = {}
        self._features: dict[PostprocessSettings, NDArray[np.float64]] = {}

    @property
    def with_lesion(self) -> NDArray[np.bool_]:
        """(N,) which references hold a lesion."""
        return self.references.area_px > 0

    def components(self, settings: PostprocessSettings) -> Components:
        """The maps' components at the settings' threshold, measured once."""
        key = settings.threshold, settings.max_hole_fraction
        if key not in self._components:
            self._components[key] = components_of(list(self.maps), self.references, *key)
        return self._components[key]

    def detections(self, settings: PostprocessSettings) -> Detections:
        """Dice of each map's mask, lesions found and false ones."""
        found = self.components(settings)
        return detections(found, self.references, kept_components(found, self.presence, settings))

    def objective(self, settings: PostprocessSettings, rows: NDArray[np.bool_]) -> float:
        """Mean Dice of some scans (N,), two empty masks counting as 1, plus half of the F1 score of
        lesions: found, missed and false ones. 1.5 is perfect.
        """
        seen = self.detections(settings)
        dice = float(np.nan_to_num(seen.dice[rows], nan=1.0).mean())
        found = seen.found[rows[self.references.lesion_scan]]
        hits, errors = int(found.sum()), int((~found).sum() + seen.false[rows].sum())
        f1 = 2 * hits / (2 * hits + errors) if hits + errors else 1.0
        return dice + LESION_WEIGHT * f1

    def features(self, settings: PostprocessSettings) -> NDArray[np.float64]:
        """What confidence is computed from, (N, features)."""
        if settings not in self._features:
            rows = [map_features(p, lesion_mask(p, settings)) for p in self.maps]
            self._features[settings] = np.array(rows)
        return self._features[settings]


def tune(sweep: Sweep, rows: NDArray[np.bool_]) -> TunedSettings:
    """All that is chosen on some rows (N,): post-processing first, then the confidence of the masks
    that it makes, then what the class probabilities need.
    """
    postprocess = tune_postprocess(sweep, rows)
    good = np.array([is_good(score) for score in sweep.detections(postprocess).dice[rows]])
    confidence = tune_confidence(sweep.features(postprocess)[rows], good)
    novelty = sweep.novelty
    tuned = TunedSettings(
        postprocess=postprocess,
        confidence=confidence,
        novel_from=None if novelty is None else float(np.quantile(novelty[rows], FAMILIAR_SHARE)),
        presence_scores=_presence(sweep, rows),
    )
    return tuned if sweep.classes is None else _tune_classes(tuned, sweep, rows)


def tune_postprocess(sweep: Sweep, rows: NDArray[np.bool_]) -> PostprocessSettings:
    """The settings with the highest `Sweep.objective`.

    One setting after the other (threshold, smallest area, share of the best, presence), twice,
    rather than all together: fewer choices fit the chance of a small split less. Of equals the
    first wins.
    """
    best = PostprocessSettings()
    sweeps: tuple[tuple[str, tuple[float, ...]], ...] = (
        ("threshold", THRESHOLDS),
        ("min_area_fraction", MIN_AREAS),
        ("min_share_of_best", MIN_SHARES_OF_BEST),
        ("min_presence", MIN_PRESENCES),
    )
    for name, values in sweeps * ROUNDS:
        candidates = [replace(best, **{name: value}) for value in values]
        scores = [round(sweep.objective(c, rows), 12) for c in candidates]
        best = candidates[int(np.argmax(scores))]
    return best


def _tune_classes(tuned: TunedSettings, sweep: Sweep, rows: NDArray[np.bool_]) -> TunedSettings:
    """The temperature of the class probabilities and the threshold of malignancy."""
    assert sweep.classes is not None
    classes, labels = sweep.classes[rows], sweep.labels[rows]
    temperature = fit_temperature(classes, labels)
    calibrated = with_temperature(classes, temperature)
    benign, malignant = (labels == NETWORK_CLASSES.index(name) for name in LESION_CLASSES)
    lesion = benign | malignant
    return replace(
        tuned,
        class_temperature=temperature,
        malignant_from=best_threshold(malignancy(calibrated)[lesion], malignant[lesion]),
    )


def _presence(sweep: Sweep, rows: NDArray[np.bool_]) -> PresenceScores:
    """The map's presence of some scans, with and without a lesion."""
    scores = np.round(sweep.presence, 4)
    normal, lesion = (
        np.sort(scores[rows & own]) for own in (~sweep.with_lesion, sweep.with_lesion)
    )
    return PresenceScores(normal=tuple(normal.tolist()), lesion=tuple(lesion.tolist()))


def tune_confidence(
    features: NDArray[np.float64], good: NDArray[np.bool_]
) -> ConfidenceSettings | None:
    """Logistic regression of whether masks are good, (N,) bool, on their (N, F) features.

    None where all are good or none is: there is nothing to distinguish. The review threshold is the
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
