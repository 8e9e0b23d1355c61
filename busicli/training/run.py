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
    fill_model,
    numbers_to_store,
    read_card,
    read_checked,
    save_weights,
)
from busicli.settings import Choices
from busicli.training.initial_weights import Begun, averaged_with, weights_begun_from
from busicli.training.model_card import card_of_run, with_choices
from busicli.training.request import (
    FitListeners,
    FitRequest,
    check_scans,
    left_out,
    scans_of,
    trained_on,
)
from busicli.training.run_folder import RUN, check_run, draw_curves, write_run
from busicli.training.tuned_settings import CHOICES, read_choices

if TYPE_CHECKING:
    from busicli.training.history import Row


CURVES_EVERY_S = 20
"""Drawing takes longer than a short epoch: seconds between drawings of the curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOutcome:
    """A finished run."""

    folder: Path
    history: "list[Row]"
    best_epoch: int
    """The epoch whose weights were kept."""
    card: Card
    note: str = ""
    """What to know: why there is no exported graph, what choices were made on; may be empty."""


def fit(request: FitRequest, tell: FitListeners) -> FitOutcome:
    """Train, or go on with a stopped run; raises InputError before anything is written."""
    data = open_data(request.data)
    architecture = find(request.model, request.plugins)
    architecture.check_size(data.preprocess.size_px)
    architecture.checked_options(dict(request.options))
    check_scans(request, data)
    begun = weights_begun_from(request, data)
    chosen = read_choices(request.chosen_by) if request.chosen_by else Choices()
    folder = request.runs / request.name
    check_run(folder, _record(request, data), resume=request.resume)
    with folder_lock(folder / ".lock"):
        tell.on_start(folder)
        return _fit_locked(request, data, folder, (begun, chosen), tell)


def fit_fold(request: FitRequest, fold: tuple[int, int], tell: FitListeners) -> Path:
    """Train on all folds but one, as `runs/NAME/fold-K`, and return its weights' folder.

    With `resume` a finished fold stays as it is and one that was not begun is begun. Raises
    InputError where the fold was begun with other settings: folds are averaged, and must be alike.
    """
    runs, name = request.runs / request.name, f"fold-{fold[0]}"
    folder = runs / name
    resume = request.resume and (folder / RUN).is_file()
    own = replace(request, runs=runs, name=name, fold=fold, resume=resume)
    if resume and (folder / "weights" / CARD).is_file():
        check_run(folder, _record(own, open_data(request.data)), resume=True)
    else:
        fit(own, tell)
    return folder / "weights"


def _fit_locked(
    request: FitRequest,
    data: PreparedData,
    folder: Path,
    given: tuple[Begun | None, Choices],
    tell: FitListeners,
) -> FitOutcome:
    keras = load_keras()  # here, so that a mistyped command fails before the seconds this takes
    from busicli.training.history import read_history
    from busicli.training.loop import Listeners, Plan, compile_model, train_model, validated

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
        build(data.preprocess.size_px)  # what cannot be built is told before a run begins
        write_run(folder, _record(request, data))

    drawn = -math.inf

    def after_epoch(history: "list[Row]") -> None:
        nonlocal drawn
        if len(history) == settings.epochs or time.monotonic() - drawn > CURVES_EVERY_S:
            draw_curves(folder, history)
            drawn = time.monotonic()
        tell.on_epoch(history)

    listeners = Listeners(on_batch=tell.on_batch, on_epoch=after_epoch)
    plan = Plan(
        settings=settings,
        full_px=data.preprocess.size_px,
        multiple_px=architecture.size_multiple,
        processes=request.processes,
    )
    model, progress = train_model(build, (train, val), plan, folder, listeners)
    numbers = numbers_to_store(model)  # what is chosen is for what is stored
    if given[0] and settings.init_share:
        fill_model(model, averaged_with(given[0], numbers, settings.init_share), folder.name)
        numbers = numbers_to_store(model)
    fill_model(model, numbers, folder.name)
    history = read_history(folder / "history.csv")
    card = card_of_run(request, data, given[0], train.cases, progress.best_epoch)
    card = card.with_chosen(given[1])
    if val is not None:
        card = with_choices(card, model, val, validated(model, val, plan))
    before = _stored_before(folder / "weights", card)
    if before and not (before.graph or request.fold):
        before = None  # stopped on the way to its graph, or there is none to be had
    if before is None:
        save_weights(folder / "weights", model, card)
    return FitOutcome(
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
    request: FitRequest,
    folder: Path,
    train: PreparedScans,
    val: PreparedScans | None,
    begun: Begun | None,
) -> str:
    """Export the graph; why there is none, and whether choices were made on scans seen before."""
    graph = add_graph(folder / "weights", train, request.plugins)
    before = {pixels for pixels, _ in begun.training_scans} if begun else set()
    known = sum(case.print.pixels_sha256 in before for case in val.cases) if val else 0
    seen = (
        f"The weights begun from were trained on {known} of the {len(val.cases)} validation scans: "
        "epoch, threshold and confidence were chosen on scans that were not unseen."
        if known and val
        else ""
    )
    return "\n".join(filter(None, (graph, seen)))


def _folds_sha256(request: FitRequest, data: PreparedData) -> str | None:
    """Which scans are held out: the data's fingerprint knows nothing of groups and classes."""
    return sha256_bytes(data.folds(request.fold[1]).tobytes()) if request.fold else None


def _record(request: FitRequest, data: PreparedData) -> dict[str, Any]:
    record = {
        "asked": {
            "on": request.on,
            "from": list(request.datasets),
            "objected": request.objected,
        },
        "model": {
            "name": request.model,
            "options": dict(request.options),
            "init": request.init,
            "chosen_by": sha256_file(request.chosen_by / CHOICES) if request.chosen_by else None,
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
