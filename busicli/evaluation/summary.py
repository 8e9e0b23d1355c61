"""Scores of an evaluation: summed up for people, stored for programs."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from busicli.imaging.bootstrap import mean_interval
from busicli.imaging.metrics import is_good, roc_auc
from busicli.io.escaping import escape_csv_formula
from busicli.types import ImageScore

Summary = dict[str, Any]
SIZE_CLASSES = (
    (0.03, "below 3 %"),
    (0.07, "3 to 7 %"),
    (0.13, "7 to 13 %"),
    (math.inf, "over 13 %"),
)
"""Upper limits of a lesion's share of the scan; on BUSI and BUS-BRA about a quarter is in each."""


def summarise(scores: Sequence[ImageScore]) -> Summary:
    """What a reader should trust, over any set of scans; intervals by bootstrap over groups.

    `dice` and `iou` are over scans with a lesion; `dice_empty_is_1` is over all, two empty masks
    counting as 1. HD95 needs a lesion in both masks and says how many scans it leaves out.
    `further_lesions` are those beyond the first of scans with several; of a scan on which n
    lesions are found, n - 1 of them are found too.
    """
    lesion_scans = [s for s in scores if s.reference_area_px]
    several = [s for s in scores if s.lesions > 1]
    normals = [s for s in scores if not s.reference_area_px]
    return {
        "scans": len(scores),
        "scans_with_lesion": len(lesion_scans),
        "dice": _interval(lesion_scans, lambda s: s.dice),
        "iou": _interval(lesion_scans, lambda s: s.iou),
        "dice_empty_is_1": _interval(scores, lambda s: 1.0 if math.isnan(s.dice) else s.dice),
        "hd95_px": _interval(lesion_scans, lambda s: s.hd95_px),
        "hd95_left_out": sum(math.isnan(s.hd95_px) for s in lesion_scans),
        "lesions": sum(s.lesions for s in scores),
        "missed_lesions": sum(s.missed_lesions for s in scores),
        "scans_with_several_lesions": len(several),
        "further_lesions": sum(s.lesions - 1 for s in several),
        "further_lesions_found": sum(max(0, s.lesions - s.missed_lesions - 1) for s in several),
        "lesion_scans_with_empty_mask": sum(not s.predicted_area_px for s in lesion_scans),
        "normals": len(normals),
        "normals_with_false_mask": sum(s.predicted_area_px > 0 for s in normals),
    }


def summary_metrics(scores: Sequence[ImageScore], pooled: Mapping[str, float]) -> Summary:
    """What is said of any masks: pooled, per image, and by kind of scan. None for undefined."""
    return {
        "pooled": {name: None if math.isnan(value) else value for name, value in pooled.items()},
        **by_kind(scores),
    }


def by_kind(scores: Sequence[ImageScore]) -> Summary:
    """What is said per image: of all scans, and of each kind of scan."""
    return {
        "per_image": summarise(scores),
        "by_class": by(scores, lambda score: score.label),
        "by_dataset": by(scores, lambda score: score.dataset),
        "by_size": by(scores, size_class),
        "by_device": by(scores, lambda score: score.device),
    }


def unobjected(scores: Sequence[ImageScore]) -> list[ImageScore]:
    """The scores of scans to which no curator objects."""
    return [score for score in scores if not score.objection]


def trust(scores: Sequence[ImageScore]) -> Summary:
    """Whether confidence finds the masks that need a person: bad ones are of Dice below 0.7, missed
    lesions and false masks among them.

    `auc` is the chance that a bad mask has the lower confidence of two; None where none is bad, or
    all are, or the weights give no confidence.
    """
    bad = np.array([not is_good(s.dice) for s in scores], bool)
    values = np.array([s.confidence for s in scores], np.float64)
    flagged = np.array([s.review for s in scores], bool)
    auc = float("nan") if np.isnan(values).any() else roc_auc(-values, bad)
    return {
        "bad_masks": int(bad.sum()),
        "auc": None if math.isnan(auc) else auc,
        "flagged": int(flagged.sum()),
        "flagged_share": float(flagged.mean()) if len(scores) else None,
        "bad_flagged": int((bad & flagged).sum()),
    }


def by(scores: Sequence[ImageScore], kind: Callable[[ImageScore], str]) -> dict[str, Summary]:
    """`summarise` for each kind of scan, in alphabetical order."""
    kinds = [kind(s) or "unknown" for s in scores]
    return {
        each: summarise([s for s, k in zip(scores, kinds, strict=True) if k == each])
        for each in sorted(set(kinds))
    }


def size_class(score: ImageScore) -> str:
    """How large the lesion is: its share of the scan, in four classes."""
    share = score.reference_area_px / score.scan_px
    if not share:
        return "no lesion"
    return next(name for limit, name in SIZE_CLASSES if share < limit)


def per_image_csv(scores: Sequence[ImageScore], errors: Sequence[str] | None = None) -> bytes:
    """One row a scan; an undefined figure is an empty cell.

    `errors`, one a scan, make a last column `prediction`: what was wrong with it, or nothing.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ["class" if f.name == "label" else f.name for f in fields(ImageScore)]
    writer.writerow(columns if errors is None else [*columns, "prediction"])
    for number, score in enumerate(scores):
        own = () if errors is None else (errors[number],)
        writer.writerow([_cell(value) for value in (*asdict(score).values(), *own)])
    return text.getvalue().encode()


def _interval(
    scores: Sequence[ImageScore], value: Callable[[ImageScore], float]
) -> dict[str, float | int | None]:
    values = np.array([value(s) for s in scores], np.float64)
    groups = np.array([s.group for s in scores], np.int64)
    found = asdict(mean_interval(values, groups))
    return {name: None if math.isnan(number) else number for name, number in found.items()}


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return escape_csv_formula(value) if isinstance(value, str) else value
