"""The request of a training run, and the scans that it trains and validates on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from busicli.data.store import PreparedData, PreparedScans
from busicli.errors import InputError
from busicli.settings import TrainSettings
from busicli.training.run_folder import all_but_fold
from busicli.types import SPLITS, Case

Objected = Literal["leave-out", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """A training run: model, scans, settings and folder."""

    data: Path
    runs: Path
    name: str
    model: str
    settings: TrainSettings
    train_on: Literal["train", "all"] = "train"
    """`train` trains on the training split and keeps the best epoch by the validation split; `all`
    trains on every scan and keeps the last epoch."""
    fold: tuple[int, int] | None = None
    """Number, from 1, and how many folds there are. The run trains on every scan but this fold's
    and keeps the last epoch."""
    datasets: tuple[str, ...] = ()
    """Train only on these data sets; empty for all."""
    objected: Objected = "leave-out"
    """Whether to train and validate on scans with an objection of their data set's curators. Folds
    divide all scans, so that each of them is scored."""
    postprocess_from: Path | None = None
    """Results of a cross-validation, whose post-processing and confidence are used."""
    options: Mapping[str, Any] = field(default_factory=dict)
    init: str | None = None
    """Weights to begin from. A fold can be given a cross-validation's folder: it takes the same
    fold's."""
    plugins: tuple[Path, ...] = ()
    devices: Literal["one", "all"] = "one"
    """`all` divides each batch among all accelerators."""
    processes: int = 0
    """Worker processes that prepare training scans; 0 for threads of this process."""
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainCallbacks:
    """Called while training."""

    on_start: Callable[[Path], None] = lambda _: None
    """The run's folder, once the request is checked."""
    on_batch: Callable[[int, int, int], None] = lambda _epoch, _done, _all: None
    """Epoch (from 1), batches done, batches in all."""
    on_epoch: Callable[[list[dict[str, float]], float], None] = lambda _history, _left: None
    """The history and the estimated seconds left, after each epoch."""


def check_scans(request: TrainRequest, data: PreparedData) -> None:
    """Raise InputError where there is no scan to train on, or none to validate on if it is needed.

    Data made from a table may have an empty split: good for scoring, not for training.
    """
    if unknown := sorted(set(request.datasets) - set(data.info["datasets"])):
        raise InputError(
            f"the data in {data.folder} hold no data set {', '.join(unknown)}; "
            f"they hold {', '.join(data.info['datasets'])}."
        )
    present = {case.split for case in data.cases if _wanted(request, case)}
    left_out = _words_of_left_out(request, data)
    if request.fold is not None or request.train_on == "all":
        if not present:
            raise InputError(f"no scan of {data.folder} is left to train on{left_out}; add scans.")
        return
    if empty := [split for split in ("train", "val") if split not in present]:
        raise InputError(
            f"the data in {data.folder} hold no scan for {' and '.join(empty)}{left_out}, and "
            "training needs both; ask for other splits in the table and run preprocess again."
        )


def left_out(request: TrainRequest, data: PreparedData) -> int:
    """How many scans are left out because of an objection.

    They are counted in the splits that the run uses; for folds and `all`, in all scans.
    """
    splits = ("train", "val") if request.fold is None and request.train_on == "train" else SPLITS
    return sum(
        bool(case.objection) and case.split in splits and _of_datasets(request, case)
        for case in data.cases
        if request.objected == "leave-out"
    )


def scans_of(
    request: TrainRequest, data: PreparedData
) -> tuple[PreparedScans, PreparedScans | None]:
    """The scans to train on, and those to validate on or None. Raises InputError for no scan."""
    cases = [case for case in data.cases if _wanted(request, case)]
    if request.fold is not None:
        number, count = request.fold
        kept = data.folds(count) != number
        cases = [c for c, k in zip(data.cases, kept, strict=True) if k and _wanted(request, c)]
        if not cases:
            raise InputError(f"without fold {number} no scan is left to train on; add scans.")
        return data.gather(cases), None
    if request.train_on == "all":
        return data.gather(cases), None
    if len(cases) == len(data.cases):
        return data.load("train"), data.load("val")
    cases.sort(key=lambda case: case.index)  # as `load` gives them
    train, val = ([case for case in cases if case.split == split] for split in ("train", "val"))
    return data.gather(train), data.gather(val)


def _wanted(request: TrainRequest, case: Case) -> bool:
    kept = request.objected == "keep" or not case.objection
    return kept and _of_datasets(request, case)


def _of_datasets(request: TrainRequest, case: Case) -> bool:
    return not request.datasets or case.dataset in request.datasets


def _words_of_left_out(request: TrainRequest, data: PreparedData) -> str:
    count = left_out(request, data)
    return f" once {count} with an objection are left out (--objected)" if count else ""


def trained_on(request: TrainRequest) -> str:
    """The training scans in words, for the run's record and the card."""
    if request.fold is not None:
        part = all_but_fold(*request.fold)
    else:
        part = {"train": "the training split", "all": "all scans"}[request.train_on]
    return f"{part} of {', '.join(request.datasets)}" if request.datasets else part
