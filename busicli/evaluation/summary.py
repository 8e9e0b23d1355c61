"""Scores of an evaluation, summed up for people."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from busicli.evaluation.class_metrics import (
    ALL,
    by_dataset,
    grouped,
    groups_of,
    malignancy_by_dataset,
    presence_by_dataset,
    scan_scores,
)
from busicli.evaluation.records import (
    ConfidenceSummary,
    FailureSummary,
    ScanSummary,
    ScoreBlock,
    Seen,
    SizeSummary,
)
from busicli.imaging.bootstrap import Interval, mean_interval, ratio_interval
from busicli.imaging.metrics import GOOD_DICE, is_good, roc_auc
from busicli.imaging.operating_point import trade_off
from busicli.io.escaping import escape_csv_formula
from busicli.io.files import csv_bytes
from busicli.types import ImageScore

SIZE_CLASSES = (
    (0.005, "below 0.5 %"),
    (0.02, "0.5 to 2 %"),
    (0.05, "2 to 5 %"),
    (0.10, "5 to 10 %"),
    (math.inf, "over 10 %"),
)
"""Upper limits of a lesion's share of the scan, rising."""
NO_LESION = "no lesion"
ELSEWHERE = 0.1
"""A mask of lower Dice is not of the lesion."""
Value = Callable[[ImageScore], float]


def summarise(scores: Sequence[ImageScore]) -> ScanSummary:
    """The summary of some scans; of none, its means are NaN."""
    lesion_scans = [s for s in scores if s.reference_area_px]
    several = [s for s in scores if s.lesions > 1]
    normals = [s for s in scores if not s.reference_area_px]
    return ScanSummary(
        scans=len(scores),
        scans_with_lesion=len(lesion_scans),
        dice=_mean(lesion_scans, lambda s: s.dice),
        iou=_mean(lesion_scans, lambda s: s.iou),
        dice_empty_is_1=_mean(scores, lambda s: 1.0 if math.isnan(s.dice) else s.dice),
        hd95_px=_mean(lesion_scans, lambda s: s.hd95_px),
        hd95_left_out=sum(math.isnan(s.hd95_px) for s in lesion_scans),
        lesions=sum(s.lesions for s in scores),
        missed_lesions=sum(s.missed_lesions for s in scores),
        lesions_found=_ratio(scores, lambda s: s.lesions - s.missed_lesions, lambda s: s.lesions),
        specks=sum(s.specks for s in scores),
        scans_with_several_lesions=len(several),
        further_lesions=sum(s.lesions - 1 for s in several),
        further_lesions_found=sum(_further_found(s) for s in several),
        further_found=_ratio(several, _further_found, lambda s: s.lesions - 1),
        false_lesions=_mean(scores, lambda s: s.false_lesions),
        lesion_scans_with_empty_mask=sum(not s.predicted_area_px for s in lesion_scans),
        empty_masks=_mean(lesion_scans, lambda s: not s.predicted_area_px),
        normals=len(normals),
        normals_with_false_mask=sum(s.predicted_area_px > 0 for s in normals),
        false_masks=_mean(normals, lambda s: s.predicted_area_px > 0),
    )


def score_block(
    scores: Sequence[ImageScore], *, folds: NDArray[np.int64] | None = None
) -> ScoreBlock:
    """All that is said of some scans' masks, and by fold where that of each score is given."""
    return ScoreBlock(
        per_image=summarise(scores),
        by_class=by(scores, lambda score: score.label),
        by_dataset=by(scores, lambda score: score.dataset),
        by_size=_in_order(by(scores, size_class)),
        by_device=by(scores, lambda score: score.device),
        lesions_by_size=lesions_by_size(scores),
        failures=by_dataset(scores, failures) or {ALL: failures(scores)},
        by_fold=None if folds is None else _by_fold(scores, folds),
    )


def seen_summary(scores: Sequence[ImageScore]) -> Seen:
    """How many of the scans the weights have trained on."""
    return Seen(
        same=sum(score.seen == "same" for score in scores),
        near_copy=sum(score.seen == "near copy" for score in scores),
    )


def with_unseen(scores: Sequence[ImageScore]) -> ScoreBlock:
    """As `score_block`, and beside it the scans that the weights have not seen."""
    unseen = summarise([score for score in scores if not score.seen])
    return replace(score_block(scores), unseen=unseen)


def map_block(
    scores: Sequence[ImageScore], *, folds: NDArray[np.int64] | None = None
) -> ScoreBlock:
    """The same, and what only maps and classes say."""
    values = scan_scores(scores)
    return replace(
        score_block(scores, folds=folds),
        unseen=summarise([score for score in scores if not score.seen]),
        confidence=trust(scores),
        presence=presence_by_dataset(scores),
        malignancy=malignancy_by_dataset(scores),
        trade_off=trade_off(*values),
    )


def unobjected(scores: Sequence[ImageScore]) -> list[ImageScore]:
    """The scores of scans to which no curator objects."""
    return [score for score in scores if not score.objection]


def trust(scores: Sequence[ImageScore]) -> ConfidenceSummary:
    """How confidence and the review that it asks for find bad masks."""
    bad = np.array([not is_good(s.dice) for s in scores], bool)
    values = np.array([s.confidence for s in scores], np.float64)
    flagged = np.array([s.review for s in scores], bool)
    return ConfidenceSummary(
        bad_masks=int(bad.sum()),
        auc=math.nan if np.isnan(values).any() else roc_auc(-values, bad),
        flagged=int(flagged.sum()),
        flagged_share=float(flagged.mean()) if len(scores) else math.nan,
        bad_flagged=int((bad & flagged).sum()),
    )


def by(scores: Sequence[ImageScore], kind: Callable[[ImageScore], str]) -> dict[str, ScanSummary]:
    """`summarise` for each kind of scan, in alphabetical order."""
    return {name: summarise(some) for name, some in grouped(scores, kind).items()}


def size_class(score: ImageScore) -> str:
    """How large the lesion is: its share of the scan."""
    return size_name(score.reference_area_px / score.scan_px)


def size_name(share: float) -> str:
    """The class of a lesion's share of the scan; 0 is none."""
    return next(name for limit, name in SIZE_CLASSES if share < limit) if share else NO_LESION


def lesions_by_size(scores: Sequence[ImageScore]) -> dict[str, SizeSummary]:
    """Lesions found by the size of each lesion, not of all in its scan; smallest first."""
    found = {}
    for _, name in SIZE_CLASSES:
        lesions = [_of_size(score, name) for score in scores]
        parts, missed = np.array(lesions, np.float64).reshape(-1, 2).T
        if count := int((parts + missed).sum()):
            interval = ratio_interval(parts, parts + missed, groups_of(scores))
            found[name] = SizeSummary(lesions=count, found=interval)
    return found


def per_image_csv(scores: Sequence[ImageScore], errors: Sequence[str] | None = None) -> bytes:
    """One row a scan; an undefined metric is an empty cell, several numbers are parted by spaces.

    `errors`, one a scan, make a last column `prediction`: what was wrong with it, or nothing.
    """
    names = [f.name for f in fields(ImageScore)]
    columns = ["class" if name == "label" else name for name in names]
    rows = [[_cell(getattr(score, name)) for name in names] for score in scores]
    if errors is not None:
        columns.append("prediction")
        rows = [[*row, _cell(error)] for row, error in zip(rows, errors, strict=True)]
    return csv_bytes([columns, *rows])


def failures(scores: Sequence[ImageScore]) -> FailureSummary:
    """How often each kind of failure comes among some scans."""
    lesions = [s for s in scores if s.reference_area_px]
    shown = [s.dice for s in lesions if s.predicted_area_px]
    return FailureSummary(
        empty_mask=len(lesions) - len(shown),
        elsewhere=sum(dice < ELSEWHERE for dice in shown),
        poor=sum(ELSEWHERE <= dice < GOOD_DICE for dice in shown),
        good=sum(dice >= GOOD_DICE for dice in shown),
        false_mask=sum(s.predicted_area_px > 0 for s in scores if not s.reference_area_px),
        further_missed=sum(s.lesions - 1 - _further_found(s) for s in scores if s.lesions > 1),
    )


def _further_found(score: ImageScore) -> int:
    return max(0, score.lesions - score.missed_lesions - 1)


def _of_size(score: ImageScore, name: str) -> tuple[int, int]:
    """How many of a scan's lesions of one size were found, and how many missed."""
    found, missed = (
        sum(size_name(area / score.scan_px) == name for area in areas)
        for areas in (score.found_lesions_px, score.missed_lesions_px)
    )
    return found, missed


def _by_fold(scores: Sequence[ImageScore], folds: NDArray[np.int64]) -> dict[int, ScanSummary]:
    return {
        number: summarise([s for s, f in zip(scores, folds, strict=True) if f == number])
        for number in sorted(set(folds.tolist()))
    }


def _in_order(found: Mapping[str, ScanSummary]) -> dict[str, ScanSummary]:
    """Classes of size from the smallest to the largest."""
    names = (NO_LESION, *(name for _, name in SIZE_CLASSES))
    return {name: found[name] for name in names if name in found}


def _mean(scores: Sequence[ImageScore], value: Value) -> Interval:
    return mean_interval(np.array([value(s) for s in scores], np.float64), groups_of(scores))


def _ratio(scores: Sequence[ImageScore], part: Value, whole: Value) -> Interval:
    parts, wholes = (np.array([each(s) for s in scores], np.float64) for each in (part, whole))
    return ratio_interval(parts, wholes, groups_of(scores))


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return escape_csv_formula(value) if isinstance(value, str) else value
