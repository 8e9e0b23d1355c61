"""Scoring masks that any tool made: paired with their reference by name, none dropped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from busicli.data.mask_files import mask_files
from busicli.errors import InputError
from busicli.evaluation.comparison_images import caption, pick_examples
from busicli.evaluation.mask_pairs import backgrounds, find_references, paired, pairing
from busicli.evaluation.output import (
    EvaluateOutcome,
    check_folder,
    write_page,
    write_results,
)
from busicli.evaluation.plots import area_summary, write_plots
from busicli.evaluation.records import EvaluationSummary
from busicli.evaluation.score_mask import (
    MaskPair,
    MaskScore,
    background_image,
    read_predicted_mask,
    read_reference_mask,
    score_mask,
)
from busicli.evaluation.seen import card_of_masks, hashes_of, seen_by
from busicli.evaluation.summary import (
    per_image_csv,
    score_block,
    seen_summary,
    unobjected,
    with_unseen,
)
from busicli.imaging.metrics import pooled_scores, total_counts
from busicli.io.escaping import percent_escape
from busicli.plots.drawing import Plot
from busicli.plots.examples import Example, examples_plot
from busicli.types import Failed, Split, Track

PAIRED = (
    "by path below each folder, without suffix, _mask and the folder of a class; a prediction that "
    "is missing, of another size or unreadable counts as an empty mask"
)
POOLED = (
    "all pixels at each scan's own size; Loss and Dice_coef too are from the masks, for there are "
    "no probabilities"
)
OVER_GROUPS = (
    "each scan at its own size; bootstrap 95 % intervals over groups of near copies and patients"
)
OVER_SCANS = (
    "each scan at its own size; bootstrap 95 % intervals over scans, for a folder of masks does "
    "not tell which of them belong together"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateMasksRequest:
    """Which masks to score against which."""

    predictions: Path
    reference: Path
    """A folder of masks, or one that preprocess wrote."""
    split: Split | Literal["all"] | None = None
    """Of prepared data alone; None: test."""
    scans: Path | None = None
    """A folder of scans to show; None: those in the data or beside the masks."""
    out: Path | None = None


def evaluate_masks(
    request: EvaluateMasksRequest, track: Track[MaskScore | Failed]
) -> EvaluateOutcome:
    """Score every scan of the reference and write what `write_results` does.

    Raises InputError, and writes nothing, where a reference mask cannot be used: all such are
    named.
    """
    out = request.out or _default_out(request)
    reference_set = find_references(request.reference, request.split, besides=out)
    known = {name for each in reference_set.references for name in each.names}
    found = mask_files(request.predictions, besides=out, known=known)
    if request.out is not None:
        check_folder(request.out)
    pairs = paired(reference_set, found, backgrounds(reference_set, request.scans, besides=out))
    done = _all_scored(track(map(score_mask, pairs), len(pairs)), request.reference)
    card = card_of_masks(request.predictions)
    data = reference_set.data
    hashes = [each.hashes for each in done] if data is None else hashes_of(data.cases)
    seen = [""] * len(done) if card is None else seen_by(card, hashes)
    scores = [replace(each.scored.score, seen=own) for each, own in zip(done, seen, strict=True)]
    summary = EvaluationSummary(
        predictions=percent_escape(request.predictions),
        reference=percent_escape(request.reference),
        split=(request.split or "test") if reference_set.data else None,
        protocol={
            "pairing": PAIRED,
            "pooled": POOLED,
            "per_image": OVER_GROUPS if reference_set.data else OVER_SCANS,
        },
        pairing=pairing(pairs, found, done),
        pooled=pooled_scores(total_counts([each.counts for each in done])),
        all=score_block(scores) if card is None else with_unseen(scores),
        seen=None if card is None else seen_summary(scores),
        predicted_by=None if card is None else card.name,
        hashes_unknown=None if card is None else sum(own is None for own in hashes),
        without_objections=score_block(unobjected(scores)) if reference_set.data else None,
        areas=area_summary(scores),
    )
    table = per_image_csv(scores, [each.error for each in done])
    write_results(out, summary, table, _examples(pairs, done))
    write_plots(out, scores)
    write_page(out, [each.scored.image for each in done])
    return EvaluateOutcome(summary=summary, out=out)


def _default_out(request: EvaluateMasksRequest) -> Path:
    """Below eval/, by what was scored: `masks` alone says nothing."""
    folder = request.predictions.resolve()
    name = folder.parent.name if folder.name == "masks" else folder.name
    return Path("eval") / (f"{name}-{request.split}" if request.split else name)


def _all_scored(results: Iterable[MaskScore | Failed], reference: Path) -> list[MaskScore]:
    """The scores, if every scan has some; InputError with all broken reference masks otherwise."""
    found = list(results)
    errors = [each for each in found if isinstance(each, Failed)]
    if errors:
        lines = "\n".join(f"  {error.what}: {error.reason}" for error in errors)
        raise InputError(
            f"{len(errors)} of {len(found)} reference masks in {reference} cannot be used, so "
            f"nothing was written; fix what is named here and run again:\n{lines}"
        )
    return [each for each in found if isinstance(each, MaskScore)]


def _examples(pairs: Sequence[MaskPair], done: Sequence[MaskScore]) -> Plot | None:
    """A few of the scans that are at hand, read once more; None where none is."""
    shown = [(pair, each) for pair, each in zip(pairs, done, strict=True) if each.shown]
    if not shown:
        return None
    scores = [each.scored.score for _, each in shown]
    return examples_plot([_example(*shown[index]) for index in pick_examples(scores)])


def _example(pair: MaskPair, done: MaskScore) -> Example:
    expected = read_reference_mask(pair.reference)
    predicted = read_predicted_mask(pair.predicted, expected.shape).mask
    masks = expected.astype(np.uint8), predicted.astype(np.uint8)
    return caption(done.scored.score), background_image(pair, expected.shape)[0], *masks
