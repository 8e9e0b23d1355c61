"""What a network says of a whole scan: whether there is a lesion, and whether it is malignant."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from busicli.evaluation.records import CalibrationBin, MalignancySummary, PresenceSummary
from busicli.imaging.agreement import calibration
from busicli.imaging.bootstrap import auc_interval, mean_interval
from busicli.imaging.class_probabilities import malignancy, with_temperature
from busicli.imaging.postprocess import presence
from busicli.settings import TunedSettings
from busicli.types import ImageScore, Probability

T = TypeVar("T")
Floats = NDArray[np.float64]
ALL = "all"
"""Beside the names of data sets."""


def with_classes(
    score: ImageScore,
    probability: Probability,
    classes: NDArray[np.floating] | None,
    tuned: TunedSettings,
) -> ImageScore:
    """A scan's scores with its map's presence and its (3,) class probabilities, calibrated."""
    score = replace(score, presence=presence(probability))
    if classes is None:
        return score
    calibrated = with_temperature(classes[None], tuned.class_temperature)
    normal, benign, malignant = map(float, calibrated[0])
    called = "malignant" if malignancy(calibrated)[0] >= tuned.malignant_from else "benign"
    return replace(
        score,
        p_normal=normal,
        p_benign=benign,
        p_malignant=malignant,
        call=called,
    )


def presence_summary(scores: Sequence[ImageScore]) -> PresenceSummary:
    """How well the scores of some scans distinguish those with a lesion."""
    lesion = np.array([s.reference_area_px > 0 for s in scores], bool)
    groups = groups_of(scores)
    by_map, by_class = (
        auc_interval(_values(scores, value), lesion, groups)
        for value in (lambda s: s.presence, lambda s: 1 - s.p_normal)
    )
    return PresenceSummary(
        scans_with_lesion=int(lesion.sum()),
        normals=int((~lesion).sum()),
        auc=by_map,
        class_auc=by_class,
    )


def malignancy_summary(scores: Sequence[ImageScore]) -> MalignancySummary:
    """Of scans that are benign or malignant and have class probabilities."""
    malignant = np.array([s.label == "malignant" for s in scores], bool)
    called = np.array([s.call == "malignant" for s in scores], bool)
    values, groups = malignancy_scores(scores), groups_of(scores)
    right = (called == malignant).astype(np.float64)
    bins = calibration(values, malignant)
    rows = (bins.confidence, bins.good, bins.low, bins.high, bins.scans)
    return MalignancySummary(
        benign=int((~malignant).sum()),
        malignant=int(malignant.sum()),
        auc=auc_interval(values, malignant, groups),
        sensitivity=mean_interval(right[malignant], groups[malignant]),
        specificity=mean_interval(right[~malignant], groups[~malignant]),
        calibration=tuple(
            CalibrationBin(
                probability=float(p), share=float(s), low=float(lo), high=float(hi), scans=int(n)
            )
            for p, s, lo, hi, n in zip(*rows, strict=True)
        ),
        calibration_error=bins.error,
    )


def presence_by_dataset(scores: Sequence[ImageScore]) -> dict[str, PresenceSummary] | None:
    """Of all scans with a map and by data set; None without any."""
    return by_dataset([s for s in scores if not np.isnan(s.presence)], presence_summary)


def malignancy_by_dataset(scores: Sequence[ImageScore]) -> dict[str, MalignancySummary] | None:
    """Of all scans of a benign or malignant lesion and by data set; None without any."""
    return by_dataset(lesions_with_classes(scores), malignancy_summary)


def lesions_with_classes(scores: Sequence[ImageScore]) -> list[ImageScore]:
    """Scans of a benign or malignant lesion that have class probabilities."""
    known = [s for s in scores if s.label in ("benign", "malignant") and s.reference_area_px]
    return [s for s in known if not np.isnan(s.p_malignant)]


def malignancy_scores(scores: Sequence[ImageScore]) -> Floats:
    """P(malignant) / (P(benign) + P(malignant)) of scans with class probabilities, (N,)."""
    rows = [(s.p_normal, s.p_benign, s.p_malignant) for s in scores]
    return malignancy(np.array(rows, np.float64).reshape(-1, 3))


def scan_scores(scores: Sequence[ImageScore]) -> tuple[Floats, Floats]:
    """The map's presence on normal scans, and on scans with a lesion."""
    known = [s for s in scores if not np.isnan(s.presence)]
    normal, lesion = (
        np.array([s.presence for s in known if (s.reference_area_px > 0) == holds], np.float64)
        for holds in (False, True)
    )
    return normal, lesion


def by_dataset(
    scores: Sequence[ImageScore], summary: Callable[[Sequence[ImageScore]], T]
) -> dict[str, T] | None:
    """A summary of all scans and, where there are several, of each data set; None for no scan."""
    if not scores:
        return None
    own = {name: summary(some) for name, some in grouped(scores, lambda s: s.dataset).items()}
    return {ALL: summary(scores)} | (own if len(own) > 1 else {})


def grouped(
    scores: Sequence[ImageScore], kind: Callable[[ImageScore], str]
) -> dict[str, list[ImageScore]]:
    """The scores of each kind in alphabetical order; an empty name is `unknown`."""
    found: dict[str, list[ImageScore]] = {}
    for score in scores:
        found.setdefault(kind(score) or "unknown", []).append(score)
    return {name: found[name] for name in sorted(found)}


def _values(scores: Sequence[ImageScore], value: Callable[[ImageScore], float]) -> Floats:
    return np.array([value(s) for s in scores], np.float64)


def groups_of(scores: Sequence[ImageScore]) -> NDArray[np.int64]:
    """The group of each, (N,)."""
    return np.array([s.group for s in scores], np.int64)
