"""Folds trained side by side on the workers of a cluster."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from busicli.errors import BusicliError
from busicli.parallel.dask import ClusterRequest, connected, in_order_on
from busicli.training.request import FitListeners, FitRequest
from busicli.training.run import fit_fold


def fit_folds_on(
    cluster: ClusterRequest, request: FitRequest, folds: Sequence[tuple[int, int]]
) -> Iterator[Path]:
    """Train each fold on a worker of its own and give its weights' folder, in the folds' order.

    Every worker must see the data and the runs under the same paths. A fold whose worker is lost
    begins anew on another, from its last checkpoint; so does one that an earlier command began.
    """
    sent = replace(
        request,
        data=request.data.resolve(),
        runs=request.runs.resolve(),
        init=_reachable(request.init),
        chosen_by=request.chosen_by and request.chosen_by.resolve(),
        plugins=tuple(path.resolve() for path in request.plugins),
        resume=True,
    )
    with connected(cluster) as client:
        yield from in_order_on(client, partial(_fit, sent), folds, _lost, lambda: False)


def _reachable(init: str | None) -> str | None:
    """A folder by its whole path; the name of weights that ship as it is."""
    return str(Path(init).resolve()) if init and Path(init).is_dir() else init


def _fit(request: FitRequest, fold: tuple[int, int]) -> Path:
    return fit_fold(request, fold, FitListeners())


def _lost(fold: tuple[int, int]) -> Path:
    raise BusicliError(
        f"the workers that trained fold {fold[0]} were killed again and again; give them more "
        "memory and run again to go on."
    )
