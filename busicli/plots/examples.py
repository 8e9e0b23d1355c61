"""A few scans beside their masks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from busicli.plots.drawing import Plot, new_figure, render

Example = tuple[str, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
"""Caption, (rows, columns, 3) scan, (rows, columns) reference mask and predicted mask of 0 and
1."""


def examples_plot(rows: Sequence[Example]) -> Plot:
    """One row an example: its caption, scan, reference mask and predicted mask."""
    figure = new_figure(2.35 * len(rows), 7, dpi=100)
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for row, (caption, image, reference, predicted) in enumerate(rows):
        axes[row, 0].imshow(image)
        axes[row, 0].set_ylabel(caption, fontsize=8, parse_math=False)
        axes[row, 1].imshow(reference, cmap="gray", vmin=0, vmax=1)
        axes[row, 2].imshow(predicted, cmap="gray", vmin=0, vmax=1)
    for axis, title in zip(axes[0], ("scan", "reference mask", "predicted mask"), strict=True):
        axis.set_title(title)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    return render(figure)
