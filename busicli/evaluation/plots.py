"""The plots of an evaluation, as PNG and SVG below `plots/`, and the numbers behind them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from busicli.evaluation.class_metrics import (
    grouped,
    lesions_with_classes,
    malignancy_scores,
    scan_scores,
)
from busicli.evaluation.records import AreaSummary
from busicli.evaluation.summary import SIZE_CLASSES
from busicli.imaging.agreement import AreaAgreement, PrecisionRecall, area_agreement, calibration
from busicli.imaging.bootstrap import mean_interval
from busicli.imaging.metrics import is_good
from busicli.imaging.operating_point import trade_off
from busicli.plots.agreement import (
    area_plot,
    calibration_plot,
    malignancy_plot,
    precision_recall_plot,
    trade_off_plot,
)
from busicli.plots.dice import dice_plot
from busicli.plots.drawing import Plot
from busicli.types import ImageScore

PLOTS = "plots"
NAMES = (
    *("dice", "areas", "calibration", "precision_recall"),
    *("malignancy_calibration", "missed_and_false"),
)
"""Of all that `write_plots` may write."""


def write_plots(
    out: Path,
    scores: Sequence[ImageScore],
    *,
    pixels: PrecisionRecall | None = None,
    review_below: float = float("nan"),
) -> None:
    """`dice` and `areas`; `calibration` where every mask has a confidence; `precision_recall` and
    `missed_and_false` where there are maps; `malignancy_calibration` where there are classes.
    """
    drawings: dict[str, Plot] = {
        "dice": _dice(scores),
        "areas": area_plot(_areas_by_class(scores), _areas(scores)),
    }
    if trusted := _trust(scores):
        drawings["calibration"] = calibration_plot(calibration(*trusted), *trusted, review_below)
    if pixels is not None:
        drawings["precision_recall"] = precision_recall_plot(pixels)
    normal, lesion = scan_scores(scores)
    if normal.size and lesion.size:
        drawings["missed_and_false"] = trade_off_plot(trade_off(normal, lesion))
    if known := lesions_with_classes(scores):
        malignant = np.array([score.label == "malignant" for score in known], bool)
        values = malignancy_scores(known)
        drawings["malignancy_calibration"] = malignancy_plot(
            calibration(values, malignant), values, malignant
        )
    for name, drawing in drawings.items():
        drawing.write(out / PLOTS / name)


def area_summary(scores: Sequence[ImageScore]) -> AreaSummary:
    """What `areas` shows."""
    areas = _areas(scores)
    return AreaSummary(
        scans=areas.difference.size,
        bias_percent=areas.bias,
        low_percent=areas.low,
        high_percent=areas.high,
    )


def calibration_error(scores: Sequence[ImageScore]) -> float | None:
    """What `calibration` shows; None where a mask has no confidence."""
    trusted = _trust(scores)
    return calibration(*trusted).error if trusted else None


def _dice(scores: Sequence[ImageScore]) -> Plot:
    lesions = [score for score in scores if score.reference_area_px]
    kinds = {"all": lesions, **grouped(lesions, lambda s: s.label)}
    if len(datasets := grouped(lesions, lambda s: s.dataset)) > 1:
        kinds |= datasets
    shares = np.array([score.reference_area_px / score.scan_px for score in lesions])
    dice = np.array([score.dice for score in lesions])
    sizes, low = [], float(shares.min(initial=1.0))
    for high, _ in SIZE_CLASSES:
        inside = dice[(shares >= low) & (shares < high)]
        if inside.size:
            first = float(shares[(shares >= low) & (shares < high)].min())
            sizes.append((max(low, first), min(high, float(shares.max())), float(inside.mean())))
        low = max(low, high)
    return dice_plot(
        {
            name: (
                np.array([score.dice for score in own]),
                mean_interval(
                    np.array([score.dice for score in own], np.float64),
                    np.array([score.group for score in own], np.int64),
                ),
            )
            for name, own in kinds.items()
        },
        {
            name: (
                np.array([score.reference_area_px / score.scan_px for score in own]),
                np.array([score.dice for score in own]),
            )
            for name, own in grouped(lesions, lambda s: s.label).items()
        },
        sizes,
    )


def _areas_by_class(scores: Sequence[ImageScore]) -> Mapping[str, AreaAgreement]:
    found = {name: _areas(own) for name, own in grouped(scores, lambda s: s.label).items()}
    return {name: each for name, each in found.items() if each.difference.size}


def _areas(scores: Sequence[ImageScore]) -> AreaAgreement:
    return area_agreement(
        np.array([score.predicted_area_px for score in scores], np.float64),
        np.array([score.reference_area_px for score in scores], np.float64),
        np.array([score.scan_px for score in scores], np.float64),
    )


def _trust(scores: Sequence[ImageScore]) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Each mask's confidence and whether it was good; None where one has no confidence."""
    confidence = np.array([score.confidence for score in scores], np.float64)
    if not confidence.size or np.isnan(confidence).any():
        return None
    return confidence, np.array([is_good(score.dice) for score in scores], bool)
