"""Where to call a scan lesion-free: what a threshold on presence costs and guarantees. Arrays only.

A scan gets no mask where its presence is below the threshold.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.settings import TunedSettings

POINTS = 50
"""Of a trade-off curve, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """What one threshold does to the scans whose scores are known."""

    min_presence: float
    false_masks: float
    """Share of normal scans at or above the threshold; NaN without any."""
    missed: float
    """Share of scans with a lesion below the threshold; NaN without any."""


def min_presence_for(max_false_masks: float, normal_scores: NDArray[np.floating]) -> float:
    """The threshold that keeps the expected share of false masks on new normal scans.

    `normal_scores` (N,) are the presence of normal scans by networks that had not seen them. By
    split conformal prediction the threshold lies just above the k-th smallest of them, with
    k = ceil((N + 1) (1 - max_false_masks)): a new scan that is exchangeable with them lies at or
    above it with a probability of at most `max_false_masks`. Raises InputError where the share is
    outside (0, 1), where k > N, and where the k-th score is 1, above which there is none.
    Papadopoulos et al. (2002), ECML; Angelopoulos and Bates (2023), Found. Trends Mach. Learn. 16.

    >>> round(min_presence_for(0.25, np.array([0.1, 0.2, 0.3])), 6)  # k = ceil(4 x 0.75) = 3
    0.3
    """
    if not 0 < max_false_masks < 1:
        raise InputError(
            f"the share of false masks is {max_false_masks}; give one between 0 and 1, such as 0.1."
        )
    count = normal_scores.size
    if not count:
        raise InputError(
            "the weights hold no scores of normal scans, so that no share of false masks can be "
            "kept; take weights that were tuned by busicli eval --folds."
        )
    # Without rounding (10)(1 - 0.1) is 9.000000000000002 for some shares, and k one too high.
    rank = math.ceil(round((count + 1) * (1 - max_false_masks), 9))
    if rank > count:
        smallest = f"{math.ceil(10_000 / (count + 1)) / 10_000:.4f}"
        raise InputError(
            f"a share of {max_false_masks} false masks cannot be kept with the scores of {count} "
            f"normal scans; the smallest share that they support is {smallest}."
        )
    score = float(np.sort(normal_scores)[rank - 1])
    if score >= 1:
        raise InputError(
            f"a share of {max_false_masks} false masks cannot be kept: too many normal scans have "
            "a presence of 1; give a larger share."
        )
    return math.nextafter(score, 1.0)


def limit_false_masks(tuned: TunedSettings, share: float) -> TunedSettings:
    """The settings with the threshold on presence that keeps the share of false masks.

    Raises InputError as `min_presence_for`.
    """
    threshold = min_presence_for(share, np.array(tuned.presence_scores.normal))
    return replace(tuned, postprocess=replace(tuned.postprocess, min_presence=threshold))


def operating_point(tuned: TunedSettings) -> OperatingPoint:
    """What the settings' own threshold on presence does to the scans whose scores they hold."""
    scores = tuned.presence_scores
    threshold = tuned.postprocess.min_presence
    return _point(threshold, np.array(scores.normal), np.array(scores.lesion))


def _point(
    threshold: float, normal: NDArray[np.floating], lesion: NDArray[np.floating]
) -> OperatingPoint:
    return OperatingPoint(
        min_presence=threshold,
        false_masks=false_mask_share(threshold, normal),
        missed=missed_share(threshold, lesion),
    )


def missed_share(min_presence: float, lesion_scores: NDArray[np.floating]) -> float:
    """Share of scans with a lesion whose (N,) presence is below the threshold; NaN without any.

    >>> missed_share(0.5, np.array([0.2, 0.5, 0.9, 0.9]))
    0.25
    """
    return float(np.mean(lesion_scores < min_presence)) if lesion_scores.size else math.nan


def false_mask_share(min_presence: float, normal_scores: NDArray[np.floating]) -> float:
    """Share of normal scans whose (N,) presence reaches the threshold; NaN without any."""
    return float(np.mean(normal_scores >= min_presence)) if normal_scores.size else math.nan


def trade_off(
    normal_scores: NDArray[np.floating], lesion_scores: NDArray[np.floating]
) -> tuple[OperatingPoint, ...]:
    """Missed lesions against false masks, from no threshold to one above every normal scan.

    Up to 50 thresholds, each just above a normal scan's score; only the first without normal scans.
    """
    ranked = np.unique(normal_scores)
    picked = np.unique(np.linspace(0, ranked.size - 1, POINTS - 1).round().astype(int))
    above = [math.nextafter(float(ranked[row]), 1.0) for row in picked] if ranked.size else []
    thresholds = (0.0, *above)
    return tuple(_point(threshold, normal_scores, lesion_scores) for threshold in thresholds)
