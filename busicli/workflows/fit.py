"""Training a model on prepared data: a run folder with checkpoints, curves and weights."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from busicli.dataset.store import PreparedData, PreparedScans, open_data
from busicli.files import folder_lock, sha256_file
from busicli.framework import load_keras, share_among_devices
from busicli.metrics import dice
from busicli.postprocess import lesion_mask
from busicli.records import Case, Mask
from busicli.registry import find
from busicli.results.choices import CHOICES, read_choices
from busicli.settings import Choices, PostprocessSettings
from busicli.versions import versions
from busicli.weights import CARD, Card, build_model, fill_model, numbers_to_store, save_weights
from busicli.workflows.begun import Begun, seen_scans, weights_begun_from
from busicli.workflows.export import add_graph
from busicli.workflows.fit_request import FitRequest, check_scans, scans_of, trained_on
from busicli.workflows.run_folder import RUN, check_run, draw_curves, write_run

if TYPE_CHECKING:
    import keras

    from busicli.train.history import Row
    from busicli.train.loop import OnBatch, OnEpoch


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


def fit(request: FitRequest, on_batch: "OnBatch", on_epoch: "OnEpoch") -> FitOutcome:
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
        return _fit_locked(request, data, folder, (begun, chosen), (on_batch, on_epoch))


def fit_fold(
    request: FitRequest, fold: tuple[int, int], on_batch: "OnBatch", on_epoch: "OnEpoch"
) -> Path:
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
        fit(own, on_batch, on_epoch)
    return folder / "weights"


def _fit_locked(
    request: FitRequest,
    data: PreparedData,
    folder: Path,
    given: tuple[Begun | None, Choices],
    tell: "tuple[OnBatch, OnEpoch]",
) -> FitOutcome:
    keras = load_keras()  # here, so that a mistyped command fails before the seconds this takes
    from busicli.train.history import read_history
    from busicli.train.loop import Listeners, Plan, compile_model, train_model

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
            fill_model(model, given[0].numbers, given[0].name)
        compile_model(model, settings, len(train.images))
        return model

    if not (folder / RUN).is_file():
        build(data.preprocess.size_px)  # what cannot be built is told before a run begins
        write_run(folder, _record(request, data))

    def after_epoch(history: "list[Row]") -> None:
        draw_curves(folder, history)
        tell[1](history)

    listeners = Listeners(on_batch=tell[0], on_epoch=after_epoch)
    plan = Plan(
        settings=settings,
        full_px=data.preprocess.size_px,
        multiple_px=architecture.size_multiple,
    )
    model, progress = train_model(build, (train, val), plan, folder, listeners)
    fill_model(model, numbers_to_store(model), folder.name)  # what is chosen is for what is stored
    history = read_history(folder / "history.csv")
    card = _card(request, data, given[0], train.cases, progress.best_epoch)
    card = card.with_chosen(given[1])
    if val is not None:
        card = _with_choices(card, model, val, history[progress.best_epoch - 1])
    save_weights(folder / "weights", model, card)
    return FitOutcome(
        folder=folder,
        history=history,
        best_epoch=progress.best_epoch,
        card=card,
        # the networks of a cross-validation are scored on Keras alone
        note="" if request.fold else _notes(request, folder, train, val, given[0]),
    )


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


def _record(request: FitRequest, data: PreparedData) -> dict[str, Any]:
    record = {
        "asked": {"on": request.on, "from": list(request.datasets)},
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
        },
    }
    document: dict[str, Any] = json.loads(json.dumps(record))  # tuples become lists, as when read
    return document


def _card(
    request: FitRequest,
    data: PreparedData,
    begun: Begun | None,
    trained: Sequence[Case],
    best_epoch: int,
) -> Card:
    return Card(
        name=request.name,
        architecture=request.model,
        options=find(request.model, request.plugins).checked_options(dict(request.options)),
        preprocess=data.preprocess,
        postprocess=PostprocessSettings(),
        training={
            "data": {
                "datasets": data.info["datasets"],
                "counts": data.info["counts"],
                "trained_on": trained_on(request),
                "scans": len(trained),
            },
            "fingerprint": data.fingerprint,
            "split": data.info["split"],
            "settings": asdict(request.settings),
            "init": request.init,
            "best_epoch": best_epoch,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
        },
        scores={},
        training_scans=seen_scans(begun, trained),
    )


def _with_choices(card: Card, model: "keras.Model", val: PreparedScans, best: "Row") -> Card:
    """The card with what was chosen on the validation split, and its scores there."""
    from busicli.predict import KerasEngine
    from busicli.train.choose import Sweep, choose

    maps = KerasEngine(model).probabilities(val.images)
    truths = val.masks[:] > 0
    chosen = choose(Sweep(maps, truths), np.ones(len(maps), bool))
    masks = [lesion_mask(probability, chosen.postprocess) for probability in maps]
    scores = {"val": _validation_scores(val, masks, truths, best)}
    return replace(card.with_chosen(chosen), scores=scores)


def _validation_scores(
    val: PreparedScans, masks: list[Mask], truths: NDArray[np.bool_], best: "Row"
) -> dict[str, Any]:
    scores = np.array([dice(mask, truth) for mask, truth in zip(masks, truths, strict=True)])
    with_lesion = truths.any(axis=(1, 2))
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
