"""Figures as PNG bytes, drawn without a screen and without matplotlib's global state."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

TRAIN_COLOUR, VAL_COLOUR = "#0072B2", "#D55E00"
"""Blue and vermilion of Okabe and Ito: told apart by colour-blind eyes and in grey print."""

Example = tuple[str, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
"""Caption, (size, size, 3) scan, (size, size) true mask and predicted mask of 0 and 1."""


def curve_figure(
    title: str, label: str, epochs: Sequence[int], curves: Mapping[str, Sequence[float]]
) -> bytes:
    """Named curves over epochs, the first two in blue (training) and vermilion (validation)."""
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axis = figure.subplots()
    styles = zip((TRAIN_COLOUR, VAL_COLOUR), ("-", "--"), ("o", "s"), strict=True)
    for (name, values), (colour, line, marker) in zip(curves.items(), styles, strict=False):
        few = marker if len(values) < 30 else None
        axis.plot(epochs, values, color=colour, linestyle=line, marker=few, ms=4, label=name)
    axis.set(title=title, xlabel="epoch", ylabel=label)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    return _png(figure)


def examples_figure(rows: Sequence[Example]) -> bytes:
    """One row an example: its caption, scan, true mask and predicted mask, all of one size."""
    figure = Figure(figsize=(7, 2.35 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for row, (caption, image, truth, predicted) in enumerate(rows):
        axes[row, 0].imshow(image)
        axes[row, 0].set_ylabel(caption, fontsize=8)
        axes[row, 1].imshow(truth, cmap="gray", vmin=0, vmax=1)
        axes[row, 2].imshow(predicted, cmap="gray", vmin=0, vmax=1)
    for axis, title in zip(axes[0], ("scan", "true mask", "predicted mask"), strict=True):
        axis.set_title(title)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
