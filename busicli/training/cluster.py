"""Training folds in parallel on the workers of a cluster."""

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
    """Train each fold on its own worker and yield the folders of their weights, in order.

    Every worker must see data and runs under the same paths. A fold whose worker is lost resumes on
    another from its last checkpoint, and so does one that an earlier command started. Raises
    BusicliError where a fold loses one worker after the other.
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
    """A folder as an absolute path; the name of shipped weights as it is."""
    return str(Path(init).resolve()) if init and Path(init).is_dir() else init


def _train(request: TrainRequest, fold: tuple[int, int]) -> Path:
    return train_fold(request, fold, TrainCallbacks())


def _lost(fold: tuple[int, int]) -> Path:
    raise BusicliError(
        f"every worker that trained fold {fold[0]} was killed; give workers more memory and run "
        "the same command again to resume."
    )
