"""Means with intervals that respect what belongs together. Arrays only."""

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.records import Interval

_DRAWS_AT_ONCE = 1 << 20


def mean_interval(
    values: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    seed: int = 0,
    resamples: int = 2000,
) -> Interval:
    """Mean of the (scans,) values with its bootstrap 95 % percentile interval over groups.

    NaN values are left out. Whole groups are drawn with replacement, as many as there are, since
    scans of one patient are not independent; a resample's mean is over all its scans.
    Mean, low and high are NaN where no value is left. Low and high are NaN where only one group
    is left, for it cannot tell how groups vary. The same seed gives the same interval.
    Raises InputError where values and groups differ in shape, or resamples are below 1.
    Efron (1979), Ann. Stat. 7(1); groups: Davison & Hinkley (1997), chapter 3.8.
    """
    _check(values, groups, resamples)
    known = ~np.isnan(values)
    scans = int(np.count_nonzero(known))
    if not scans:
        return Interval(mean=float("nan"), low=float("nan"), high=float("nan"), scans=0)
    _, member = np.unique(groups[known], return_inverse=True)
    sums = np.bincount(member, weights=values[known]).astype(np.float64)
    counts = np.bincount(member)
    low, high = _percentiles(sums, counts, np.random.default_rng(seed), resamples)
    return Interval(mean=float(sums.sum() / scans), low=low, high=high, scans=scans)


def _percentiles(
    sums: NDArray[np.float64],
    counts: NDArray[np.intp],
    generator: np.random.Generator,
    resamples: int,
) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of the means of resampled groups; NaN for one group."""
    if sums.size == 1:
        return float("nan"), float("nan")
    means = np.empty(resamples)
    step = max(1, _DRAWS_AT_ONCE // sums.size)  # thousands of groups must not fill the memory
    for start in range(0, resamples, step):
        block = means[start : start + step]
        drawn = generator.integers(sums.size, size=(block.size, sums.size))
        block[:] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _check(values: NDArray[np.floating], groups: NDArray[np.integer], resamples: int) -> None:
    if values.ndim != 1 or values.shape != groups.shape:
        raise InputError(
            f"the values are {values.shape} but their groups are {groups.shape}; "
            "give one value and one group a scan."
        )
    if resamples < 1:
        raise InputError(f"resamples is {resamples}; it must be at least 1.")
