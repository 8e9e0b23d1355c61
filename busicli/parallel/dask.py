"""Work on a Dask cluster: a running scheduler, or jobs of a batch system.

Dask is an optional dependency and is imported only if a cluster is requested.
"""

import importlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypeVar, get_args

from busicli.errors import BusicliError, InputError

T = TypeVar("T")
R = TypeVar("R")
BatchSystem = Literal["slurm", "pbs", "lsf", "sge"]
BATCH_SYSTEMS: tuple[BatchSystem, ...] = get_args(BatchSystem)
MAX_CRASHES = 3
"""Workers that may die at one task before it is given up. Dask's default is one more."""
_AHEAD = 4
"""Tasks per worker thread that are submitted ahead."""
_SECONDS = 20.0
"""Timeout of the scheduler's answer."""
_POLL_S = 1.0
"""Interval of checks for a stop while no result arrives."""
_SUBMIT = {"slurm": "sbatch", "pbs": "qsub", "lsf": "bsub", "sge": "qsub"}
_CLASSES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequest:
    """The cluster to use."""

    where: str
    """Address of a running scheduler, or one of BATCH_SYSTEMS."""
    workers: int = 1
    """Jobs to submit to the batch system."""
    worker_cores: int = 1
    """Cores of each job: one worker process with one thread on each."""
    worker_memory: str = "4GiB"
    """Memory of each job."""
    walltime: str = "02:00:00"


@contextmanager
def connected(request: ClusterRequest) -> Iterator[Any]:
    """A Dask client of the cluster; submitted jobs end with the block.

    Raises InputError if Dask is not installed, and BusicliError if no scheduler answers or no job
    can be submitted.
    """
    distributed = _imported("distributed")
    submit = _SUBMIT.get(request.where)
    if submit and shutil.which(submit) is None:
        raise BusicliError(
            f"--cluster {request.where} needs {submit}, which this machine lacks; run busicli on a "
            "machine that submits jobs."
        )
    if request.where not in BATCH_SYSTEMS:
        try:
            client = distributed.Client(request.where, timeout=_SECONDS)
        except (OSError, ValueError) as error:
            raise BusicliError(
                f"no Dask scheduler answers at {request.where}; start one with dask scheduler, "
                "or correct --cluster."
            ) from error
        with client:
            yield client
        return
    cluster_class = getattr(_imported("dask_jobqueue"), _CLASSES[request.where])
    dask = _imported("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": MAX_CRASHES - 1}),
        cluster_class(
            cores=request.worker_cores,
            processes=request.worker_cores,
            memory=request.worker_memory,
            walltime=request.walltime,
        ) as cluster,
    ):
        cluster.scale(jobs=request.workers)
        with distributed.Client(cluster) as client:
            yield client


def ordered_map_on(
    client: Any,
    function: Callable[[T], R],
    items: Iterable[T],
    lost: Callable[[T], R],
    stopped: Callable[[], object],
) -> Iterator[R]:
    """`function` of every item, in the items' order, on the workers of a cluster.

    `function` must be importable there; items and results are pickled. Only as many items are
    submitted as keep every worker busy. Another worker redoes the items of a lost one. An item at
    which several workers died becomes `lost(item)`. Ends early once `stopped` is true, even if no
    worker answers.
    """
    distributed = _imported("distributed")
    numbered = enumerate(items)
    under_way: dict[Any, tuple[int, T]] = {}
    done: dict[int, R] = {}
    following = 0

    def top_up() -> None:
        room = _wanted(client) - len(under_way) - len(done)
        for number, item in islice(numbered, max(0, room)):
            under_way[client.submit(function, item, pure=False)] = number, item

    try:
        top_up()
        while under_way and not stopped():
            try:
                with _answering():
                    ended, _ = distributed.wait(
                        list(under_way), timeout=_POLL_S, return_when="FIRST_COMPLETED"
                    )
            except TimeoutError:
                continue
            for future, result in _results(client, ended):
                number, item = under_way.pop(future)
                done[number] = lost(item) if result is None else result
            while following in done:
                yield done.pop(following)
                following += 1
            top_up()
    finally:
        client.cancel(list(under_way))


def _results(client: Any, futures: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Ended futures with their results; None for one at which several workers died."""
    finished = [future for future in futures if future.status == "finished"]
    with _answering():
        results = client.gather(finished)
    yield from zip(finished, results, strict=True)
    for future in futures:
        if future.status == "finished":
            continue
        error = future.exception() if future.status == "error" else None
        if type(error).__name__ == "KilledWorker":
            yield future, None
            continue
        if isinstance(error, BusicliError):
            raise error
        raise BusicliError(
            f"the cluster lost a task ({type(error).__name__ if error else future.status})"
            "; look at the workers' logs and run again to resume."
        )


@contextmanager
def _answering() -> Iterator[None]:
    """Raise BusicliError if the scheduler goes away inside the block."""
    comm = _imported("distributed.comm")
    client = _imported("distributed.client")
    try:
        yield
    except (comm.CommClosedError, client.FuturesCancelledError) as error:
        raise BusicliError(
            "the Dask scheduler went away; restart it and run the command again to resume."
        ) from error


def _wanted(client: Any) -> int:
    """How many items should be submitted; the number of workers changes."""
    with _answering():
        threads: dict[str, int] = client.nthreads()
    return max(1, sum(threads.values())) * _AHEAD


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            "--cluster needs Dask, which is not installed; pip install 'busicli[cluster]'."
        ) from error
