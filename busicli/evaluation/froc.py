"""Lesions found against false ones a scan, over thresholds of a component's certainty."""

from collections.abc import Sequence

import numpy as np

from busicli.evaluation.records import FrocPoint
from busicli.imaging.detection import References, components_of, detections
from busicli.types import Mask, Probability

BASE_THRESHOLD = 0.3
"""Of pixels: components are measured once, at this threshold, and dropped by their mean."""
MIN_AREA = 0.0005
"""Share of the map below which a component does not count."""
THRESHOLDS = (*np.linspace(0.3, 0.9, 13), *np.linspace(0.91, 0.99, 9))


def froc_curve(maps: Sequence[Probability], masks: Sequence[Mask]) -> tuple[FrocPoint, ...]:
    """The curve over (rows, columns) maps and their references, at the network's size.

    Empty without a lesion. Chakraborty (1989), Medical Physics 16(4).
    """
    references = References.of(masks)
    if not references.lesion_px.size:
        return ()
    measured = components_of(maps, references, BASE_THRESHOLD, max_hole=1.0)
    points = []
    for threshold in THRESHOLDS:
        large = measured.share >= MIN_AREA
        kept = large & (measured.mean_probability >= threshold)
        # a component inside the hole of a kept one is part of it
        kept &= ~((measured.parent >= 0) & kept[measured.parent]) if kept.size else kept
        seen = detections(measured, references, kept)
        points.append(
            FrocPoint(
                threshold=round(float(threshold), 3),
                found=float(seen.found.mean()),
                false_lesions=float(seen.false.mean()),
            )
        )
    return tuple(points)
