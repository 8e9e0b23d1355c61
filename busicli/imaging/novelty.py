"""How far a scan lies from those that a network was trained on. Arrays only."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError

LEAST_SCANS = 2
SHRINKAGE = 0.05
"""Weight of the unit matrix in the correlation matrix. With few scans per feature, the correlation
matrix alone would overrate directions in which no training scan varied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Familiar:
    """Distribution of the features of training scans."""

    mean: NDArray[np.float32] = field(repr=False)
    """(F,)."""
    whitening: NDArray[np.float32] = field(repr=False)
    """(F, F); makes the features of training scans uncorrelated with variance 1."""

    def __post_init__(self) -> None:
        count = self.mean.size
        if self.mean.shape != (count,) or self.whitening.shape != (count, count):
            raise InputError(
                f"the mean of features is {self.mean.shape} and their whitening "
                f"{self.whitening.shape}; (F,) and (F, F) are needed."
            )


def fit_familiar(features: NDArray[np.float32]) -> Familiar:
    """The distribution of (N, F) features of N training scans; N is at least `LEAST_SCANS`."""
    if features.ndim != 2 or len(features) < LEAST_SCANS:
        raise InputError(
            f"the features are {features.shape}; (scans, features) of at least {LEAST_SCANS} scans "
            "are needed."
        )
    values = features.astype(np.float64)
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-6
    correlation = np.cov(((values - mean) / spread).T).reshape(values.shape[1], -1)
    shrunk = (1 - SHRINKAGE) * correlation + SHRINKAGE * np.eye(len(correlation))
    whitening = np.linalg.cholesky(np.linalg.inv(shrunk)) / spread[:, None]
    return Familiar(mean=mean.astype(np.float32), whitening=whitening.astype(np.float32))


def novelty(features: NDArray[np.float32], familiar: Familiar) -> NDArray[np.float64]:
    """Mahalanobis distance (N,) of (N, F) features from those of training scans.

    A training scan has about the square root of F. Raises InputError where F differs.
    Lee et al. (2018), arXiv:1807.03888, without their classes.
    """
    if features.shape[1] != familiar.mean.size:
        raise InputError(
            f"a scan has {features.shape[1]} features but the weights know those of training scans "
            f"with {familiar.mean.size}; get the weights again from their source."
        )
    centred = features.astype(np.float64) - familiar.mean
    distances: NDArray[np.float64] = np.linalg.norm(centred @ familiar.whitening, axis=1)
    return distances
