"""Training a model on prepared data: a run folder with checkpoints, curves and weights."""

import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from busicli.data.store import PreparedData, PreparedScans, open_data
from busicli.errors import InputError
from busicli.inference.export import add_graph
from busicli.io.files import folder_lock, sha256_bytes, sha256_file
from busicli.models.keras_backend import load_keras, share_among_devices
from busicli.models.registry import find
from busicli.models.weights import (
    CARD,
    Card,
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
from busicli.training.model_card import add_tuned_settings, card_of_run
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


CURVES_EVERY_S = 20
"""Drawing takes longer than a short epoch: seconds between drawings of the curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOutcome:
    """A finished run."""

    folder: Path
    history: "list[Row]"
    best_epoch: int
    """The epoch whose weights were kept."""
    card: Card
    note: str = ""
    """What to know: why there is no exported graph, what choices were made on; may be empty."""


def run_training(request: TrainRequest, callbacks: TrainCallbacks) -> TrainOutcome:
    """Train, or resume a stopped run; raises InputError before anything is written."""
    data = open_data(request.data)
    architecture = find(request.model, request.plugins)
    architecture.check_size(data.preprocess.size_px)
    architecture.checked_options(dict(request.options))
    check_scans(request, data)
    initial = load_initial_weights(request, data)
    tuned = (
        read_tuned_settings(request.postprocess_from)
        if request.postprocess_from
        else TunedSettings()
    )
    folder = request.runs / request.name
    check_run(folder, _record(request, data), resume=request.resume)
    with folder_lock(folder / ".lock"):
        callbacks.on_start(folder)
        return _train_locked(request, data, folder, (initial, tuned), callbacks)


def train_fold(request: TrainRequest, fold: tuple[int, int], callbacks: TrainCallbacks) -> Path:
    """Train on all folds but one, as `runs/NAME/fold-K`, and return its weights' folder.

    With `resume` a finished fold stays as it is and one that was not started is started. Raises
    InputError where the fold was started with other settings: folds are averaged, and must be
    alike.
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


def _train_locked(
    request: TrainRequest,
    data: PreparedData,
    folder: Path,
    given: tuple[InitialWeights | None, TunedSettings],
    callbacks: TrainCallbacks,
) -> TrainOutcome:
    keras = load_keras()  # here, so that a mistyped command fails before the seconds this takes
    from busicli.training.history import read_history
    from busicli.training.loop import Callbacks, TrainingPlan, compile_model, train_model, validated

    settings = request.settings
    if request.devices == "all":
        share_among_devices(settings.batch_size)
    keras.utils.set_random_seed(settings.seed)
    train, val = scans_of(request, data)
    architecture = find(request.model, request.plugins)

    def build(size_px: int) -> Any:
        options, precision = request.options, settings.precision
        model = build_model(architecture, size_px, options, precision=precision)
        if given[0]:
            given[0].fill(model)
        compile_model(model, settings, len(train.images))
        return model

    if not (folder / RUN).is_file():
        build(data.preprocess.size_px)  # what cannot be built is reported before a run begins
        write_run(folder, _record(request, data))

    drawn = -math.inf

    def after_epoch(history: "list[Row]") -> None:
        nonlocal drawn
        if len(history) == settings.epochs or time.monotonic() - drawn > CURVES_EVERY_S:
            draw_curves(folder, history)
            drawn = time.monotonic()
        callbacks.on_epoch(history)

    loop_callbacks = Callbacks(on_batch=callbacks.on_batch, on_epoch=after_epoch)
    plan = TrainingPlan(
        settings=settings,
        full_px=data.preprocess.size_px,
        multiple_px=architecture.size_multiple,
        processes=request.processes,
    )
    model, progress = train_model(build, (train, val), plan, folder, loop_callbacks)
    numbers = serialize_weights(model)  # what is chosen is for what is stored
    if given[0] and settings.init_weight:
        load_state(
            model, average_with_initial(given[0], numbers, settings.init_weight), folder.name
        )
        numbers = serialize_weights(model)
    load_state(model, numbers, folder.name)
    history = read_history(folder / "history.csv")
    card = card_of_run(request, data, given[0], train.cases, progress.best_epoch)
    card = card.with_tuned(given[1])
    if val is not None:
        card = add_tuned_settings(card, model, val, validated(model, val, plan))
    before = _stored_before(folder / "weights", card)
    if before and not (before.graph or request.fold):
        before = None  # stopped on the way to its graph, or there is none to be had
    if before is None:
        save_weights(folder / "weights", model, card)
    return TrainOutcome(
        folder=folder,
        history=history,
        best_epoch=progress.best_epoch,
        card=before or card,
        # the networks of a cross-validation are scored on Keras alone
        note="" if before or request.fold else _notes(request, folder, train, val, given[0]),
    )


def _stored_before(folder: Path, card: Card) -> Card | None:
    """The card of weights that are stored already and would differ in their time alone: a card that
    changes is another to all that pinned it. None where there is none, or a file of it changed.
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


def _notes(
    request: TrainRequest,
    folder: Path,
    train: PreparedScans,
    val: PreparedScans | None,
    initial: InitialWeights | None,
) -> str:
    """Export the graph; why there is none, and whether choices were made on scans seen before."""
    graph = add_graph(folder / "weights", train, request.plugins)
    before = {pixels for pixels, _ in initial.training_scans} if initial else set()
    known = sum(case.fingerprint.pixels_sha256 in before for case in val.cases) if val else 0
    seen = (
        f"The initial weights were trained on {known} of the {len(val.cases)} validation scans: "
        "epoch, threshold and confidence were chosen on scans that were not unseen."
        if known and val
        else ""
    )
    return "\n".join(filter(None, (graph, seen)))


def _folds_sha256(request: TrainRequest, data: PreparedData) -> str | None:
    """Which scans are held out: the data's fingerprint knows nothing of groups and classes."""
    return sha256_bytes(data.folds(request.fold[1]).tobytes()) if request.fold else None


def _record(request: TrainRequest, data: PreparedData) -> dict[str, Any]:
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
            "folds": _folds_sha256(request, data),
        },
    }
    document: dict[str, Any] = json.loads(json.dumps(record))  # tuples become lists, as when read
    return document
