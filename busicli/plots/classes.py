"""What a network says of a scan as a whole: lesions missed against false masks, malignancy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from busicli.imaging.agreement import Calibration
from busicli.imaging.operating_point import OperatingPoint
from busicli.plots.agreement import draw_calibration, draw_counts
from busicli.plots.drawing import BLUE, Plot, legend_below, new_figure, plain_axis, render


def malignancy_plot(
    found: Calibration, values: NDArray[np.float64], malignant: NDArray[np.bool_]
) -> Plot:
    """On the left the probability of malignancy against the share of malignant lesions; on the
    right how many of the (scans,) lesions have which probability.
    """
    figure = new_figure(3.2)
    curve, counts = figure.subplots(1, 2)
    across = "P(malignant) / (P(benign) + P(malignant))"
    plain_axis(curve, "Calibration of malignancy", across, "share of malignant lesions")
    draw_calibration(curve, found)
    plain_axis(counts, "Lesions by probability", across, "lesions")
    draw_counts(counts, {"benign": values[~malignant], "malignant": values[malignant]})
    legend_below(counts)
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
