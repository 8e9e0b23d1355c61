"""How far a scan lies from those that a network was trained on. Arrays only."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError

SHRINKAGE = 0.05
"""Weight of the unit matrix in the correlation matrix. With few scans per feature, the correlation
matrix alone would overrate directions in which no training scan varied."""
COLOUR_SPREAD = 40
"""Difference between a pixel's channels, in grey levels, from which it counts as coloured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Familiar:
    """Distribution of the features of training scans."""

    mean: NDArray[np.float32] = field(repr=False)
    """(F,)."""
    whitening: NDArray[np.float32] = field(repr=False)
    """(F, F); makes the features of training scans uncorrelated with variance 1."""


def fit_familiar(features: NDArray[np.float32]) -> Familiar:
    """The distribution of (N, F) features of N training scans; N is at least 2."""
    if features.ndim != 2 or len(features) < 2:
        raise InputError(
            f"the features are {features.shape}; (scans, features) of at least 2 scans are needed."
        )
    values = features.astype(np.float64)
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-6
    correlation = np.cov(((values - mean) / spread).T).reshape(values.shape[1], -1)
    shrunk = (1 - SHRINKAGE) * correlation + SHRINKAGE * np.eye(len(correlation))
    whitening = np.linalg.cholesky(np.linalg.inv(shrunk)) / spread[:, None]
    return Familiar(mean=mean.astype(np.float32), whitening=whitening.astype(np.float32))


def novelty(features: NDArray[np.float32], familiar: Familiar) -> NDArray[np.float64]:
    """Mahalanobis distance (N,) of (N, F) features from those of training scans.

    A training scan has about the square root of F. Lee et al. (2018), arXiv:1807.03888, without
    their classes.
    """
    centred = features.astype(np.float64) - familiar.mean
    distances: NDArray[np.float64] = np.linalg.norm(centred @ familiar.whitening, axis=1)
    return distances


def coloured_fraction(scan: NDArray[np.uint8]) -> float:
    """Share of the pixels of a (rows, columns, 3) uint8 scan that are coloured, in [0, 1].

    Colour Doppler and photographs have coloured pixels, B-mode has none.
    0 for a scan without pixels.
    """
    if not scan.size:
        return 0.0
    spread = scan.max(axis=2) - scan.min(axis=2)
    return float(np.count_nonzero(spread >= COLOUR_SPREAD) / spread.size)
