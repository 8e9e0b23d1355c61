"""A network's map of one scan to what is said of it: mask, lesions, how far to trust it."""

from dataclasses import dataclass

from busicli.imaging.arrays import Box
from busicli.imaging.confidence import confidence
from busicli.imaging.measure import lesions
from busicli.imaging.millimetres import in_millimetres
from busicli.imaging.postprocess import lesion_mask
from busicli.imaging.preprocess import native_probability
from busicli.settings import PreprocessSettings, TunedSettings
from busicli.types import Lesion, LesionMm, Mask, Probability, Scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """What is said of one frame, at the scan's own size."""

    probability: Probability
    """(rows, columns)."""
    mask: Mask
    """(rows, columns)."""
    lesions: tuple[tuple[Lesion, LesionMm | None], ...]
    """Each lesion of the mask, largest first, in pixels and where possible in millimetres."""
    confidence: float | None
    """That the mask is good, in [0, 1]; None where the weights do not say."""


def segmentation_from_map(
    probability: Probability,
    shape: tuple[int, int],
    settings: tuple[PreprocessSettings, TunedSettings],
    scale: Scale,
    box: Box | None = None,
) -> Segmentation:
    """What the (size, size) map of a scan of `shape` (rows, columns) says.

    `box` is the part of the scan that the map is of, None for the whole; outside it is no lesion.

    `settings` are the weights' own: how the scan was made to fit, how masks are made and trusted.
    """
    preprocess, tuned = settings
    native = native_probability(probability, shape, preprocess, box)
    mask = lesion_mask(native, tuned.postprocess)
    trusted = None
    if tuned.confidence is not None:
        small = lesion_mask(probability, tuned.postprocess)
        trusted = confidence(probability, small, tuned.confidence)
    measured = tuple((lesion, in_millimetres(lesion, scale)) for lesion in lesions(mask, native))
    return Segmentation(probability=native, mask=mask, lesions=measured, confidence=trusted)
