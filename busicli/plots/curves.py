"""Curves over epochs, at the width of a printed column."""

from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from busicli.plots.drawing import (
    BLUE,
    COLUMN_IN,
    VERMILION,
    Plot,
    legend_below,
    new_figure,
    plain_axis,
    render,
)


def curve_plot(
    title: str, label: str, epochs: Sequence[int], curves: Mapping[str, Sequence[float]]
) -> Plot:
    """Named curves over epochs, the first two in blue (training) and vermilion (validation)."""
    figure = new_figure(2.6, COLUMN_IN)
    axis = figure.subplots()
    plain_axis(axis, title, "epoch", label)
    styles = zip((BLUE, VERMILION), ("-", "--"), ("o", "s"), strict=True)
    for (name, values), (colour, line, marker) in zip(curves.items(), styles, strict=False):
        few = marker if len(values) < 30 else None
        axis.plot(epochs, values, color=colour, ls=line, lw=1.2, marker=few, ms=3, label=name)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(axis)
    return render(figure)
