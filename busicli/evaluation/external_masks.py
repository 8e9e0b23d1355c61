"""Scoring masks that any tool made: paired with their truth by name, none dropped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from busicli.data.mask_files import mask_files
from busicli.errors import InputError
from busicli.evaluation.comparison_images import caption, picked
from busicli.evaluation.mask_pairs import backgrounds, find_truth, paired, pairing
from busicli.evaluation.output import (
    EvaluateOutcome,
    Track,
    check_folder,
    write_page,
    write_results,
)
from busicli.evaluation.plots import numbers_of_figures, write_figures
from busicli.evaluation.score_mask import (
    MaskScored,
    Pair,
    picture_behind,
    predicted_mask,
    score_pair,
    true_mask,
)
from busicli.evaluation.summary import by_kind, figures_of, per_image_csv, unobjected
from busicli.imaging.metrics import pooled_scores, total_counts
from busicli.io.escaping import written_name
from busicli.plots.drawing import Drawn
from busicli.plots.examples import Example, examples_figure
from busicli.types import Failed, Split

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
    request: EvaluateMasksRequest, track: Track[MaskScored | Failed]
) -> EvaluateOutcome:
    """Score every scan of the reference and write what `write_results` does.

    Raises InputError, and writes nothing, where a true mask cannot be used: all such are named.
    """
    out = request.out or _default_out(request)
    truth = find_truth(request.reference, request.split, besides=out)
    found = mask_files(request.predictions, besides=out)
    if request.out is not None:
        check_folder(request.out)
    pairs = paired(truth, found, backgrounds(truth, request.scans, besides=out))
    done = _all_scored(track(map(score_pair, pairs), len(pairs)), request.reference)
    scores = [each.scored.score for each in done]
    metrics = {
        "predictions": written_name(request.predictions),
        "reference": written_name(request.reference),
        **({"split": request.split or "test"} if truth.data else {}),
        "protocol": {
            "pairing": PAIRED,
            "pooled": POOLED,
            "per_image": OVER_GROUPS if truth.data else OVER_SCANS,
        },
        "pairing": pairing(pairs, found, done),
        **figures_of(scores, pooled_scores(total_counts([each.counts for each in done]))),
        **({"without_objections": by_kind(unobjected(scores))} if truth.data else {}),
        **numbers_of_figures(scores),
    }
    table = per_image_csv(scores, [each.fault for each in done])
    write_results(out, metrics, table, _examples(pairs, done))
    write_figures(out, scores)
    write_page(out, [each.scored.picture for each in done])
    return EvaluateOutcome(metrics=metrics, out=out)


def _default_out(request: EvaluateMasksRequest) -> Path:
    """Below eval/, by what was scored: `masks` alone says nothing."""
    folder = request.predictions.resolve()
    name = folder.parent.name if folder.name == "masks" else folder.name
    return Path("eval") / (f"{name}-{request.split}" if request.split else name)


def _all_scored(results: Iterable[MaskScored | Failed], reference: Path) -> list[MaskScored]:
    """The scores, if every scan has some; InputError with all faulty true masks otherwise."""
    found = list(results)
    faults = [each for each in found if isinstance(each, Failed)]
    if faults:
        lines = "\n".join(f"  {fault.what}: {fault.reason}" for fault in faults)
        raise InputError(
            f"{len(faults)} of {len(found)} true masks in {reference} cannot be used, so nothing "
            f"was written; mend what is named here and run again:\n{lines}"
        )
    return [each for each in found if isinstance(each, MaskScored)]


def _examples(pairs: Sequence[Pair], done: Sequence[MaskScored]) -> Drawn | None:
    """A few of the scans that are at hand, read once more; None where none is."""
    shown = [(pair, each) for pair, each in zip(pairs, done, strict=True) if each.shown]
    if not shown:
        return None
    scores = [each.scored.score for _, each in shown]
    return examples_figure([_example(*shown[index]) for index in picked(scores)])


def _example(pair: Pair, done: MaskScored) -> Example:
    true = true_mask(pair.reference)
    predicted = predicted_mask(pair.predicted, true.shape).mask
    masks = true.astype(np.uint8), predicted.astype(np.uint8)
    return caption(done.scored.score), picture_behind(pair, true.shape)[0], *masks
