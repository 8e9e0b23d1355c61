"""Scores of an evaluation: summed up for people, stored for programs."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from busicli.bootstrap import mean_interval
from busicli.names import safe_cell
from busicli.records import ImageScore

Summary = dict[str, Any]


def summarise(scores: Sequence[ImageScore]) -> Summary:
    """What a reader should trust, over any set of scans; intervals by bootstrap over groups.

    `dice` and `iou` are over scans with a lesion; `dice_empty_is_1` is over all, two empty masks
    counting as 1. HD95 needs a lesion in both masks and says how many scans it leaves out.
    """
    lesion_scans = [s for s in scores if s.reference_area_px]
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
        "lesion_scans_with_empty_mask": sum(not s.predicted_area_px for s in lesion_scans),
        "normals": len(normals),
        "normals_with_false_mask": sum(s.predicted_area_px > 0 for s in normals),
    }


def by(scores: Sequence[ImageScore], attribute: str) -> dict[str, Summary]:
    """`summarise` for each value of `label` or `dataset`, in alphabetical order."""
    values = sorted({getattr(s, attribute) for s in scores})
    return {
        value or "unknown": summarise([s for s in scores if getattr(s, attribute) == value])
        for value in values
    }


def per_image_csv(scores: Sequence[ImageScore]) -> bytes:
    """One row a scan; an undefined figure is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [f.name for f in fields(ImageScore)]
    writer.writerow(["class" if name == "label" else name for name in columns])
    for score in scores:
        writer.writerow([_cell(value) for value in asdict(score).values()])
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
    return safe_cell(value) if isinstance(value, str) else value
