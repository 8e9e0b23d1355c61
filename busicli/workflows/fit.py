"""Training a model on prepared data: a run folder with checkpoints, curves and weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from busicli.dataset.store import PreparedData, PreparedSplit, open_data
from busicli.errors import InputError
from busicli.files import folder_lock
from busicli.framework import load_keras
from busicli.metrics import dice
from busicli.postprocess import lesion_mask
from busicli.records import Mask
from busicli.registry import find
from busicli.settings import TrainSettings
from busicli.versions import versions
from busicli.weights import (
    Card,
    build_model,
    fill_model,
    locate,
    read_card,
    read_numbers,
    save_weights,
)
from busicli.workflows.run_folder import RUN, check_run, draw_curves, write_run

if TYPE_CHECKING:
    import keras

    from busicli.train.history import Row
    from busicli.train.loop import OnBatch, OnEpoch

Numbers = tuple[str, dict[str, np.ndarray[Any, Any]]]
"""The name of some weights, and their arrays by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRequest:
    """What to train, on what, and where to."""

    data: Path
    runs: Path
    name: str
    model: str
    settings: TrainSettings
    options: Mapping[str, Any] = field(default_factory=dict)
    init: str | None = None
    """Weights to begin from."""
    plugins: tuple[Path, ...] = ()
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOutcome:
    """A finished run."""

    folder: Path
    history: "list[Row]"
    best_epoch: int
    card: Card


def fit(request: FitRequest, on_batch: "OnBatch", on_epoch: "OnEpoch") -> FitOutcome:
    """Train, or go on with a stopped run; raises InputError before anything is written."""
    data = open_data(request.data)
    architecture = find(request.model, request.plugins)
    architecture.check_size(data.preprocess.size_px)
    architecture.checked_options(dict(request.options))
    _check_splits(data)
    begin_with = _numbers(request.init) if request.init else None
    folder = request.runs / request.name
    check_run(folder, _record(request, data), resume=request.resume)
    with folder_lock(folder / ".lock"):
        return _fit_locked(request, data, folder, begin_with, (on_batch, on_epoch))


def _numbers(weights: str) -> Numbers:
    source, pinned = locate(weights)
    return source.name, read_numbers(source, read_card(source, pinned_sha256=pinned))


def _fit_locked(
    request: FitRequest,
    data: PreparedData,
    folder: Path,
    begin_with: Numbers | None,
    tell: "tuple[OnBatch, OnEpoch]",
) -> FitOutcome:
    keras = load_keras()  # here, so that a mistyped command fails before the seconds this takes
    from busicli.train.history import read_history
    from busicli.train.loop import Listeners, compile_model, train_model

    settings = request.settings
    keras.utils.set_random_seed(settings.seed)
    model = build_model(
        find(request.model, request.plugins),
        data.preprocess.size_px,
        request.options,
        precision=settings.precision,
    )
    if begin_with:
        name, numbers = begin_with
        fill_model(model, numbers, name)
    train, val = data.load("train"), data.load("val")
    compile_model(model, settings, len(train.images))
    if not (folder / RUN).is_file():
        write_run(folder, _record(request, data))

    def after_epoch(history: "list[Row]") -> None:
        draw_curves(folder, history)
        tell[1](history)

    listeners = Listeners(on_batch=tell[0], on_epoch=after_epoch)
    progress = train_model(model, (train, val), settings, folder, listeners)
    history = read_history(folder / "history.csv")
    card = _finish(request, data, folder, model, history[progress.best_epoch - 1])
    return FitOutcome(folder=folder, history=history, best_epoch=progress.best_epoch, card=card)


def _record(request: FitRequest, data: PreparedData) -> dict[str, Any]:
    record = {
        "model": {"name": request.model, "options": dict(request.options), "init": request.init},
        "settings": asdict(request.settings),
        "data": {"fingerprint": data.fingerprint, "datasets": data.info["datasets"]},
    }
    document: dict[str, Any] = json.loads(json.dumps(record))  # tuples become lists, as when read
    return document


def _check_splits(data: PreparedData) -> None:
    """A table may ask for splits that leave one empty: good for scoring, not for training."""
    held = {case.split for case in data.cases}
    if empty := [split for split in ("train", "val") if split not in held]:
        raise InputError(
            f"the data in {data.folder} hold no scan for {' and '.join(empty)}, and training needs "
            "both; ask for other splits in the table and run preprocess again."
        )


def _finish(
    request: FitRequest, data: PreparedData, folder: Path, model: "keras.Model", best: "Row"
) -> Card:
    """Choose post-processing on the validation split and write the weights with their card."""
    from busicli.predict import KerasEngine
    from busicli.train.choose import choose_postprocess

    val = data.load("val")
    maps = KerasEngine(model).probabilities(val.images)
    truths = [mask > 0 for mask in val.masks]
    postprocess = choose_postprocess(list(maps), truths)
    masks = [lesion_mask(probability, postprocess) for probability in maps]
    card = Card(
        name=request.name,
        architecture=request.model,
        options=find(request.model, request.plugins).checked_options(dict(request.options)),
        preprocess=data.preprocess,
        postprocess=postprocess,
        training={
            "data": {"datasets": data.info["datasets"], "counts": data.info["counts"]},
            "fingerprint": data.fingerprint,
            "split": data.info["split"],
            "settings": asdict(request.settings),
            "init": request.init,
            "best_epoch": int(best["epoch"]),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
        },
        scores={"val": _validation_scores(val, masks, truths, best)},
        training_scans=[
            [case.print.pixels_sha256, case.print.phash] for case in data.load("train").cases
        ],
    )
    save_weights(folder / "weights", model, card)
    return card


def _validation_scores(
    val: PreparedSplit, masks: list[Mask], truths: list[Mask], best: "Row"
) -> dict[str, Any]:
    scores = np.array([dice(mask, truth) for mask, truth in zip(masks, truths, strict=True)])
    with_lesion = np.array([truth.any() for truth in truths])
    called = np.array([mask.any() for mask in masks])
    return {
        "protocol": "validation split, at the network's size; epoch, threshold and post-processing "
        "were chosen on it: an upper bound, not a result",
        "pooled": {name.removeprefix("val_"): best[name] for name in best if "val_" in name},
        "scans": len(val.cases),
        "dice_per_lesion_scan": float(np.mean(scores[with_lesion])) if with_lesion.any() else None,
        "normals_with_false_mask": int(called[~with_lesion].sum()),
        "normals": int((~with_lesion).sum()),
    }
