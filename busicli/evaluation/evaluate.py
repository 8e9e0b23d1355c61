"""Scoring weights on one split of prepared data, honestly: at each scan's own size, per image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from busicli.data.store import PreparedData, PreparedScans, open_data
from busicli.errors import InputError
from busicli.evaluation.class_metrics import with_classes
from busicli.evaluation.comparison_images import comparison_image, example_plot, segmented
from busicli.evaluation.output import (
    EvaluateOutcome,
    Scored,
    check_folder,
    write_page,
    write_results,
)
from busicli.evaluation.plots import area_summary, calibration_error, write_plots
from busicli.evaluation.records import DataSource, EvaluationSummary, FrocPoint, WeightsSource
from busicli.evaluation.seen import hashes_of, seen_by
from busicli.evaluation.summary import map_block, per_image_csv, seen_summary, unobjected
from busicli.imaging.agreement import PrecisionRecall, precision_recall
from busicli.imaging.detection import References, components_of, detections
from busicli.imaging.metrics import image_score, pixel_counts, pooled_scores
from busicli.inference.choose import keras_engine
from busicli.inference.engines import Predictions, with_flip_tta
from busicli.io.files import sha256_bytes
from busicli.models.card import Card
from busicli.models.weights import CARD, DEFAULT_WEIGHTS, open_card, resolve_weights
from busicli.settings import ConfidenceSettings, TunedSettings
from busicli.training.run_folder import newest_run
from busicli.types import ImageScore, Mask, Probability, Split, Track

PROTOCOL = {
    "pooled": "all pixels of the split at the network's size, threshold 0.5, not post-processed",
    "per_image": "each scan at its own size, threshold and post-processing of the card; "
    "bootstrap 95 % intervals over groups of near copies and patients",
}
BASE_THRESHOLD = 0.3
"""Of pixels: components are measured once, at this threshold, and dropped by their mean."""
MIN_AREA = 0.0005
"""Share of the map below which a component does not count."""
THRESHOLDS = (*np.linspace(0.3, 0.9, 13), *np.linspace(0.91, 0.99, 9))


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
    tta: bool | None = None
    """Whether to average each scan's map with its mirror image's; None: as the card says."""


def evaluate(request: EvaluateRequest, track: Track[Scored]) -> EvaluateOutcome:
    """Score every scan of the split and write what `write_results` does."""
    if request.out is not None:
        check_folder(request.out)
    data = open_data(request.data)
    name, why = _chosen_weights(request, data)
    folder, pinned = resolve_weights(name)
    card, text = open_card(folder, pinned_sha256=request.weights_sha256 or pinned)
    _check_fit(card, data)
    scans = data.select(request.split).shrunk(card.preprocess.size_px)
    engine = keras_engine(folder, card, request.plugins)
    tta = card.requested_tta(request.tta)
    predicted = with_flip_tta(engine, tta).predict(scans.images)
    results = (score_scan(scans, i, predicted, card.tuned) for i in range(len(scans.cases)))
    scored = list(track(results, len(scans.cases)))
    scores = [
        replace(s.score, seen=own)
        for s, own in zip(scored, seen_by(card, hashes_of(scans.cases)), strict=True)
    ]
    pixels = pixel_curve(predicted.maps, scans)
    summary = replace(
        map_summary(scores, predicted.maps, scans, pixels),
        weights=WeightsSource(name=name, reason=why, card_sha256=sha256_bytes(text)),
        data=DataSource(fingerprint=data.fingerprint, datasets=data.info["datasets"]),
        split=request.split,
        protocol=PROTOCOL,
        postprocess=card.postprocess,
        tta=tta,
    )
    out = request.out or Path("eval") / f"{card.name}-{request.split}"
    examples = example_plot(scans, predicted, scores, [card.tuned] * len(scores))
    write_results(out, summary, per_image_csv(scores), examples)
    write_plots(out, scores, pixels=pixels, review_below=review_below(card.confidence))
    write_page(out, [each.image for each in scored])
    return EvaluateOutcome(summary=summary, out=out)


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


def score_scan(
    scans: PreparedScans, index: int, predicted: Predictions, tuned: TunedSettings
) -> Scored:
    """One scan's scores at its own size, and how far its mask would have been trusted."""
    case, probability = scans.cases[index], predicted.maps[index]
    classes = None if predicted.classes is None else predicted.classes[index]
    segmentation = segmented(scans, index, predicted, tuned)
    reference = scans.native_mask(index)
    score = image_score(
        segmentation.mask,
        reference,
        case=case.case,
        dataset=case.dataset,
        label=case.label,
        group=case.group,
    )
    score = replace(score, device=case.device, objection=case.objection)
    score = with_classes(score, probability, classes, tuned)
    image = comparison_image(scans, index, segmentation.mask, reference)
    trusted, novelty = segmentation.confidence, predicted.novelty
    score = replace(
        score,
        confidence=float("nan") if trusted is None else trusted,
        novelty=float("nan") if novelty is None else float(novelty[index]),
        review=segmentation.review,
    )
    return Scored(score=score, image=image)


def pixel_curve(maps: NDArray[np.float32], scans: PreparedScans) -> PrecisionRecall:
    """Precision and recall of (N, size, size) maps over all pixels, at the network's size."""
    return precision_recall(maps, (scans.masks[row] > 0 for row in range(len(maps))))


def review_below(confidence: ConfidenceSettings | None) -> float:
    """The confidence below which a person should look; NaN where the weights give none."""
    return float("nan") if confidence is None else confidence.review_below


def map_summary(
    scores: Sequence[ImageScore],
    maps: NDArray[np.float32],
    scans: PreparedScans,
    pixels: PrecisionRecall,
    *,
    folds: NDArray[np.int64] | None = None,
) -> EvaluationSummary:
    """Everything that is said about some scans, but for where they and their maps came from."""
    references = np.asarray(scans.masks[:]) > 0
    clean = np.array([not score.objection for score in scores], bool)
    return EvaluationSummary(
        protocol={},
        pooled=pooled_scores(pixel_counts(maps, references)),
        all=map_block(scores, folds=folds),
        areas=area_summary(scores),
        calibration_error=calibration_error(scores),
        average_precision=pixels.average_precision,
        froc=froc_curve(list(maps), list(references)),
        seen=seen_summary(scores),
        without_objections=map_block(
            unobjected(scores), folds=None if folds is None else folds[clean]
        ),
    )


def froc_curve(maps: Sequence[Probability], masks: Sequence[Mask]) -> tuple[FrocPoint, ...]:
    """Lesions found against false ones a scan, over thresholds of a component's certainty.

    Maps and references are (rows, columns), at the network's size. Empty without a lesion.
    Chakraborty (1989), Medical Physics 16(4).
    """
    references = References.of(masks)
    if not references.lesion_px.size:
        return ()
    measured = components_of(maps, references, BASE_THRESHOLD, max_hole=1.0)
    points = []
    for threshold in THRESHOLDS:
        large = measured.share >= MIN_AREA
        kept = large & (measured.mean_probability >= threshold)
        # a component inside the hole of a kept one is part of it
        kept &= ~((measured.parent >= 0) & kept[measured.parent]) if kept.size else kept
        seen = detections(measured, references, kept)
        points.append(
            FrocPoint(
                threshold=round(float(threshold), 3),
                found=float(seen.found.mean()),
                false_lesions=float(seen.false.mean()),
            )
        )
    return tuple(points)
