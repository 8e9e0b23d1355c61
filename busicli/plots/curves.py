"""Figures over epochs."""

from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from busicli.plots.drawing import BLUE, VERMILION, Plot, new_figure, render


def curve_plot(
    title: str, label: str, epochs: Sequence[int], curves: Mapping[str, Sequence[float]]
) -> Plot:
    """Named curves over epochs, the first two in blue (training) and vermilion (validation)."""
    figure = new_figure(4, 6.4, dpi=100)
    axis = figure.subplots()
    styles = zip((BLUE, VERMILION), ("-", "--"), ("o", "s"), strict=True)
    for (name, values), (colour, line, marker) in zip(curves.items(), styles, strict=False):
        few = marker if len(values) < 30 else None
        axis.plot(epochs, values, color=colour, linestyle=line, marker=few, ms=4, label=name)
    axis.set(title=title, xlabel="epoch", ylabel=label)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    return render(figure)
