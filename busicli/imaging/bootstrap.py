"""Means and paired differences, with intervals and tests that respect what belongs together.

Arrays only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError

FLIPS = 9_999
"""Random sign flips; with the observed signs that makes the smallest p-value 0.0001."""
RESAMPLES = 2_000
_DRAWS_AT_ONCE = 1 << 20
_SAME = 1e-12
"""Sums that differ by less, relative to all that is summed, are equal but for their rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with its bootstrap 95 % interval over groups."""

    mean: float
    """NaN where there is no scan."""
    low: float
    """NaN, as `high`, where fewer than two groups are left."""
    high: float
    scans: int
    """How many scans the mean is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Two results on the same scans: their means, and the second less the first."""

    scans: int
    """That have both values."""
    groups: int
    a: float
    """NaN, as every metric here, where there is no such scan."""
    b: float
    difference: float
    """B - A, with its bootstrap 95 % interval over groups."""
    low: float
    high: float
    p_value: float
    """Two-sided; 1 where the two are alike."""


def mean_interval(
    values: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Mean of the (scans,) values with its bootstrap 95 % percentile interval over groups.

    NaN values are left out. Whole groups are drawn with replacement, as many as there are, since
    scans of one patient are not independent; a resample's mean is over all its scans.
    Mean, low and high are NaN where no value is left. Low and high are NaN where only one group
    is left, for it cannot tell how groups vary. The same seed gives the same interval.
    Raises InputError where values and groups differ in shape, or resamples are below 1.
    Efron (1979), Ann. Stat. 7(1); groups: Davison & Hinkley (1997), chapter 3.8.
    """
    _check_count("resamples", resamples)
    known = np.where(np.isnan(values), 0.0, 1.0)
    return _interval(values, known, groups, seed=seed, resamples=resamples)


def ratio_interval(
    parts: NDArray[np.floating], wholes: NDArray[np.floating], groups: NDArray[np.integer]
) -> Interval:
    """The sum of (scans,) parts by that of wholes, with its interval over groups as in
    `mean_interval`: lesions found by lesions, say.

    `scans` counts those whose whole is above 0; NaN where the wholes sum to 0. Raises InputError
    where the shapes differ.

    >>> ratio_interval(np.array([1.0, 1]), np.array([1.0, 3]), np.array([1, 2])).mean
    0.5
    """
    return _interval(parts, wholes, groups)


def _interval(
    parts: NDArray[np.floating],
    wholes: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """The sum of parts by that of wholes, over scans whose whole is above 0."""
    _check(parts, groups)
    _check(wholes, groups)
    counted = wholes > 0
    scans = int(np.count_nonzero(counted))
    if not scans:
        return Interval(mean=float("nan"), low=float("nan"), high=float("nan"), scans=0)
    _, member = np.unique(groups[counted], return_inverse=True)
    sums = np.bincount(member, weights=parts[counted]).astype(np.float64)
    counts = np.bincount(member, weights=wholes[counted])
    low, high = _percentiles(sums, counts, np.random.default_rng(seed), resamples)
    return Interval(mean=float(sums.sum() / counts.sum()), low=low, high=high, scans=scans)


def auc_interval(
    values: NDArray[np.floating], positive: NDArray[np.bool_], groups: NDArray[np.integer]
) -> Interval:
    """Area under the ROC curve of (scans,) values with its interval over groups.

    Ties count half, as in `busicli.imaging.metrics.roc_auc`; scans of NaN value are left out.
    NaN where no scan is positive or all are; resamples of which that is true are left out.
    Raises InputError where the shapes differ.
    """
    _check(values, groups)
    known = ~np.isnan(values)
    own, hit = values[known], positive[known]
    if not own.size or hit.all() or not hit.any():
        return Interval(mean=float("nan"), low=float("nan"), high=float("nan"), scans=int(own.size))
    _, member = np.unique(groups[known], return_inverse=True)
    order = np.argsort(own, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(own[order]) > 0))
    weigh = member[order], hit[order], starts
    whole = float(_weighted_auc(np.ones((1, member.max() + 1)), *weigh)[0])
    if member.max() == 0:
        return Interval(mean=whole, low=float("nan"), high=float("nan"), scans=int(own.size))
    low, high = np.nanpercentile(_resampled_auc(*weigh), (2.5, 97.5))
    return Interval(mean=whole, low=float(low), high=float(high), scans=int(own.size))


def _resampled_auc(
    member: NDArray[np.intp], positive: NDArray[np.bool_], starts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """The area for resampled groups; members and positives are in the order of rising values."""
    groups = int(member.max()) + 1
    generator = np.random.default_rng(0)
    step = max(1, _DRAWS_AT_ONCE // max(groups, member.size))
    found = []
    for start in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - start)
        drawn = generator.integers(groups, size=(rows, groups))
        drawn += np.arange(rows)[:, None] * groups
        counts = np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups)
        found.append(_weighted_auc(counts, member, positive, starts))
    return np.concatenate(found)


def _weighted_auc(
    counts: NDArray[np.number],
    member: NDArray[np.intp],
    positive: NDArray[np.bool_],
    starts: NDArray[np.intp],
) -> NDArray[np.float64]:
    """(R,) areas for (R, groups) counts of each group; equal values begin at `starts`."""
    weights = counts[:, member].astype(np.float64)
    higher = np.add.reduceat(weights * positive, starts, axis=1)
    lower = np.add.reduceat(weights * ~positive, starts, axis=1)
    below = lower.cumsum(axis=1) - lower / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        area: NDArray[np.float64] = (higher * below).sum(axis=1) / (
            higher.sum(axis=1) * lower.sum(axis=1)
        )
    return area


def paired_difference(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    seed: int = 0,
) -> PairedDifference:
    """How the second of two (scans,) results on the same scans differs from the first.

    Scans where either is NaN are left out of all metrics. The interval is that of `mean_interval`
    over the scans' differences, the p-value that of `sign_flip_p_value`.
    Raises InputError where the shapes differ.
    """
    _check(first, groups)
    _check(second, groups)
    known = ~(np.isnan(first) | np.isnan(second))
    ours, theirs, own = first[known], second[known], groups[known]
    differences = theirs - ours
    interval = mean_interval(differences, own, seed=seed)
    return PairedDifference(
        scans=interval.scans,
        groups=len(np.unique(own)),
        a=float(ours.mean()) if ours.size else float("nan"),
        b=float(theirs.mean()) if ours.size else float("nan"),
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        p_value=sign_flip_p_value(differences, own, seed=seed),
    )


def sign_flip_p_value(
    differences: NDArray[np.floating],
    groups: NDArray[np.integer],
    *,
    seed: int = 0,
    flips: int = FLIPS,
) -> float:
    """Two-sided p-value of the mean of (scans,) paired differences, by flipping groups' signs.

    If the two results were made alike, each group's could be exchanged whole: every choice of signs
    was as likely as the one observed. The p-value is the share of choices whose mean is at least as
    far from 0: of all choices where there are no more than `flips`, else of so many random ones and
    the observed one, so that it is never 0. A bootstrap would need the interval turned round to the
    null hypothesis, and is too bold with few groups; flipping signs is exact at any number.
    NaN differences are left out; NaN where none is left, 1 where all are 0. The same seed gives the
    same value. Raises InputError where the shapes differ, or flips are below 1.
    Fisher (1935), The Design of Experiments; whole groups: Winkler et al. (2015), NeuroImage 123;
    the observed one counted: Phipson & Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9(1).

    >>> sign_flip_p_value(np.array([0.1, 0.2, 0.1]), np.array([1, 2, 3]))  # 2 of 8 choices
    0.25
    """
    _check(differences, groups)
    _check_count("flips", flips)
    known = ~np.isnan(differences)
    if not known.any():
        return float("nan")
    _, member = np.unique(groups[known], return_inverse=True)
    sums = np.bincount(member, weights=differences[known])
    sums = sums[sums != 0]  # those are the same either way
    reached = abs(sums.sum()) - _SAME * np.abs(sums).sum()
    if 2**sums.size <= flips:
        return float((_flipped(_every_sign(sums.size), sums) >= reached).mean())
    generator = np.random.default_rng(seed)
    count = sum(
        int(np.count_nonzero(_flipped(signs, sums) >= reached))
        for signs in _random_signs(sums.size, generator, flips)
    )
    return (1 + count) / (1 + flips)


def _random_signs(
    count: int, generator: np.random.Generator, flips: int
) -> Iterator[NDArray[np.integer]]:
    """In all (flips, count) random choices of 0 and 1, a block at a time."""
    step = max(1, _DRAWS_AT_ONCE // count)
    for start in range(0, flips, step):
        yield generator.integers(2, size=(min(step, flips - start), count), dtype=np.int8)


def _every_sign(count: int) -> NDArray[np.integer]:
    """Every choice of 0 and 1 for each of `count`, (2 ** count, count); one empty one for none."""
    return np.arange(2**count)[:, None] >> np.arange(count) & 1


def _flipped(signs: NDArray[np.integer], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far from 0 the total of (groups,) sums is for each row of signs, 0 for minus."""
    distance: NDArray[np.float64] = np.abs((2.0 * signs - 1) @ sums)
    return distance


def _percentiles(
    sums: NDArray[np.float64],
    counts: NDArray[np.number],
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


def _check(values: NDArray[np.floating], groups: NDArray[np.integer]) -> None:
    if values.ndim != 1 or values.shape != groups.shape:
        raise InputError(
            f"the values are {values.shape} but their groups are {groups.shape}; "
            "give one value and one group a scan."
        )


def _check_count(name: str, count: int) -> None:
    if count < 1:
        raise InputError(f"{name} is {count}; it must be at least 1.")
