"""Probability map to lesion mask. Arrays only."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from busicli.errors import InputError
from busicli.imaging.arrays import bounding_box
from busicli.imaging.topology import fill_holes
from busicli.settings import PostprocessSettings
from busicli.types import Mask, Probability

Labels = NDArray[np.integer]

_CELLS = 32
"""Cells per side of a map, as in the presence term of `busicli.models.losses`."""
_SURENESS = 8
"""Power of a component's mean probability in its score; its area has power 1."""


def lesion_mask(probability: Probability, settings: PostprocessSettings) -> Mask:
    """The lesions of a (rows, columns) probability map, as a new boolean mask of that shape.

    If `presence` is below `min_presence`, the mask is empty. Otherwise pixels at or above the
    threshold form 8-connected components. Components smaller than `min_area_fraction` of the map
    are dropped, then those with less than `min_share_of_best` of the best score. Then holes of at
    most `max_hole_fraction` of the map are filled. A hole is 4-connected background that does not
    reach the map's border; a dropped component inside it is part of it.
    The mask is empty if no component is left, and for a map without pixels. The map is not changed.
    Raises InputError if the map is not two-dimensional or holds NaN.

    >>> ring = np.array([[0.9, 0.9, 0.9, 0.0],
    ...                  [0.9, 0.1, 0.9, 0.0],
    ...                  [0.9, 0.9, 0.9, 0.0]], np.float32)
    >>> lesion_mask(ring, PostprocessSettings()).astype(int)
    array([[1, 1, 1, 0],
           [1, 1, 1, 0],
           [1, 1, 1, 0]])
    """
    _check_map(probability)
    if settings.min_presence and presence(probability) < settings.min_presence:
        return np.zeros(probability.shape, bool)
    mask = probability >= settings.threshold
    box = bounding_box(mask)
    if box is None:
        return mask
    components = label(mask[box], connectivity=2)
    kept = _kept(components, probability[box], mask.size, settings)
    mask[box] = fill_holes(
        kept[components],
        int(np.count_nonzero(kept)),
        map_px=mask.size,
        max_fraction=settings.max_hole_fraction,
    )
    return mask


def native_lesion_mask(
    probability: Probability, small: Probability, settings: PostprocessSettings
) -> Mask:
    """The lesions of a map at the scan's own size, as a new boolean mask of that shape.

    As `lesion_mask`, but `min_presence` is compared with the presence of `small`, the same map at
    the network's size: thresholds are chosen there.
    """
    if settings.min_presence and presence(small) < settings.min_presence:
        return np.zeros(probability.shape, bool)
    return lesion_mask(probability, replace(settings, min_presence=0.0))


def presence(probability: Probability) -> float:
    """How certain a (rows, columns) map is that there is a lesion: the highest mean of a cell.

    A side has 32 to 63 cells, or one per pixel if it has fewer pixels: a single pixel makes a
    lesion only in small maps. 0 for a map without pixels.
    """
    if not probability.size:
        return 0.0
    rows, columns = probability.shape
    high, wide = max(1, rows // _CELLS), max(1, columns // _CELLS)
    cut = probability[: rows // high * high, : columns // wide * wide]
    # first whole rows are added: a third of the time of adding cells
    strips = cut.reshape(rows // high, high, -1).sum(axis=1, dtype=np.float64)
    cells = strips.reshape(rows // high, columns // wide, wide).sum(axis=2)
    return float(cells.max() / (high * wide))


def _check_map(probability: Probability) -> None:
    if probability.ndim != 2:
        raise InputError(
            f"the probability map has shape {probability.shape}; it must be (rows, columns): "
            "pass one channel of one scan."
        )
    # The maximum is NaN if any pixel is, and takes a quarter of the time of np.isnan on all.
    if np.isnan(probability.max(initial=0)):
        raise InputError(
            "the probability map holds NaN; it must hold probabilities in [0, 1]: "
            "check the weights and the scan."
        )


def _kept(
    components: Labels, probability: Probability, map_px: int, settings: PostprocessSettings
) -> NDArray[np.bool_]:
    """For each label, whether its component is kept; the background (label 0) never is."""
    # The quotient is exactly the fraction that a user writes; a product may round up.
    areas = np.bincount(components.ravel())
    kept = areas / map_px >= settings.min_area_fraction
    kept[0] = False
    if areas.size == 2:  # one component is the best
        return kept
    sums = np.bincount(components.ravel(), probability.ravel())
    scores = kept * component_scores(areas, sums / np.maximum(areas, 1))
    best: NDArray[np.bool_] = kept & (scores >= settings.min_share_of_best * scores.max())
    return best


def component_scores(areas: NDArray[np.integer], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """How components are ranked, (C,): area times mean probability to the eighth power."""
    scores: NDArray[np.float64] = areas * means**_SURENESS
    return scores
