"""Dice by class and by lesion size."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from busicli.imaging.bootstrap import Interval
from busicli.plots.drawing import (
    CLASS_STYLES,
    INK,
    OTHER_STYLE,
    Plot,
    legend_below,
    log_axis,
    new_figure,
    plain_axis,
    render,
    short,
)

Floats = NDArray[np.float64]


def dice_plot(
    kinds: Mapping[str, tuple[Floats, Interval]],
    by_class: Mapping[str, tuple[Floats, Floats]],
    sizes: Sequence[tuple[float, float, float]],
) -> Plot:
    """Dice of scans with a lesion; without one both parts are empty.

    On the left the (scans,) Dice of each kind as a box from the lower to the upper quartile with
    the median, whiskers from the 5th to the 95th percentile, and the mean with its interval. On the
    right every scan by class, (scans,) lesion's share of the scan and (scans,) Dice, and `sizes`:
    lower and upper share of each class of size and its mean Dice.
    """
    figure = new_figure(3.2)
    boxes, scatter = figure.subplots(1, 2)
    _draw_boxes(boxes, kinds)
    _draw_scatter(scatter, by_class, sizes)
    return render(figure)


def _draw_boxes(axis: Axes, kinds: Mapping[str, tuple[Floats, Interval]]) -> None:
    plain_axis(axis, "Dice by kind of scan", "", "Dice")
    filled = {name: both for name, both in kinds.items() if both[0].size}
    if filled:
        axis.boxplot(
            [dice for dice, _ in filled.values()],
            whis=(5, 95),
            showfliers=False,
            widths=0.5,
            medianprops={"color": INK},
            boxprops={"color": "#777777"},
            whiskerprops={"color": "#777777"},
            capprops={"color": "#777777"},
        )
    for position, (_, mean) in enumerate(filled.values(), 1):
        axis.plot((position, position), (mean.low, mean.high), color=INK, linewidth=2.5)
        name = "mean and its 95 % interval" if position == 1 else None
        axis.plot((position,), (mean.mean,), "D", color=INK, markersize=4, label=name)
    labels = [f"{short(name)}\n({dice.size})" for name, (dice, _) in filled.items()]
    axis.set_xticks(range(1, len(filled) + 1), labels, parse_math=False)
    if len(filled) > 3:
        axis.tick_params(axis="x", labelsize=6, rotation=20)
    axis.set_ylim(-0.02, 1.02)
    if filled:
        legend_below(axis)


def _draw_scatter(
    axis: Axes,
    by_class: Mapping[str, tuple[Floats, Floats]],
    sizes: Sequence[tuple[float, float, float]],
) -> None:
    plain_axis(axis, "Dice by lesion size", "lesion's share of the scan (%)", "Dice")
    for label, (share, dice) in by_class.items():
        marker, colour = CLASS_STYLES.get(label, OTHER_STYLE)
        axis.scatter(
            100 * share,
            dice,
            s=7,
            marker=marker,
            facecolors="none",
            edgecolors=colour,
            linewidths=0.5,
            alpha=0.6,
            label=short(label),
        )
    for number, (low, high, mean) in enumerate(sizes):
        name = None if number else "mean of a size"
        axis.plot((100 * low, 100 * high), (mean, mean), color=INK, linewidth=2, label=name)
    axis.set_ylim(-0.02, 1.02)
    shares = [100 * share for share, _ in by_class.values()]
    smallest = min((float(own.min(initial=100)) for own in shares), default=100)
    log_axis(axis, smallest, max((float(own.max(initial=0)) for own in shares), default=0))
    if by_class:
        legend_below(axis)
