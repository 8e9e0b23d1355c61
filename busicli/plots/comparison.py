"""Two results on the same scans."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from busicli.imaging.bootstrap import PairedDifference
from busicli.plots.drawing import (
    CLASS_STYLES,
    INK,
    OTHER_STYLE,
    Plot,
    legend_above,
    new_figure,
    render,
    short,
)


def comparison_plot(
    names: tuple[str, str],
    points: Mapping[str, NDArray[np.float64]],
    effects: Sequence[tuple[str, PairedDifference]],
) -> Plot:
    """Two results' Dice.

    On the left every scan, by class (N, 2): the first result across, the second up, with the line
    where both are alike. On the right the mean difference with its interval and p-value, the first
    of `effects` on top. Without a scan the left says so and the right is empty.
    """
    figure = new_figure(3.5)
    scatter, forest = figure.subplots(1, 2, width_ratios=(1, 1.1))
    _draw_scans(scatter, points)
    scatter.set_xlabel(f"Dice, A: {short(names[0])}", fontsize=8, parse_math=False)
    scatter.set_ylabel(f"Dice, B: {short(names[1])}", fontsize=8, parse_math=False)
    _draw_effects(forest, effects)
    forest.set_xlabel("Dice of B less Dice of A: mean and 95 % interval", fontsize=8)
    for axis in (scatter, forest):
        axis.tick_params(labelsize=7)
    return render(figure)


def _draw_scans(axis: Axes, points: Mapping[str, NDArray[np.float64]]) -> None:
    axis.plot((0, 1), (0, 1), color=INK, linewidth=0.8)
    for label, scans in points.items():
        marker, colour = CLASS_STYLES.get(label, OTHER_STYLE)
        axis.scatter(
            scans[:, 0],
            scans[:, 1],
            s=9,
            label=f"{label} ({len(scans)})",
            marker=marker,
            facecolors="none",
            edgecolors=colour,
            linewidths=0.6,
            zorder=2,
            clip_on=False,
        )
    axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    words: dict[str, Any] = {"fontsize": 7, "color": "#555555", "transform": axis.transAxes}
    axis.text(0.03, 0.96, "B better" if points else "no scan with a lesion", va="top", **words)
    axis.text(0.97, 0.04, "A better" if points else "", ha="right", **words)
    if points:
        legend_above(axis)


def _draw_effects(axis: Axes, effects: Sequence[tuple[str, PairedDifference]]) -> None:
    axis.axvline(0, color=INK, linewidth=0.8, linestyle="--")
    for row, (_, effect) in enumerate(effects):
        axis.plot((effect.low, effect.high), (row, row), color=INK, linewidth=1.4)
        marker = "D" if row == 0 else "o"
        axis.plot((effect.difference,), (row,), color=INK, marker=marker, markersize=4)
        p = "p < 0.001" if effect.p_value < 0.001 else f"p = {effect.p_value:.3f}"
        axis.annotate(p, (1.02, row), xycoords=("axes fraction", "data"), fontsize=7, va="center")
    labels = [f"{short(name)} ({effect.scans})" for name, effect in effects]
    axis.set_yticks(range(len(effects)), labels, parse_math=False)
    axis.set_ylim(max(1, len(effects)) - 0.5, -0.5)
    axis.spines[["top", "right"]].set_visible(False)
