"""How far predictions agree with references: areas, confidence, probabilities. Arrays only."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

Floats = NDArray[np.float64]

BINS = 10
"""Of confidence, each of about as many scans."""
SMALLEST_BIN = 10
"""Scans."""
_LEVELS = 1000
"""Thresholds of a precision-recall curve, in even steps over [0, 1)."""
_NORMAL_95 = 1.96
"""Standard deviations that hold 95 % of a normal distribution on either side of its mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaAgreement:
    """Predicted against true areas: differences in % of the mean of both, over (scans,)."""

    mean_share: Floats = field(repr=False)
    """Mean of both areas as a share of the scan."""
    difference: Floats = field(repr=False)
    """100 (predicted - true) / mean of both."""
    bias: float
    """Mean difference; NaN, as `low` and `high`, for fewer than two scans."""
    low: float
    """Limits of agreement: about 95 % of differences lie between them."""
    high: float


def area_agreement(predicted: Floats, reference: Floats, scan: Floats) -> AreaAgreement:
    """Bland-Altman agreement of (scans,) lesion areas, all in pixels, where both are above 0.

    Differences are relative, for their spread grows with the lesion.
    Bland and Altman (1999), Stat. Methods Med. Res. 8(2).

    >>> area_agreement(np.array([30.0, 10, 0]), np.array([10.0, 10, 5]), np.full(3, 100.0)).bias
    50.0
    """
    both = (predicted > 0) & (reference > 0)
    mean = (predicted[both] + reference[both]) / 2
    difference = 100 * (predicted[both] - reference[both]) / mean
    enough = difference.size > 1
    bias = float(difference.mean()) if enough else float("nan")
    spread = _NORMAL_95 * float(difference.std(ddof=1)) if enough else float("nan")
    return AreaAgreement(
        mean_share=mean / scan[both],
        difference=difference,
        bias=bias,
        low=bias - spread,
        high=bias + spread,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Confidence against the share of masks that were good, in bins of rising confidence."""

    confidence: Floats
    """Mean of each bin."""
    good: Floats
    """Share of good masks in each."""
    low: Floats
    """Its 95 % interval."""
    high: Floats
    scans: NDArray[np.int64]
    error: float
    """Mean distance of confidence and share over the scans; NaN without any."""


def calibration(confidence: Floats, good: NDArray[np.bool_]) -> Calibration:
    """Calibration of (scans,) confidences in [0, 1], in bins of about as many scans each.

    Ten bins, or fewer where a bin would have less than ten scans: a share of three says nothing.

    Intervals after Wilson (1927), JASA 22; error after Naeini et al. (2015), AAAI.
    """
    order = np.argsort(confidence, kind="stable")
    bins = max(1, min(BINS, order.size // SMALLEST_BIN))
    parts = [part for part in np.array_split(order, bins) if part.size]
    counts = np.array([part.size for part in parts], np.int64)
    predicted = np.array([confidence[part].mean() for part in parts], np.float64)
    hits = [int(np.count_nonzero(good[part])) for part in parts]
    share = np.array(hits, np.float64) / counts
    ranges = [
        binomtest(hit, int(count)).proportion_ci(method="wilson")
        for hit, count in zip(hits, counts, strict=True)
    ]
    distances = np.abs(predicted - share)
    return Calibration(
        confidence=predicted,
        good=share,
        low=np.array([r.low for r in ranges], np.float64),
        high=np.array([r.high for r in ranges], np.float64),
        scans=counts,
        error=float(np.average(distances, weights=counts)) if parts else float("nan"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecall:
    """Precision and recall of pixels at rising thresholds, (thresholds,) each."""

    threshold: Floats
    precision: Floats
    """NaN where no pixel is as probable."""
    recall: Floats
    """NaN where no pixel is lesion."""
    average_precision: float
    """Mean precision over recall; NaN where no pixel is lesion."""


def precision_recall(
    maps: Iterable[NDArray[np.floating]], references: Iterable[NDArray[np.bool_]]
) -> PrecisionRecall:
    """Over all pixels of (rows, columns) probability maps in [0, 1] and their boolean references.

    Probabilities are counted in steps of a thousandth, so that memory holds one map.
    """
    lesion, all_pixels = np.zeros(_LEVELS), np.zeros(_LEVELS)
    for probability, reference in zip(maps, references, strict=True):
        levels = np.minimum((probability * _LEVELS).astype(np.int64), _LEVELS - 1)
        all_pixels += np.bincount(levels.ravel(), minlength=_LEVELS)
        lesion += np.bincount(levels[reference], minlength=_LEVELS)
    hit = lesion[::-1].cumsum()[::-1]  # at or above each threshold
    called = all_pixels[::-1].cumsum()[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hit / called, hit / hit[0]
    steps = recall - np.append(recall[1:], 0)
    average = float(np.nansum(precision * steps)) if hit[0] else float("nan")
    return PrecisionRecall(
        threshold=np.arange(_LEVELS) / _LEVELS,
        precision=precision,
        recall=recall,
        average_precision=average,
    )
