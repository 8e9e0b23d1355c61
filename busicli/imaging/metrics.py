"""How a predicted mask compares with its reference. Arrays only.

NaN means undefined, never zero: callers say how many scans an average leaves out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree
from scipy.stats import mannwhitneyu
from skimage.measure import label as components_of

from busicli.errors import InputError
from busicli.types import ImageScore, Mask

SMOOTHING = 1.0
"""Added above and below in the pooled Dice coefficient, as the baseline notebook does."""
GOOD_DICE = 0.7
"""A mask of lower Dice should be looked at by a person."""
SPECK = 1e-4
"""Share of the scan below which a part of the reference is a slip of drawing and no lesion, unless
it is the largest: BUSI's masks hold 20 parts of at most 8 pixels (0.003 %), then none below 569
(0.2 %); BUS-BRA's and BrEaST's none below 528."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelCounts:
    """Pooled sums over pixels, from which the literature's six metrics follow."""

    true_positive: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    true_negative: float = 0.0
    soft_intersection: float = 0.0
    """Sum of probability times reference."""
    soft_sum: float = 0.0
    """Sum of probability plus sum of reference."""


def dice(predicted: Mask, reference: Mask) -> float:
    """Overlap 2|A and B| / (|A| + |B|) of two boolean (rows, columns) masks of one shape.

    NaN where both are empty: a normal scan has no lesion to overlap.
    Raises InputError where the shapes differ or a mask is not boolean.
    Dice (1945), Ecology 26(3).

    >>> dice(np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool))
    0.5
    """
    _check_masks(predicted, reference)
    return _ratio(2 * _area(predicted & reference), _area(predicted) + _area(reference))


def is_good(dice: float) -> bool:
    """Whether a mask of that Dice needs no correction: 0.7 or more, or NaN, rightly empty."""
    return bool(np.isnan(dice) or dice >= GOOD_DICE)


def iou(predicted: Mask, reference: Mask) -> float:
    """Overlap |A and B| / |A or B| of two boolean (rows, columns) masks of one shape.

    NaN where both are empty. Raises InputError where the shapes differ or a mask is not boolean.
    Jaccard (1901), Bull. Soc. Vaudoise Sci. Nat. 37.

    >>> iou(np.array([[1, 1, 0]], bool), np.array([[0, 1, 1]], bool)) == 1 / 3
    True
    """
    _check_masks(predicted, reference)
    return _ratio(_area(predicted & reference), _area(predicted | reference))


def hd95(predicted: Mask, reference: Mask, spacing: tuple[float, float] = (1.0, 1.0)) -> float:
    """95th-percentile Hausdorff distance between two boolean (rows, columns) masks' borders.

    A mask's border are its pixels with a 4-neighbour outside the mask; outside the image counts
    as outside the mask. From the centre of each border pixel of one mask the distance to the
    nearest of the other is taken; the result is the larger of the two directions' 95th
    percentiles, interpolated linearly between ranks, as MONAI's HausdorffDistanceMetric gives it.
    (google-deepmind/surface-distance takes the same maximum, but weighs pieces of contour.)
    `spacing` is the distance between rows and between columns; the result is in its unit, pixels
    by default. NaN unless both masks hold a lesion. Raises InputError where the shapes differ, a
    mask is not boolean or a spacing is not above 0. Huttenlocher et al. (1993), IEEE TPAMI 15(9).

    >>> hd95(np.array([[1, 0, 0, 0]], bool), np.array([[0, 0, 0, 1]], bool), spacing=(1.0, 0.5))
    1.5
    """
    _check_masks(predicted, reference)
    _check_spacing(spacing)
    if not (predicted.any() and reference.any()):
        return float("nan")
    ours, theirs = _border_points(predicted, spacing), _border_points(reference, spacing)
    return max(_directed_percentile(ours, theirs), _directed_percentile(theirs, ours))


def lesion_coverage(
    predicted: Mask, reference: Mask
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels of each lesion of the reference, and how many of them are covered, (lesions,) each.

    Lesions are 8-connected components, specks among them. Swapped, the same of the prediction's
    components. Raises InputError where the shapes differ or a mask is not boolean.

    >>> lesion_coverage(np.array([[1, 0, 0, 0]], bool), np.array([[1, 1, 0, 1]], bool))
    (array([2, 1]), array([1, 0]))
    """
    _check_masks(predicted, reference)
    components = components_of(reference, connectivity=2)
    areas = np.bincount(components.ravel())[1:]
    return areas, np.bincount(components[predicted], minlength=areas.size + 1)[1:]


def image_score(
    predicted: Mask,
    reference: Mask,
    *,
    case: str,
    dataset: str,
    label: str,
    group: int,
) -> ImageScore:
    """All of one scan's scores, from (rows, columns) masks at its own size, with who it is.

    Specks of the reference are counted, but are no lesions that a mask could miss. Raises
    InputError where the shapes differ or a mask is not boolean.
    """
    areas, covered = lesion_coverage(predicted, reference)
    specks = (areas < SPECK * reference.size) & (areas < areas.max(initial=0))
    areas, covered = areas[~specks], covered[~specks]
    missed = 10 * covered < areas
    predicted_px, on_reference = lesion_coverage(reference, predicted)
    return ImageScore(
        case=case,
        dataset=dataset,
        label=label,
        group=group,
        dice=dice(predicted, reference),
        iou=iou(predicted, reference),
        hd95_px=hd95(predicted, reference),
        lesions=areas.size,
        specks=_area(specks),
        missed_lesions=_area(missed),
        reference_area_px=_area(reference),
        predicted_area_px=_area(predicted),
        scan_px=reference.size,
        found_lesions_px=tuple(areas[~missed].tolist()),
        missed_lesions_px=tuple(areas[missed].tolist()),
        false_lesions=_area(10 * on_reference < predicted_px),
    )


def pixel_counts(
    probability: NDArray[np.floating], reference: NDArray[np.bool_], threshold: float = 0.5
) -> PixelCounts:
    """Sums over all pixels of (N, rows, columns) probabilities and boolean references.

    A pixel is predicted lesion at or above the threshold. Sums are taken in float64; all are 0
    where there are no pixels. Raises InputError where the shapes differ or a probability is NaN.
    """
    _check_shapes(probability, reference)
    predicted = probability >= threshold
    positive, true = _area(predicted), _area(reference)
    both = _area(predicted & reference)
    mass = float(probability.sum(dtype=np.float64))
    if np.isnan(mass):
        raise InputError(
            "the predicted probabilities hold NaN; they must lie in [0, 1]: check the weights."
        )
    return PixelCounts(
        true_positive=float(both),
        false_positive=float(positive - both),
        false_negative=float(true - both),
        true_negative=float(reference.size - positive - true + both),
        soft_intersection=float(probability.sum(dtype=np.float64, where=reference)),
        soft_sum=mass + true,
    )


def total_counts(counts: Sequence[PixelCounts]) -> PixelCounts:
    """The sums over several sums, as of scans that differ in size; all 0 for none."""
    names = [field.name for field in fields(PixelCounts)]
    return PixelCounts(**{name: sum(getattr(each, name) for each in counts) for name in names})


def pooled_scores(counts: PixelCounts) -> dict[str, float]:
    """The six metrics of the literature, pooled over pixels as the baseline notebook does.

    Dice_coef is soft, from probabilities, with 1 added above and below; Loss is 1 - Dice_coef.
    The rest are from thresholded pixels, NaN where undefined (Recall without true lesion pixels,
    Precision without predicted ones, F1_score without either). Without any pixel all are NaN.
    """
    tp, fp, fn = counts.true_positive, counts.false_positive, counts.false_negative
    pixels = tp + fp + fn + counts.true_negative
    overlap = 2 * counts.soft_intersection + SMOOTHING
    dice_coef = overlap / (counts.soft_sum + SMOOTHING) if pixels else float("nan")
    return {
        "Loss": 1 - dice_coef,
        "Dice_coef": dice_coef,
        "Recall": _ratio(tp, tp + fn),
        "Precision": _ratio(tp, tp + fp),
        "Accuracy": _ratio(tp + counts.true_negative, pixels),
        "F1_score": _ratio(2 * tp, 2 * tp + fp + fn),
    }


def roc_auc(values: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive has the higher of two (N,) values.

    Ties count half. NaN where there is no positive or nothing else. Raises InputError where the
    shapes differ. Mann and Whitney (1947), Ann. Math. Statist. 18(1).

    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    _check_shapes(values, positive)
    if positive.all() or not positive.any():
        return float("nan")
    higher, lower = values[positive], values[~positive]
    return float(mannwhitneyu(higher, lower).statistic / (higher.size * lower.size))


def _area(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _border_points(mask: Mask, spacing: tuple[float, float]) -> NDArray[np.float64]:
    """Centres of the mask's border pixels, (points, 2), in the unit of the spacing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    lesion = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    border = np.argwhere(lesion & ~binary_erosion(lesion)) + np.array([rows[0], columns[0]])
    points: NDArray[np.float64] = border * np.asarray(spacing, dtype=np.float64)
    return points


def _directed_percentile(here: NDArray[np.float64], there: NDArray[np.float64]) -> float:
    # A tree of border points takes a fifth of the time of two distance maps, to the same result.
    distances, _ = KDTree(there).query(here)
    return float(np.percentile(distances, 95))


def _check_shapes(predicted: NDArray[np.generic], reference: NDArray[np.generic]) -> None:
    if predicted.shape != reference.shape:
        raise InputError(
            f"the prediction is {predicted.shape} but the reference is {reference.shape}; "
            "resize the prediction to the reference first."
        )


def _check_masks(predicted: Mask, reference: Mask) -> None:
    """Equal shapes, and boolean: combining the bits of 1 and 254 would give a wrong score."""
    _check_shapes(predicted, reference)
    for name, mask in (("prediction", predicted), ("reference", reference)):
        if mask.dtype != np.bool_:
            raise InputError(f"the {name} is {mask.dtype}; it must be boolean: threshold it first.")


def _check_spacing(spacing: tuple[float, float]) -> None:
    if not all(0 < distance < float("inf") for distance in spacing):
        raise InputError(
            f"the spacing is {spacing}; the distance between rows and between columns must both "
            "be finite and above 0."
        )
