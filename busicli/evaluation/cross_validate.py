"""Cross-validation: every scan scored by the network that never saw it, nothing chosen on it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from busicli.data.store import PreparedData, PreparedScans, open_data
from busicli.errors import InputError
from busicli.evaluation.comparison_images import example_plot
from busicli.evaluation.evaluate import map_summary, pixel_curve, score_scan
from busicli.evaluation.output import (
    EvaluateOutcome,
    Scored,
    check_folder,
    write_page,
    write_results,
)
from busicli.evaluation.plots import write_plots
from busicli.evaluation.records import DataSource, WeightsSource
from busicli.evaluation.summary import per_image_csv
from busicli.inference.choose import keras_engine
from busicli.inference.engines import Predictions, with_flip_tta
from busicli.models.card import Card
from busicli.models.weights import CARD, read_card
from busicli.settings import PresenceScores, TunedSettings
from busicli.training.initial_weights import seen_in_fold
from busicli.training.run_folder import all_but_fold, newest_run
from busicli.training.tuned_settings import write_tuned_settings
from busicli.types import NETWORK_CLASSES, Track

PROTOCOL = {
    "folds": "each scan by the network trained on the other folds; near copies and scans of one "
    "patient in one fold, classes and data sets shared out; the last epoch, no choice of it",
    "tuned": "threshold, post-processing, confidence, review threshold, class temperature "
    "and threshold of malignancy of a fold on the other folds' scans, scored by "
    "networks that had not seen these; without scans that carry an objection, unless the networks "
    "were trained on them",
    "pooled": "all pixels at the network's size, threshold 0.5, not post-processed",
    "per_image": "each scan at its own size; bootstrap 95 % intervals over groups of near copies "
    "and patients",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateFoldsRequest:
    """Which cross-validation to score."""

    data: Path
    folds: int
    only: tuple[int, ...]
    """Numbers of the folds to score, from 1, at least two; none for all."""
    runs: Path
    weights: Path | None = None
    """The folder that holds fold-1 and so on; None: the newest on this data."""
    out: Path | None = None
    plugins: tuple[Path, ...] = ()
    tta: bool = False
    """Average each scan's map with its mirror image's; written into `tuned_settings.json`."""


def evaluate_folds(request: EvaluateFoldsRequest, track: Track[Scored]) -> EvaluateOutcome:
    """Score every scan of the data; writes `tuned_settings.json` beside what `evaluate` writes.

    `tuned_settings.json` holds what all folds together would choose, for weights trained on every
    scan.
    """
    if request.out is not None:
        check_folder(request.out)
    from busicli.training.tune import Sweep, tune  # SciPy's optimizers are slow to load

    data = open_data(request.data)
    folder = request.weights or _newest(request, data)
    numbers = request.only or tuple(range(1, request.folds + 1))
    cards = {number: _card(folder, number, request.folds, data) for number in numbers}
    _check_alike(cards)
    card = cards[numbers[0]]
    fold_of = data.folds(request.folds)
    positions = np.flatnonzero(np.isin(fold_of, numbers))
    folds, scans = fold_of[positions], data.gather([data.cases[position] for position in positions])
    predicted = _predictions(request, scans, folds, cards, folder)
    labels = [case.label for case in scans.cases]
    sweep = Sweep(predicted, scans.masks[:] > 0, labels)
    objected = np.array([bool(case.objection) for case in scans.cases], bool)
    usable = _usable(card, objected, folds)
    tuned = {number: tune(sweep, usable & (folds != number)) for number in numbers}
    own = [tuned[fold] for fold in folds]
    results = (score_scan(scans, i, predicted, own[i]) for i in range(len(own)))
    scored = list(track(results, len(own)))
    scores = [each.score for each in scored]
    pixels = pixel_curve(predicted.maps, scans)
    for_all = replace(tune(sweep, usable), tta=request.tta)
    reason = "as asked for" if request.weights else "the last cross-validated on this data"
    summary = replace(
        map_summary(scores, predicted.maps, scans, pixels, folds=folds),
        weights=WeightsSource(
            name=str(folder), reason=reason, architecture=card.architecture, options=card.options
        ),
        training=card.training["settings"],
        initial_weights=card.training["init"],
        data=DataSource(fingerprint=data.fingerprint, datasets=data.info["datasets"]),
        split=f"folds {', '.join(map(str, numbers))} of {request.folds}",
        protocol=PROTOCOL,
        tta=request.tta,
        tuned_for_fold={number: without_scores(settings) for number, settings in tuned.items()},
        tuned_for_all=without_scores(for_all),
    )
    out = request.out or Path("eval") / f"{folder.name}-folds"
    examples = example_plot(scans, predicted, scores, own)
    write_results(out, summary, per_image_csv(scores), examples)
    # each fold's scans were flagged below a threshold of their own: none is drawn
    write_plots(out, scores, pixels=pixels, review_below=float("nan"))
    write_tuned_settings(out, for_all)
    write_page(out, [each.image for each in scored])
    return EvaluateOutcome(summary=summary, out=out)


def without_scores(tuned: TunedSettings) -> TunedSettings:
    """Without the presence of thousands of scans, which `tuned_settings.json` holds."""
    return replace(tuned, presence_scores=PresenceScores())


def _newest(request: EvaluateFoldsRequest, data: PreparedData) -> Path:
    found = newest_run(request.runs, data.fingerprint, run="*/fold-*")
    if found is None:
        raise InputError(
            f"no cross-validation on this data stands in {request.runs}; "
            f"make one: busicli train --folds {request.folds} --name NAME."
        )
    return found.parent


def _card(folder: Path, number: int, count: int, data: PreparedData) -> Card:
    """The card of one fold's weights, if they are of this fold of this data."""
    weights = folder / f"fold-{number}" / "weights"
    if not (weights / CARD).is_file():
        raise InputError(
            f"fold {number} of {count} is not trained in {folder}; finish it: "
            f"busicli train --folds {count} --name {folder.name} --resume, or name those to score "
            "by --fold."
        )
    card = read_card(weights)
    trained = card.training["data"].get("trained_on", "")
    own = all_but_fold(number, count)
    own_fold = trained == own or trained.startswith(f"{own} of ")  # of chosen data sets
    if card.training["fingerprint"] != data.fingerprint or not own_fold:
        raise InputError(
            f"the weights in {weights} were not trained on this data with fold {number} of "
            f"{count} left out; score them on the data and folds that they belong to."
        )
    seen, held_out = seen_in_fold(data, (number, count), {scan for scan, _ in card.training_scans})
    if seen:
        raise InputError(
            f"the weights in {weights} were trained on {seen} of the {held_out} scans of fold "
            f"{number}; score them on the data and folds that they belong to."
        )
    return card


def _check_alike(cards: Mapping[int, Card]) -> None:
    """Folds of two recipes have no common score."""
    first, *others = cards
    for number in others:
        if _recipe(cards[number]) != _recipe(cards[first]):
            raise InputError(
                f"folds {first} and {number} were trained in different ways; "
                "train all of them alike, under a name of their own."
            )


def _recipe(card: Card) -> tuple[object, ...]:
    """All that folds must have in common: of what they were trained on, the data sets."""
    training = card.training
    folds = training["data"].get("trained_on", "").partition(" of ")[2]
    datasets = folds.partition(" of ")[2]
    objected = training["data"].get("objected", "keep")
    stages = training["settings"], training["init"], training.get("earlier_stages", [])
    return card.architecture, card.options, *stages, datasets, objected


def _usable(card: Card, objected: NDArray[np.bool_], folds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which scans settings are chosen on: (N,) those that carry no objection, or all of them where
    the networks were trained on all, or where no others would be left for a fold.
    """
    keep = card.training["data"].get("objected", "keep") == "keep"
    if keep or any(objected[folds != number].all() for number in set(folds.tolist())):
        return np.ones(len(objected), bool)
    return ~objected


def _predictions(
    request: EvaluateFoldsRequest,
    scans: PreparedScans,
    folds: NDArray[np.int64],
    cards: Mapping[int, Card],
    folder: Path,
) -> Predictions:
    """What the network that did not see it says of each scan."""
    maps = np.zeros(scans.images.shape[:3], np.float32)
    classes = np.full((len(maps), len(NETWORK_CLASSES)), np.nan, np.float32)
    novelty = np.full(len(maps), np.nan)
    for number, card in cards.items():
        weights = folder / f"fold-{number}" / "weights"
        network = keras_engine(weights, card, request.plugins)
        engine = with_flip_tta(network, request.tta)
        rows = np.flatnonzero(folds == number)
        images = np.stack([scans.images[int(row)] for row in rows])
        found = engine.predict(images)
        maps[rows] = found.maps
        if found.classes is not None:
            classes[rows] = found.classes
        if found.novelty is not None:
            novelty[rows] = found.novelty
    return Predictions(
        maps,
        None if np.isnan(classes).any() else classes,
        None if np.isnan(novelty).any() else novelty,
    )
