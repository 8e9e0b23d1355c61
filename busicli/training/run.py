"""Training a model on prepared data: a run folder with checkpoints, curves and weights."""

import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from busicli.data.store import PreparedData, PreparedScans, open_data
from busicli.errors import InputError
from busicli.imaging.novelty import Familiar
from busicli.inference.export import add_graph
from busicli.io.files import sha256_bytes, sha256_file
from busicli.io.locks import folder_lock
from busicli.models.architecture import Architecture
from busicli.models.card import Card
from busicli.models.features import with_features
from busicli.models.keras_backend import load_keras, share_among_devices
from busicli.models.registry import find
from busicli.models.trial import TRAINED_BYTES, check_network
from busicli.models.weights import (
    CARD,
    build_model,
    load_state,
    read_card,
    read_checked,
    save_weights,
    serialize_weights,
)
from busicli.settings import TunedSettings
from busicli.training.initial_weights import (
    InitialWeights,
    average_with_initial,
    load_initial_weights,
)
from busicli.training.model_card import add_tuned_settings, card_of_run, familiar_of
from busicli.training.request import (
    TrainCallbacks,
    TrainRequest,
    check_scans,
    left_out,
    scans_of,
    trained_on,
)
from busicli.training.run_folder import RUN, check_run, draw_curves, write_run
from busicli.training.tuned_settings import TUNED_SETTINGS, read_tuned_settings

if TYPE_CHECKING:
    from busicli.training.history import Row
    from busicli.training.loop import TrainingPlan

CURVES_EVERY_S = 20
"""Seconds between drawings of the curves, which take longer than a short epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOutcome:
    """A finished run."""

    folder: Path
    history: "list[Row]"
    best_epoch: int
    """The epoch whose weights were kept."""
    compared: range
    """Epochs, from 1, that it was chosen among by validation: those at full size."""
    card: Card
    note: str = ""
    """A warning: why there is no exported graph, or what validation had been seen; or empty."""


def run_training(request: TrainRequest, callbacks: TrainCallbacks) -> TrainOutcome:
    """Train, or resume a stopped run.

    Raises InputError for whatever is wrong with the request before anything is written.
    """
    job = _checked(request)
    record = _record(request, job.data)
    check_run(job.folder, record, resume=request.resume)
    load_keras()  # here, so that a mistyped command fails before the seconds this takes
    if request.devices == "all":
        share_among_devices(request.settings.batch_size)
    size_px = job.data.preprocess.size_px
    if not (job.folder / RUN).is_file():  # what cannot be built must leave no folder
        check_network(job.architecture, size_px, request.options, TRAINED_BYTES)
        job.build(size_px)
    with folder_lock(job.folder / ".lock"):
        callbacks.on_start(job.folder)
        if not (job.folder / RUN).is_file():
            write_run(job.folder, record)
        return _train_locked(job, callbacks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A checked request, with what it names."""

    request: TrainRequest
    data: PreparedData
    architecture: Architecture
    initial: InitialWeights | None
    tuned: TunedSettings
    train: PreparedScans
    val: PreparedScans | None

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.request.runs / self.request.name

    @property
    def plan(self) -> "TrainingPlan":
        """How the loop trains."""
        from busicli.training.loop import TrainingPlan

        return TrainingPlan(
            settings=self.request.settings,
            full_px=self.data.preprocess.size_px,
            multiple_px=self.architecture.size_multiple,
            processes=self.request.processes,
        )

    def build(self, size_px: int) -> Any:
        """The network for scans of that size, with its initial weights, compiled."""
        from busicli.training.loop import compile_model

        settings = self.request.settings
        model = build_model(
            self.architecture, size_px, self.request.options, precision=settings.precision
        )
        if self.initial:
            self.initial.fill(model)
        compile_model(model, settings, len(self.train.images))
        return model


def _checked(request: TrainRequest) -> _Job:
    """What the request names; InputError where something is missing or does not fit."""
    data = open_data(request.data)
    architecture = find(request.model, request.plugins)
    architecture.check_size(data.preprocess.size_px)
    architecture.checked_options(dict(request.options))
    check_scans(request, data)
    initial = load_initial_weights(request, data)
    chosen = request.postprocess_from
    tuned = read_tuned_settings(chosen) if chosen else TunedSettings()
    train, val = scans_of(request, data)
    return _Job(
        request=request,
        data=data,
        architecture=architecture,
        initial=initial,
        tuned=tuned,
        train=train,
        val=val,
    )


def train_fold(request: TrainRequest, fold: tuple[int, int], callbacks: TrainCallbacks) -> Path:
    """Train on all folds but one, in `runs/NAME/fold-K`, and return the folder of its weights.

    With `resume` a finished fold is kept and a missing one is started. Raises InputError where the
    fold was started with other settings: the scores of folds are averaged, so they must be alike.
    """
    runs, name = request.runs / request.name, f"fold-{fold[0]}"
    folder = runs / name
    resume = request.resume and (folder / RUN).is_file()
    own = replace(request, runs=runs, name=name, fold=fold, resume=resume)
    if resume and (folder / "weights" / CARD).is_file():
        check_run(folder, _record(own, open_data(request.data)), resume=True)
    else:
        run_training(own, callbacks)
    return folder / "weights"


def _train_locked(job: _Job, callbacks: TrainCallbacks) -> TrainOutcome:
    from busicli.training.history import read_history
    from busicli.training.loop import train_model

    request, settings, folder, plan = job.request, job.request.settings, job.folder, job.plan
    load_keras().utils.set_random_seed(settings.seed)
    drawn = -math.inf

    def after_epoch(history: "list[Row]", left_s: float) -> None:
        nonlocal drawn
        if len(history) == settings.epochs or time.monotonic() - drawn > CURVES_EVERY_S:
            draw_curves(folder, history)
            drawn = time.monotonic()
        callbacks.on_epoch(history, left_s)

    own = replace(callbacks, on_epoch=after_epoch)
    model, progress = train_model(job.build, (job.train, job.val), plan, folder, own)
    _store_exactly(job, model)
    familiar = familiar_of(model, job.architecture, job.train)
    card = _card(job, model, familiar, progress.best_epoch)
    before = _stored_before(folder / "weights", card)
    if before and not (before.graph or request.fold):
        before = None  # stopped on the way to its graph, or it cannot be exported
    if before is None:
        save_weights(folder / "weights", model, card, familiar)
    return TrainOutcome(
        folder=folder,
        history=read_history(folder / "history.csv"),
        best_epoch=progress.best_epoch,
        compared=plan.compared_epochs(),
        card=before or card,
        # the networks of a cross-validation are scored with Keras only
        note="" if before or request.fold else _notes(job),
    )


def _store_exactly(job: _Job, model: Any) -> None:
    """Round the model's numbers as they are stored, and average them with the initial ones.

    Whatever is chosen afterwards then holds for the stored weights.
    """
    numbers = serialize_weights(model)
    if job.initial and job.request.settings.init_weight:
        share = job.request.settings.init_weight
        average = average_with_initial(job.initial, numbers, share)
        load_state(model, average, job.folder.name)
        numbers = serialize_weights(model)
    load_state(model, numbers, job.folder.name)


def _card(job: _Job, model: Any, familiar: Familiar | None, best_epoch: int) -> Card:
    from busicli.inference.engines import KerasEngine
    from busicli.training.loop import validated

    card = card_of_run(job.request, job.data, job.initial, job.train.cases, best_epoch)
    card = card.with_tuned(job.tuned)
    if job.val is None:
        return card
    metrics = validated(model, job.val, job.plan)
    layers = job.architecture.feature_layers if familiar else ()
    engine = KerasEngine(with_features(model, layers), familiar=familiar)
    return add_tuned_settings(card, engine, job.val, metrics)


def _stored_before(folder: Path, card: Card) -> Card | None:
    """The card of stored weights that would differ only in its time, or None.

    It is kept, because others may have pinned its hash. None also where one of its files changed.
    """
    try:
        before = read_card(folder)
        for part in before.files:
            read_checked(folder, before, part)
    except InputError:
        return None
    training = {**card.training, "finished": before.training["finished"]}
    again = replace(card, files=before.files, graph=before.graph, training=training)
    return before if json.dumps(asdict(again)) == json.dumps(asdict(before)) else None


def _notes(job: _Job) -> str:
    """Export the graph; why that failed, and whether validation scans had been seen before."""
    graph = add_graph(job.folder / "weights", job.train, job.request.plugins)
    before = {pixels for pixels, _ in job.initial.training_scans} if job.initial else set()
    cases = job.val.cases if job.val else ()
    known = sum(case.fingerprint.pixels_sha256 in before for case in cases)
    seen = (
        f"The initial weights were trained on {known} of the {len(cases)} validation scans, by "
        "which epoch, threshold and confidence were chosen: validation scores are too high."
        if known
        else ""
    )
    return "\n".join(filter(None, (graph, seen)))


def _record(request: TrainRequest, data: PreparedData) -> dict[str, Any]:
    # the data's fingerprint does not cover groups and classes, by which folds are made
    folds = sha256_bytes(data.folds(request.fold[1]).tobytes()) if request.fold else None
    record = {
        "asked": {
            "train_on": request.train_on,
            "datasets": list(request.datasets),
            "objected": request.objected,
        },
        "model": {
            "name": request.model,
            "options": dict(request.options),
            "init": request.init,
            "postprocess_from": sha256_file(request.postprocess_from / TUNED_SETTINGS)
            if request.postprocess_from
            else None,
        },
        "settings": asdict(request.settings),
        "data": {
            "fingerprint": data.fingerprint,
            "datasets": data.info["datasets"],
            "trained_on": trained_on(request),
            "objected": request.objected,
            "left_out": left_out(request, data),
            "folds": folds,
        },
    }
    document: dict[str, Any] = json.loads(json.dumps(record))  # tuples become lists, as when read
    return document
