"""Components and holes of masks. Arrays only."""

import numpy as np
from skimage.measure import label

from busicli.imaging.arrays import bounding_box
from busicli.types import Mask


def component_count(mask: Mask) -> int:
    """How many 8-connected components a (rows, columns) bool mask has."""
    box = bounding_box(mask)
    return 0 if box is None else int(label(mask[box], connectivity=2).max())


def fill_holes(
    mask: Mask, components: int, *, map_px: int = 1, max_fraction: float = np.inf
) -> Mask:
    """The mask with its enclosed background of at most `max_fraction * map_px` pixels filled.

    A hole is 4-connected background that does not reach the border of the (rows, columns) mask.
    `components` is how many 8-connected components the mask has. A mask without holes is returned
    as it is. scikit-image's `remove_small_holes` would also fill what reaches the border.

    >>> ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    >>> fill_holes(ring, 1).all()
    np.True_
    """
    if components == euler_number(mask):
        return mask
    background = label(np.pad(~mask, 1, constant_values=True), connectivity=1)
    small = np.bincount(background.ravel()) / map_px <= max_fraction
    small[0] = True
    small[background[0, 0]] = False
    filled: Mask = small[background[1:-1, 1:-1]]
    return filled


def euler_number(mask: Mask) -> int:
    """How many 8-connected components a (rows, columns) bool mask has, less its holes.

    Corners less sides plus squares of the area that its pixels cover: a fraction of the time that
    labelling takes. Gray (1971), doi:10.1109/T-C.1971.223289.

    >>> euler_number(np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1]], bool))
    0
    """
    framed = np.pad(mask, 1)
    rows, columns = framed[:-1] | framed[1:], framed[:, :-1] | framed[:, 1:]
    corners = rows[:, :-1] | rows[:, 1:]
    sides = int(np.count_nonzero(rows)) + int(np.count_nonzero(columns))
    return int(np.count_nonzero(corners)) - sides + int(np.count_nonzero(mask))
