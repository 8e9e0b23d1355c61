"""Scan to network input, and the network's map back to the scan's own size. Arrays only."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from busicli.records import Image, Mask, Probability
from busicli.settings import PreprocessSettings


def network_image(scan: Image, settings: PreprocessSettings) -> Image:
    """The scan stretched to (size, size, 3) uint8, low-pass filtered where it shrinks.

    Pillow's resampling is used: a seventh of scikit-image's time with the same filter.
    """
    size = (settings.size_px, settings.size_px)
    return np.asarray(Pillow.fromarray(scan).resize(size, Pillow.Resampling.BILINEAR))


def network_mask(mask: Mask, settings: PreprocessSettings) -> NDArray[np.uint8]:
    """The mask stretched to (size, size) uint8 of 0 and 1: lesion where half the area is."""
    size = (settings.size_px, settings.size_px)
    grey = Pillow.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return (np.asarray(grey.resize(size, Pillow.Resampling.BOX)) >= 128).astype(np.uint8)


def network_values(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stored images of any shape as float32 in [0, 1]."""
    return images.astype(np.float32) * np.float32(1 / 255)


def native_probability(probability: Probability, shape: tuple[int, int]) -> Probability:
    """A (size, size) probability map at the scan's own (rows, columns), bilinear."""
    picture = Pillow.fromarray(np.ascontiguousarray(probability, np.float32))
    resized = picture.resize((shape[1], shape[0]), Pillow.Resampling.BILINEAR)
    native: Probability = np.clip(np.asarray(resized), 0.0, 1.0)
    return native
