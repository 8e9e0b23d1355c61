"""Small scans with one lesion, and settings that change nothing."""

from dataclasses import fields

import numpy as np

from busicli.imaging.augment import AugmentationParams
from busicli.settings import AugmentSettings

SIZE = 48
NOTHING = AugmentationParams()
FROM_ONE = ("speckle_size_px", "speckle_aspect", "low_res_factor")
OFF = AugmentSettings(
    **{f.name: f.name in FROM_ONE for f in fields(AugmentSettings)}  # 1 for these, 0 for all others
)


def bright_lesion() -> tuple[np.ndarray, np.ndarray]:
    """A dark scan whose lesion, off the middle and not square, is bright."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[10:22, 20:40] = 1
    return np.repeat(40 + 180 * mask[..., None], 3, axis=2), mask


def extent(mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
