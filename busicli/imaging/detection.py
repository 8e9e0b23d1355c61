"""Lesions found and false ones, for many settings of post-processing at once. Arrays only.

The components of every map are measured once a threshold. What a setting keeps of them then
follows from their measures, without a mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from skimage.measure import label

from busicli.imaging.arrays import bounding_box
from busicli.imaging.postprocess import component_scores
from busicli.imaging.topology import euler_number, fill_holes
from busicli.settings import PostprocessSettings
from busicli.types import Mask, Probability

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FOUND_SHARE = 10
"""A lesion is found where at least one in so many of its pixels is covered; a predicted component
is false where fewer than one in so many of its pixels lie on the reference."""
SMALLEST = 0.0002
"""Share of the map below which a component is not measured: no setting tried keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """The lesions of N reference masks, (L,) each."""

    labels: tuple[NDArray[np.integer], ...]
    """Each mask's 8-connected components, numbered from 1."""
    area_px: Ints
    """Lesion pixels of each scan, (N,)."""
    lesion_scan: Ints
    lesion_px: Ints

    @classmethod
    def of(cls, masks: Sequence[Mask]) -> "References":
        """Of (rows, columns) boolean masks."""
        labels = tuple(label(mask, connectivity=2) for mask in masks)
        areas = [np.bincount(each.ravel())[1:] for each in labels]
        scans = np.repeat(np.arange(len(areas)), [each.size for each in areas])
        return cls(
            labels=labels,
            area_px=np.array([each.sum() for each in areas], np.int64),
            lesion_scan=scans.astype(np.int64),
            lesion_px=np.concatenate([*areas, np.zeros(0, int)]).astype(np.int64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The components of N maps at one threshold, (C,) each."""

    scan: Ints
    share: Floats
    """Of the map."""
    score: Floats
    """As `lesion_mask` ranks them."""
    mean_probability: Floats
    filled_px: Ints
    """With its holes filled."""
    hit_px: Ints
    """Of these, pixels on the reference."""
    parent: Ints
    """The component whose filled hole it lies in; -1 for none."""
    pairs: Ints
    """(P, 3): component, lesion, common pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """What some components find."""

    dice: Floats
    """(N,); NaN where mask and reference are empty."""
    found: NDArray[np.bool_]
    """(L,) for each lesion of the references."""
    false: Ints
    """(N,) false components."""


def components_of(
    maps: Sequence[Probability], references: References, threshold: float, max_hole: float
) -> Components:
    """Measure the components at or above a threshold, holes of up to `max_hole` of the map filled.

    `maps` are (rows, columns), at least 1 x 1, one a reference mask. Components below 0.02 % of the
    map are left out.
    """
    first = np.searchsorted(references.lesion_scan, np.arange(len(maps)))
    tables, pairs, count = [], [np.zeros((0, 3), np.int64)], 0
    for scan, probability in enumerate(maps):
        table, own = _measure(probability, references.labels[scan], threshold, max_hole)
        table[:, 0] = scan
        table[:, 6] = np.where(table[:, 6] < 0, -1, table[:, 6] + count)
        own[:, 0] += count
        own[:, 1] += first[scan]
        tables.append(table)
        pairs.append(own)
        count += len(table)
    columns = np.concatenate([*tables, np.zeros((0, 7))]).T
    scans, share, score, mean, filled, hit, parent = columns
    return Components(
        scan=scans.astype(np.int64),
        share=share,
        score=score,
        mean_probability=mean,
        filled_px=filled.astype(np.int64),
        hit_px=hit.astype(np.int64),
        parent=parent.astype(np.int64),
        pairs=np.concatenate(pairs),
    )


def kept_components(
    found: Components, presence: Floats, settings: PostprocessSettings
) -> NDArray[np.bool_]:
    """(C,) which components `lesion_mask` would keep; `presence` is that of each map, (N,)."""
    kept = found.share >= settings.min_area_fraction
    best = np.zeros(len(presence))
    np.maximum.at(best, found.scan, found.score * kept)
    kept &= found.score >= settings.min_share_of_best * best[found.scan]
    if settings.min_presence:
        kept &= presence[found.scan] >= settings.min_presence
    inside = (found.parent >= 0) & kept[found.parent] if kept.size else kept
    kept_outside: NDArray[np.bool_] = kept & ~inside
    return kept_outside


def detections(found: Components, references: References, kept: NDArray[np.bool_]) -> Detections:
    """Dice of each scan, lesions found and false components, where (C,) components are kept."""
    count = len(references.labels)
    predicted = np.bincount(found.scan, found.filled_px * kept, count)
    hit = np.bincount(found.scan, found.hit_px * kept, count)
    whole = predicted + references.area_px
    with np.errstate(invalid="ignore"):
        dice = np.where(whole > 0, 2 * hit / whole, np.nan)
    component, lesion, pixels = found.pairs.T
    covered = np.bincount(lesion, pixels * kept[component], references.lesion_px.size)
    false = kept & (FOUND_SHARE * found.hit_px < found.filled_px)
    return Detections(
        dice=dice,
        found=FOUND_SHARE * covered >= references.lesion_px,
        false=np.bincount(found.scan, false, count).astype(np.int64),
    )


def _measure(
    probability: Probability, lesions: NDArray[np.integer], threshold: float, max_hole: float
) -> tuple[Floats, Ints]:
    """A row a component: (scan), share, score, mean, filled, hit, parent; and its pairs."""
    mask = probability >= threshold
    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, 7)), np.zeros((0, 3), np.int64)
    numbers = label(mask[box], connectivity=2)
    areas = np.bincount(numbers.ravel())
    means = np.bincount(numbers.ravel(), probability[box].ravel()) / np.maximum(areas, 1)
    scores = component_scores(areas, means)
    large = [n for n in range(1, areas.size) if areas[n] / mask.size >= SMALLEST]
    place = {number: row for row, number in enumerate(large)}
    table, pairs = np.zeros((len(large), 7)), []
    table[:, 6] = -1
    has_holes = euler_number(mask[box]) != areas.size - 1
    boxes, inside = find_objects(numbers), lesions[box]
    for row, number in enumerate(large):
        part = boxes[number - 1]
        own = numbers[part] == number
        if has_holes:
            own = fill_holes(own, 1, map_px=mask.size, max_fraction=max_hole)
            for nested in np.unique(numbers[part][own]):
                if nested != number and nested in place:
                    table[place[nested], 6] = row
        common = np.bincount(inside[part][own])
        common[0] = 0
        table[row, 1:6] = (
            *(areas[number] / mask.size, scores[number], means[number]),
            *(np.count_nonzero(own), common.sum()),
        )
        pairs += [(row, lesion - 1, common[lesion]) for lesion in np.flatnonzero(common)]
    return table, np.array(pairs, np.int64).reshape(-1, 3)
