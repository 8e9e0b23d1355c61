"""A run on the workers of a cluster: the same files and bytes as on one machine."""

import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path

from busicli.batch.inputs import InputFile
from busicli.batch.request import SegmentRequest
from busicli.batch.worker import ScanWorker, scan_worker
from busicli.errors import BusicliError
from busicli.io.escaping import percent_escape
from busicli.io.library_messages import silence_libraries
from busicli.io.run_record import RunSettings
from busicli.io.scan_results import ScanResult
from busicli.models.weights import is_name
from busicli.parallel.dask import connected, ordered_map_on
from busicli.versions import versions

Task = tuple[Sequence[InputFile], Sequence[ScanResult | None]]
"""Scans and what an earlier run left of each."""


Parcel = tuple[dict[str, str], bytes]
"""Versions of the program that sends, and a pickled `Sent`, which other versions could not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A task for a worker: a few scans and the request, small enough to be sent each time."""

    request: SegmentRequest
    settings: RunSettings
    """Of the program that sends, with all hashes: the worker's own must be the same."""
    entries: Sequence[InputFile]
    earlier: Sequence[ScanResult | None]
    """What an earlier run left of each."""


_MOST, _FEWEST_TASKS = 16, 64
LOST = "its worker was killed again and again: too little memory, or a library error"


def task_size(scans: int) -> int:
    """How many scans a task holds: several where there are many.

    A scheduler handles some hundred tasks a second, a worker some thirty scans.

    >>> task_size(24), task_size(200), task_size(1_000_000)
    (1, 3, 16)
    """
    return max(1, min(_MOST, scans // _FEWEST_TASKS))


def results_on_cluster(
    request: SegmentRequest,
    worker: ScanWorker,
    tasks: Iterable[Task],
    stop_status: Callable[[], int],
) -> Iterator[list[ScanResult]]:
    """Results of a few scans at a time, in order, made by a cluster's workers.

    The request names weights and scans by path, so every worker must see the same paths. Engine and
    precision are those of `worker`, whatever the workers' processors support.
    """
    if request.cluster is None:
        raise BusicliError("no cluster was named.")
    common = _sent_request(request, worker)
    parcels = (
        packed(
            Sent(
                request=common,
                settings=worker.settings,
                entries=[entry.absolute() for entry in entries],
                earlier=earlier,
            )
        )
        for entries, earlier in tasks
    )
    with connected(request.cluster) as client:

        def lost(parcel: Parcel) -> list[ScanResult]:
            """One of several scans is to blame: each is tried alone."""
            task: Sent = pickle.loads(parcel[1])
            if len(task.entries) == 1:
                return lost_results(task)
            single = ordered_map_on(client, do_task, _one_by_one(task), lost, stop_status)
            results = [*chain.from_iterable(single)]
            return results if len(results) == len(task.entries) else []  # it was stopped

        yield from ordered_map_on(client, do_task, parcels, lost, stop_status)


def _sent_request(request: SegmentRequest, worker: ScanWorker) -> SegmentRequest:
    """The request as workers get it: absolute paths, and this program's engine and precision."""
    return replace(
        request,
        scans=Path(),
        out=request.out.resolve(),
        weights=_reachable(request.weights),
        plugins=tuple(path.resolve() for path in request.plugins),
        engine="openvino" if worker.engine.name.startswith("openvino") else "keras",
        precision=worker.engine.precision,
        cluster=None,
        jobs=1,
    )


def packed(task: Sent) -> Parcel:
    """The task as it is sent."""
    return dict(task.settings.versions), pickle.dumps(task)


def _one_by_one(task: Sent) -> Iterator[Parcel]:
    for entry, earlier in zip(task.entries, task.earlier, strict=True):
        yield packed(replace(task, entries=[entry], earlier=[earlier]))


def do_task(parcel: Parcel) -> list[ScanResult]:
    """On a worker: the scans of one task. Weights are loaded once a process and a hash of them.

    Raises BusicliError where the worker has other versions, weights or plugins than the program
    that sends.
    """
    sent, data = parcel
    own = versions()
    if sent != own:
        raise BusicliError(
            f"a worker of the cluster has other versions of {_differing(own, sent)}; "
            "install the same ones everywhere."
        )
    task: Sent = pickle.loads(data)
    worker = _loaded(task.request, json.dumps(task.settings.to_json(), sort_keys=True))
    pairs = zip(task.entries, task.earlier, strict=True)
    return [row for entry, earlier in pairs for row in worker.results([entry], [earlier])]


def lost_results(task: Sent) -> list[ScanResult]:
    """A failed result for a scan that took several workers with it."""
    (entry,) = task.entries
    return [ScanResult(scan=percent_escape(entry.relative), status="failed", reason=LOST)]


@lru_cache(maxsize=1)
def _loaded(request: SegmentRequest, settings: str) -> ScanWorker:
    """A worker of just these settings, hashes included: files may change while a process lives."""
    silence_libraries()
    worker = scan_worker(request)
    own, sent = json.loads(json.dumps(worker.settings.to_json())), json.loads(settings)
    if own != sent:
        raise BusicliError(
            f"a worker of the cluster has other {_differing(own, sent)} than the program that "
            "sends the scans; give all machines the same files, and run again to resume."
        )
    return worker


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    names = sorted({*one, *other})
    return ", ".join(name for name in names if one.get(name) != other.get(name))


def _reachable(weights: str) -> str:
    """A folder of weights by its absolute path; a shipped name stays a name."""
    return weights if is_name(weights) else str(Path(weights).resolve())
