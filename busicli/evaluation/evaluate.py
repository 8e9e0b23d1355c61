"""Scoring weights on one split of prepared data, honestly: at each scan's own size, per image."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from busicli.data.store import PreparedData, PreparedScans, open_data
from busicli.errors import InputError
from busicli.evaluation.comparison_images import comparison, examples_of
from busicli.evaluation.output import (
    EvaluateOutcome,
    Scored,
    Track,
    check_folder,
    write_page,
    write_results,
)
from busicli.evaluation.plots import numbers_of_figures, write_figures
from busicli.evaluation.summary import (
    by_kind,
    figures_of,
    per_image_csv,
    summarise,
    trust,
    unobjected,
)
from busicli.imaging.agreement import PrecisionRecall, precision_recall
from busicli.imaging.metrics import image_score, pixel_counts, pooled_scores
from busicli.imaging.similarity import hash_distances
from busicli.inference.engines import KerasEngine, averaged_with_mirror
from busicli.inference.segmentation import interpret
from busicli.io.files import sha256_file
from busicli.models.weights import CARD, DEFAULT_WEIGHTS, Card, load_model, locate, read_card
from busicli.settings import Choices, ConfidenceSettings
from busicli.training.run_folder import newest_run
from busicli.types import Case, ImageScore, Probability, Scale, Split

NEAR_COPY_BITS = 10
"""Differing bits of 64 up to which two perceptual hashes count as near copies: on BUSI it finds
86 % of the pairs that grouping finds from the pixels, and 2 % of scans have one too many."""
PROTOCOL = {
    "pooled": "all pixels of the split at the network's size, threshold 0.5, not post-processed",
    "per_image": "each scan at its own size, threshold and post-processing of the card; "
    "bootstrap 95 % intervals over groups of near copies and patients",
}
_NO_SCALE = Scale(origin="none: scores are in pixels")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateRequest:
    """What to score on what."""

    data: Path
    split: Split | Literal["all"]
    runs: Path
    weights: str | None = None
    """None: the last trained on this data, else those that ship."""
    weights_sha256: str | None = None
    out: Path | None = None
    plugins: tuple[Path, ...] = ()
    mirror: bool | None = None
    """Whether to average each scan's map with its mirror image's; None: as the card says."""


def evaluate(request: EvaluateRequest, track: Track[Scored]) -> EvaluateOutcome:
    """Score every scan of the split and write what `write_results` does."""
    if request.out is not None:
        check_folder(request.out)
    data = open_data(request.data)
    name, why = _chosen_weights(request, data)
    folder, pinned = locate(name)
    card = read_card(folder, pinned_sha256=request.weights_sha256 or pinned)
    _check_fit(card, data)
    scans = data.chosen(request.split).shrunk(card.preprocess.size_px)
    engine = KerasEngine(load_model(folder, card, plugins=request.plugins))
    mirror = card.asked_mirror(request.mirror)
    maps = averaged_with_mirror(engine, mirror).predict(scans.images).maps
    results = (score_scan(scans, i, maps[i], card.chosen) for i in range(len(maps)))
    scored = list(track(results, len(maps)))
    scores = [
        replace(s.score, seen=own) for s, own in zip(scored, _seen(scans.cases, card), strict=True)
    ]
    pixels = pixel_curve(maps, scans)
    metrics = {
        "weights": {"name": name, "chosen": why, "card_sha256": sha256_file(folder / CARD)},
        "data": {"fingerprint": data.fingerprint, "datasets": data.info["datasets"]},
        "split": request.split,
        "protocol": PROTOCOL,
        "postprocess": asdict(card.postprocess),
        "mirrored": mirror,
        **figures_of_maps(scores, maps, scans, pixels),
    }
    out = request.out or Path("eval") / f"{card.name}-{request.split}"
    examples = examples_of(scans, maps, scores, [card.postprocess] * len(maps))
    write_results(out, metrics, per_image_csv(scores), examples)
    write_figures(out, scores, pixels=pixels, review_below=review_below(card.confidence))
    write_page(out, [each.picture for each in scored])
    return EvaluateOutcome(metrics=metrics, out=out)


def _chosen_weights(request: EvaluateRequest, data: PreparedData) -> tuple[str, str]:
    if request.weights:
        return request.weights, "as asked for"
    run = newest_run(request.runs, data.fingerprint, holding=f"weights/{CARD}")
    if run is not None:
        return str(run / "weights"), "the last trained on this data"
    return DEFAULT_WEIGHTS, "those that ship, for none were trained on this data"


def _check_fit(card: Card, data: PreparedData) -> None:
    """Scans can be made smaller for a network, not larger, nor of another aspect or view."""
    wanted, found = card.preprocess, data.preprocess
    same = (wanted.aspect, wanted.views) == (found.aspect, found.views)
    if not same or wanted.size_px > found.size_px:
        raise InputError(
            f"the weights {card.name} take scans of {wanted.size_px} px ({wanted.aspect}, views "
            f"{wanted.views}) but the data are prepared at {found.size_px} ({found.aspect}, views "
            f"{found.views}); run preprocess with --size {wanted.size_px} --aspect "
            f"{wanted.aspect} --views {wanted.views}."
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


def score_scan(
    scans: PreparedScans, index: int, probability: Probability, chosen: Choices
) -> Scored:
    """One scan's scores at its own size, and how far its mask would have been trusted."""
    case = scans.cases[index]
    shape, settings = (case.height, case.width), (scans.preprocess, chosen)
    said = interpret(probability, shape, settings, _NO_SCALE, case.box)
    true = scans.native_mask(index)
    score = image_score(
        said.mask,
        true,
        case=case.case,
        dataset=case.dataset,
        label=case.label,
        group=case.group,
    )
    score = replace(score, device=case.device, objection=case.objection)
    picture = comparison(scans, index, said.mask, true)
    if chosen.confidence is None or said.confidence is None:
        return Scored(score=score, picture=picture)
    review = said.confidence < chosen.confidence.review_below
    return Scored(score=replace(score, confidence=said.confidence, review=review), picture=picture)


def pixel_curve(maps: NDArray[np.float32], scans: PreparedScans) -> PrecisionRecall:
    """Precision and recall of (N, size, size) maps over all pixels, at the network's size."""
    return precision_recall(maps, (scans.masks[row] > 0 for row in range(len(maps))))


def review_below(confidence: ConfidenceSettings | None) -> float:
    """The confidence below which a person should look; NaN where the weights tell none."""
    return float("nan") if confidence is None else confidence.review_below


def figures_of_maps(
    scores: Sequence[ImageScore],
    maps: NDArray[np.float32],
    scans: PreparedScans,
    pixels: PrecisionRecall,
) -> dict[str, Any]:
    """Everything that is said about some scans: pooled, per image, by kind, of confidence."""
    pooled = pooled_scores(pixel_counts(maps, np.asarray(scans.masks[:]) > 0))
    return {
        **figures_of(scores, pooled),
        "confidence": trust(scores),
        **numbers_of_figures(scores, pixels),
        "seen": {
            "same": sum(score.seen == "same" for score in scores),
            "near copy": sum(score.seen == "near copy" for score in scores),
        },
        "unseen": _unseen(scores),
        "without_objections": {
            **by_kind(unobjected(scores)),
            "confidence": trust(unobjected(scores)),
            "unseen": _unseen(unobjected(scores)),
        },
    }


def _unseen(scores: Sequence[ImageScore]) -> dict[str, Any]:
    return summarise([score for score in scores if not score.seen])
