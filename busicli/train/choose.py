"""Choosing post-processing on the validation split: never on the split that is reported."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from busicli.metrics import dice
from busicli.postprocess import lesion_mask
from busicli.records import Mask, Probability
from busicli.settings import PostprocessSettings

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
MIN_AREAS = (0.0005, 0.001, 0.002, 0.004)
MIN_PEAKS = (0.0, 0.7, 0.8, 0.9)


def choose_postprocess(
    probabilities: Sequence[Probability], truths: Sequence[Mask]
) -> PostprocessSettings:
    """The settings with the highest mean Dice per image, two empty masks counting as 1.

    One setting after the other (threshold, smallest area, lowest peak) rather than all together:
    a validation split is small, and fewer choices fit its chance less. Of equals the first wins.
    """
    best = PostprocessSettings()
    sweeps: tuple[tuple[str, tuple[float, ...]], ...] = (
        ("threshold", THRESHOLDS),
        ("min_area_fraction", MIN_AREAS),
        ("min_peak", MIN_PEAKS),
    )
    for name, values in sweeps:
        candidates = [replace(best, **{name: value}) for value in values]
        best = max(candidates, key=lambda settings: _score(probabilities, truths, settings))
    return best


def _score(
    probabilities: Iterable[Probability], truths: Iterable[Mask], settings: PostprocessSettings
) -> float:
    scores = [
        dice(lesion_mask(probability, settings), truth)
        for probability, truth in zip(probabilities, truths, strict=True)
    ]
    return float(np.mean(np.nan_to_num(scores, nan=1.0)))
