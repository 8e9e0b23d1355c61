"""Regions of tissue that a DICOM header describes. Boxes only."""

from collections.abc import Sequence

from busicli.types import View

MIN_SIDE_PX = 16
"""Rows and columns below which a region of a header is no view: an icon, or a mistake."""


def distinct(regions: Sequence[View]) -> tuple[View, ...]:
    """The regions without tiny ones and without those that lie within another.

    In order of their top left corners.

    >>> distinct([(0, 40, 30, 80), (0, 0, 30, 40), (5, 5, 25, 30), (0, 0, 30, 40), (0, 0, 4, 4)])
    ((0, 0, 30, 40), (0, 40, 30, 80))
    """
    large = {box for box in regions if min(box[2] - box[0], box[3] - box[1]) >= MIN_SIDE_PX}
    return tuple(
        sorted(box for box in large if not any(_holds(other, box) for other in large - {box}))
    )


def _holds(outer: View, inner: View) -> bool:
    starts = outer[0] <= inner[0] and outer[1] <= inner[1]
    return starts and inner[2] <= outer[2] and inner[3] <= outer[3]
