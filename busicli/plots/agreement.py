"""Predictions against references: confidence, malignancy, areas, pixels, missed lesions."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from busicli.imaging.agreement import AreaAgreement, Calibration, PrecisionRecall
from busicli.imaging.operating_point import OperatingPoint
from busicli.plots.drawing import (
    BLUE,
    CLASS_STYLES,
    INK,
    OTHER_STYLE,
    VERMILION,
    Plot,
    legend_below,
    log_axis,
    new_figure,
    plain_axis,
    render,
    short,
)

Floats = NDArray[np.float64]

THRESHOLD = 0.5
"""Marked on a precision-recall curve: where the pooled metrics are taken."""


def calibration_plot(
    found: Calibration, confidence: Floats, good: NDArray[np.bool_], review_below: float
) -> Plot:
    """Of a confidence in masks, which go to a person below `review_below`, where it is a number."""
    titles = "Calibration of confidence", "Masks by confidence"
    kinds = {"good": confidence[good], "bad": confidence[~good]}
    return _calibration_beside_counts(
        found, kinds, titles, "confidence", ("share of good masks", "masks"), review_below
    )


def malignancy_plot(found: Calibration, values: Floats, malignant: NDArray[np.bool_]) -> Plot:
    """Of the probability that a lesion is malignant."""
    titles = "Calibration of malignancy", "Lesions by probability"
    kinds = {"benign": values[~malignant], "malignant": values[malignant]}
    across = "P(malignant) / (P(benign) + P(malignant))"
    return _calibration_beside_counts(
        found, kinds, titles, across, ("share of malignant lesions", "lesions")
    )


def _calibration_beside_counts(
    found: Calibration,
    kinds: Mapping[str, Floats],
    titles: tuple[str, str],
    across: str,
    up: tuple[str, str],
    review_below: float = float("nan"),
) -> Plot:
    """On the left a probability against the share that came true in bins, with 95 % intervals; on
    the right how many have which probability.
    """
    figure = new_figure(3.2)
    curve, counts = figure.subplots(1, 2)
    plain_axis(curve, titles[0], across, up[0])
    _draw_calibration(curve, found)
    plain_axis(counts, titles[1], across, up[1])
    _draw_counts(counts, kinds)
    if not np.isnan(review_below):
        counts.axvline(
            review_below,
            color=INK,
            linestyle="--",
            linewidth=1,
            label=f"review below {review_below:.2f}",
        )
    legend_below(counts)
    return render(figure)


def _draw_counts(axis: Axes, kinds: Mapping[str, Floats]) -> None:
    """How many of two kinds have which value in [0, 1], the second on top of the first."""
    axis.hist(
        [*kinds.values()],
        np.linspace(0, 1, 21).tolist(),
        stacked=True,
        color=[BLUE, VERMILION],
        edgecolor="white",
        linewidth=0.4,
        hatch=["", "////"],
        label=[*kinds],
    )


def _draw_calibration(axis: Axes, found: Calibration) -> None:
    """Probability against share in bins, each with its 95 % interval and its number of scans."""
    axis.plot((0, 1), (0, 1), color=INK, linewidth=0.8, linestyle="--", label="ideal")
    whiskers = found.good - found.low, found.high - found.good
    axis.errorbar(
        found.confidence,
        found.good,
        yerr=np.clip(whiskers, 0, None),
        color=BLUE,
        marker="o",
        markersize=4,
        linewidth=0,
        elinewidth=1.2,
        capsize=2,
        label=f"{found.scans.sum()} scans, mean distance {found.error:.3f}",
    )
    for across, top, scans in zip(found.confidence, found.high, found.scans, strict=True):
        axis.annotate(
            str(scans), (across, min(top + 0.03, 0.97)), fontsize=5, ha="center", color=INK
        )
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    legend_below(axis)


def area_plot(found: Mapping[str, AreaAgreement], whole: AreaAgreement) -> Plot:
    """Bland-Altman plot of lesion areas, by class, with the bias and limits of agreement of all."""
    figure = new_figure(3.4, 5.2)
    axis = figure.subplots()
    across, up = "mean of both areas (% of the scan)", "predicted less true area (% of their mean)"
    plain_axis(axis, "Agreement of lesion areas", across, up)
    for label, each in found.items():
        marker, colour = CLASS_STYLES.get(label, OTHER_STYLE)
        axis.scatter(
            100 * each.mean_share,
            each.difference,
            s=8,
            marker=marker,
            facecolors="none",
            edgecolors=colour,
            linewidths=0.5,
            alpha=0.7,
            label=f"{short(label)} ({each.difference.size})",
        )
    for value, line, name in (
        (whole.bias, "-", "bias"),
        (whole.low, "--", "95 % limits"),
        (whole.high, "--", ""),
    ):
        if not np.isnan(value):
            # limits of few scans may lie outside what a difference can be
            inside = min(max(value, -200), 200)
            axis.axhline(inside, color=INK, linestyle=line, linewidth=1, label=name or None)
            axis.annotate(
                f"{value:+.0f} %",
                (1.01, inside),
                xycoords=("axes fraction", "data"),
                fontsize=7,
                va="center",
            )
    axis.set_ylim(-205, 205)
    shares = 100 * whole.mean_share
    log_axis(axis, float(shares.min(initial=100)), float(shares.max(initial=0)))
    if found:
        legend_below(axis)
    return render(figure)


def precision_recall_plot(found: PrecisionRecall) -> Plot:
    """Precision against recall of pixels, with the threshold of the pooled metrics."""
    figure = new_figure(3.4, 3.8)
    axis = figure.subplots()
    plain_axis(axis, "Precision and recall of pixels", "recall", "precision")
    label = f"average precision {found.average_precision:.3f}"
    axis.plot(found.recall, found.precision, color=BLUE, linewidth=1.4, label=label)
    at = int(np.searchsorted(found.threshold, THRESHOLD))
    axis.plot(
        found.recall[at : at + 1],
        found.precision[at : at + 1],
        "D",
        color=VERMILION,
        markersize=5,
        label=f"threshold {THRESHOLD:g}",
    )
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    legend_below(axis)
    return render(figure)


def trade_off_plot(points: Sequence[OperatingPoint]) -> Plot:
    """Share of scans with a lesion that would get no mask against share of normal scans that would,
    over thresholds on the map's presence.
    """
    figure = new_figure(3.4, 4.2)
    axis = figure.subplots()
    across, up = "normal scans with a false mask (%)", "lesions without a mask (%)"
    plain_axis(axis, "Missed lesions against false masks", across, up)
    false = [100 * point.false_masks for point in points]
    missed = [100 * point.missed for point in points]
    marker = "o" if len(points) < 30 else None
    axis.step(false, missed, where="post", color=BLUE, marker=marker, markersize=3, linewidth=1.2)
    axis.set_xlim(-2, 102)
    axis.set_ylim(-0.02 * max(*missed, 1), 1.05 * max(*missed, 1))
    return render(figure)
