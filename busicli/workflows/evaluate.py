"""Scoring weights on one split of prepared data, honestly: at each scan's own size, per image."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from busicli.dataset.store import PreparedData, PreparedSplit, open_data
from busicli.errors import InputError
from busicli.figures import examples_figure
from busicli.files import sha256_file, write_whole
from busicli.metrics import image_score, pixel_counts, pooled_scores
from busicli.postprocess import lesion_mask
from busicli.predict import KerasEngine
from busicli.preprocess import native_probability, network_mask
from busicli.records import Case, ImageScore, Mask, Probability, Split
from busicli.results.scores import by, per_image_csv, summarise
from busicli.similarity import hash_distances
from busicli.weights import CARD, Card, load_model, locate, read_card
from busicli.workflows.run_folder import newest_run

DEFAULT_WEIGHTS = "improved-unet"
NEAR_COPY_BITS = 10
"""Differing bits of 64 up to which two perceptual hashes count as near copies: on BUSI it finds
86 % of the pairs that grouping finds from the pixels, and 2 % of scans have one too many."""
EXAMPLES = 6
PROTOCOL = {
    "pooled": "all pixels of the split at the network's size, threshold 0.5, not post-processed",
    "per_image": "each scan at its own size, threshold and post-processing of the card; "
    "bootstrap 95 % intervals over groups of near copies and patients",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateRequest:
    """What to score on what."""

    data: Path
    split: Split
    runs: Path
    weights: str | None = None
    """None: the last trained on this data, else those that ship."""
    weights_sha256: str | None = None
    out: Path | None = None
    plugins: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOutcome:
    """What was found, and where it stands."""

    metrics: dict[str, Any]
    out: Path


Track = Callable[[Iterator[ImageScore], int], Iterable[ImageScore]]


def evaluate(request: EvaluateRequest, track: Track) -> EvaluateOutcome:
    """Score every scan of the split; writes `metrics.json`, `per_image.csv`, `examples.png`."""
    data = open_data(request.data)
    name, why = _chosen_weights(request, data)
    folder, pinned = locate(name)
    card = read_card(folder, pinned_sha256=request.weights_sha256 or pinned)
    _check_fit(card, data)
    split = data.load(request.split)
    if not split.cases:
        raise InputError(
            f"the data in {data.folder} hold no scan for {request.split}; score another --split."
        )
    engine = KerasEngine(load_model(folder, card, plugins=request.plugins))
    maps = engine.probabilities(split.images)
    seen = _seen(split.cases, card)
    results = (_score(split, i, maps[i], card, seen[i]) for i in range(len(split.cases)))
    scores = list(track(results, len(split.cases)))
    metrics = {
        "weights": {"name": name, "chosen": why, "card_sha256": sha256_file(folder / CARD)},
        "data": {"fingerprint": data.fingerprint, "datasets": data.info["datasets"]},
        "split": request.split,
        "protocol": PROTOCOL,
        "postprocess": asdict(card.postprocess),
        **_figures(scores, maps, split),
    }
    out = request.out or Path("eval") / f"{card.name}-{request.split}"
    write_whole(out / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
    write_whole(out / "per_image.csv", per_image_csv(scores))
    write_whole(out / "examples.png", _examples(split, maps, scores, card))
    return EvaluateOutcome(metrics=metrics, out=out)


def _chosen_weights(request: EvaluateRequest, data: PreparedData) -> tuple[str, str]:
    if request.weights:
        return request.weights, "as asked for"
    run = newest_run(request.runs, data.fingerprint, holding=f"weights/{CARD}")
    if run is not None:
        return str(run / "weights"), "the last trained on this data"
    return DEFAULT_WEIGHTS, "those that ship, for none were trained on this data"


def _check_fit(card: Card, data: PreparedData) -> None:
    if card.preprocess != data.preprocess:
        raise InputError(
            f"the weights {card.name} take {card.preprocess.size_px} px but the data are prepared "
            f"at {data.preprocess.size_px}; run preprocess with --size {card.preprocess.size_px}."
        )


def _seen(cases: Sequence[Case], card: Card) -> list[str]:
    """For each case `same`, `near copy` or nothing, by the card's list of training scans."""
    if not card.training_scans:
        return [""] * len(cases)
    trained = {pixels for pixels, _ in card.training_scans}
    hashes = [phash for _, phash in card.training_scans]
    nearest = hash_distances([case.print.phash for case in cases], hashes).min(axis=1)
    return [
        "same"
        if case.print.pixels_sha256 in trained
        else "near copy"
        if bits <= NEAR_COPY_BITS
        else ""
        for case, bits in zip(cases, nearest, strict=True)
    ]


def _score(
    split: PreparedSplit, index: int, probability: Probability, card: Card, seen: str
) -> ImageScore:
    case = split.cases[index]
    return image_score(
        _native_mask(case, probability, card),
        split.native_mask(index),
        case=case.case,
        dataset=case.dataset,
        label=case.label,
        group=case.group,
        seen=seen,
    )


def _native_mask(case: Case, probability: Probability, card: Card) -> Mask:
    return lesion_mask(native_probability(probability, (case.height, case.width)), card.postprocess)


def _figures(
    scores: Sequence[ImageScore], maps: NDArray[np.float32], split: PreparedSplit
) -> dict[str, Any]:
    unseen = [score for score in scores if not score.seen]
    pooled = pooled_scores(pixel_counts(maps, np.asarray(split.masks) > 0))
    return {
        "pooled": {name: None if np.isnan(v) else v for name, v in pooled.items()},
        "per_image": summarise(scores),
        "by_class": by(scores, "label"),
        "by_dataset": by(scores, "dataset"),
        "seen": {
            "same": sum(score.seen == "same" for score in scores),
            "near copy": sum(score.seen == "near copy" for score in scores),
        },
        "unseen": summarise(unseen),
    }


def _examples(
    split: PreparedSplit, maps: NDArray[np.float32], scores: Sequence[ImageScore], card: Card
) -> bytes:
    """From the best scan to the worst in even steps, so that nobody picks the pretty ones."""
    values = np.array([1.0 if np.isnan(score.dice) else score.dice for score in scores])
    order = np.argsort(-values, kind="stable")
    picked = order[np.linspace(0, len(order) - 1, min(EXAMPLES, len(order))).round().astype(int)]
    rows = []
    for index in picked:
        case = split.cases[index]
        dice = "both empty" if np.isnan(scores[index].dice) else f"Dice {scores[index].dice:.2f}"
        mask = network_mask(_native_mask(case, maps[index], card), card.preprocess)
        rows.append((f"{case.case}\n{dice}", split.images[index], split.masks[index], mask))
    return examples_figure(rows)
