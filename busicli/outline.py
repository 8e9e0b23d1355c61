"""The line around a lesion, for people to look at. Arrays only."""

import numpy as np
from scipy.ndimage import binary_dilation

from busicli.records import Mask

PIXELS_A_LINE = 250
"""The line is one pixel wide for every so many pixels of the scan's longer side."""


def outline(mask: Mask) -> Mask:
    """The (rows, columns) bool line just outside the mask, so that it hides no lesion pixel.

    Empty for an empty mask. Thicker on larger scans, so that it can be seen.

    >>> outline(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], bool)).astype(int)
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    line = np.zeros_like(mask)
    if not mask.any():
        return line
    width = max(1, round(max(mask.shape) / PIXELS_A_LINE))
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    window = (
        slice(max(0, rows[0] - width), rows[-1] + 1 + width),
        slice(max(0, columns[0] - width), columns[-1] + 1 + width),
    )
    line[window] = binary_dilation(mask[window], iterations=width) & ~mask[window]
    return line
