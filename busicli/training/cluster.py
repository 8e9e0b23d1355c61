"""Folds trained side by side on the workers of a cluster."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from busicli.errors import BusicliError
from busicli.parallel.dask import ClusterRequest, connected, ordered_map_on
from busicli.training.request import TrainCallbacks, TrainRequest
from busicli.training.run import train_fold


def train_folds_on(
    cluster: ClusterRequest, request: TrainRequest, folds: Sequence[tuple[int, int]]
) -> Iterator[Path]:
    """Train each fold on a worker of its own and give its weights' folder, in the folds' order.

    Every worker must see the data and the runs under the same paths. A fold whose worker is lost
    begins again on another, from its last checkpoint; so does one that an earlier command began.
    """
    sent = replace(
        request,
        data=request.data.resolve(),
        runs=request.runs.resolve(),
        init=_reachable(request.init),
        postprocess_from=request.postprocess_from and request.postprocess_from.resolve(),
        plugins=tuple(path.resolve() for path in request.plugins),
        resume=True,
    )
    with connected(cluster) as client:
        yield from ordered_map_on(client, partial(_train, sent), folds, _lost, lambda: False)


def _reachable(init: str | None) -> str | None:
    """A folder by its whole path; the name of weights that ship as it is."""
    return str(Path(init).resolve()) if init and Path(init).is_dir() else init


def _train(request: TrainRequest, fold: tuple[int, int]) -> Path:
    return train_fold(request, fold, TrainCallbacks())


def _lost(fold: tuple[int, int]) -> Path:
    raise BusicliError(
        f"the workers that trained fold {fold[0]} were killed again and again; give them more "
        "memory and run again to resume."
    )
