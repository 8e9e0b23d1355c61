"""Work spread over a cluster by Dask: a scheduler that runs, or one made of a batch system's jobs.

Dask is an extra: it is imported only where a cluster is asked for.
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
"""Workers that one piece of work may take with it before it is given up: Dask's own default for a
scheduler is one more."""
_AHEAD = 4
"""Pieces of work a worker's thread that are with the scheduler before the first is asked for."""
_SECONDS = 20.0
"""How long a scheduler may take to answer."""
_POLL_S = 1.0
"""How often being stopped is thought of where no result comes."""
_SUBMIT = {"slurm": "sbatch", "pbs": "qsub", "lsf": "bsub", "sge": "qsub"}
_CLASSES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequest:
    """Where to work."""

    where: str
    """Address of a running scheduler, or one of BATCH_SYSTEMS."""
    workers: int = 1
    """Jobs to ask the batch system for."""
    worker_cores: int = 1
    """Cores of each job: as many worker processes, of one thread each."""
    worker_memory: str = "4GiB"
    """Memory of each job."""
    walltime: str = "02:00:00"


@contextmanager
def connected(request: ClusterRequest) -> Iterator[Any]:
    """A Dask client of the cluster; jobs that were asked for end with the block.

    Raises InputError without Dask, BusicliError where no scheduler answers or no job can be asked
    for.
    """
    distributed = _imported("distributed")
    submit = _SUBMIT.get(request.where)
    if submit and shutil.which(submit) is None:
        raise BusicliError(
            f"--cluster {request.where} needs {submit}, which is not on this machine; run where "
            "jobs are submitted."
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

    `function` is importable there, items and results can be pickled; no more of them are under way
    than keep every worker busy. What a lost worker had is done by another; an item that has taken
    several workers with it becomes what `lost` makes of it. Ends early, also where no worker
    answers, once `stopped` says so.
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
    """Futures that have ended with their results; None for one that took its workers with it."""
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
            f"the cluster lost a piece of work ({type(error).__name__ if error else future.status})"
            "; look at the workers' logs and run again to resume."
        )


@contextmanager
def _answering() -> Iterator[None]:
    """BusicliError where the scheduler goes away inside the block."""
    comm = _imported("distributed.comm")
    client = _imported("distributed.client")
    try:
        yield
    except (comm.CommClosedError, client.FuturesCancelledError) as error:
        raise BusicliError(
            "the Dask scheduler went away; start it again and run again to resume."
        ) from error


def _wanted(client: Any) -> int:
    """How many items should be under way; workers come and go."""
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
