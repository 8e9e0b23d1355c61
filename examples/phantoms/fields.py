"""Random fields that tissue and lesions are made of; every draw comes from a passed generator."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

Field = NDArray[np.float64]
"""(rows, columns) float64."""
_GRID_SIGMA = 3.0
"""Least standard deviation, in places of the grid, that noise is drawn with where it is coarse."""


def smooth_noise(
    shape: tuple[int, int], sigmas_px: tuple[float, float], rng: np.random.Generator
) -> Field:
    """Gaussian noise of mean 0 and standard deviation 1, smooth over (row, column) sigmas in px.

    Drawn with a rim that is cut away, so that nothing mirrors at the picture's border, and where it
    is smooth on a grid as much coarser, then grown: a quarter of the time for a whole phantom.
    """
    steps = [max(1, int(sigma / _GRID_SIGMA)) for sigma in sigmas_px]
    sigmas = [sigma / step for sigma, step in zip(sigmas_px, steps, strict=True)]
    rows, columns = (-(-size // step) + 1 for size, step in zip(shape, steps, strict=True))
    row_rim, column_rim = (int(np.ceil(2 * sigma)) for sigma in sigmas)
    drawn = rng.standard_normal((rows + 2 * row_rim, columns + 2 * column_rim), np.float32)
    noise = ndimage.gaussian_filter(drawn, sigmas, truncate=3.0)
    # The theoretical spread, not the measured one: a field much smoother than the picture would
    # otherwise be stretched until its one slope looked like a feature.
    spread = np.prod([1 / np.sqrt(2 * sigma * np.sqrt(np.pi)) for sigma in sigmas])
    inner = noise[row_rim : row_rim + rows, column_rim : column_rim + columns]
    grown = Pillow.fromarray(np.ascontiguousarray(inner)).resize(
        (columns * steps[1], rows * steps[0]), Pillow.Resampling.BICUBIC
    )
    return np.asarray(grown, np.float64)[: shape[0], : shape[1]] / spread


def smooth_curve(length: int, sigma_px: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(length,) Gaussian noise of mean 0 and standard deviation 1, smooth over `sigma_px`."""
    rim = int(np.ceil(2 * sigma_px))
    noise = rng.standard_normal(length + 2 * rim)
    smooth = ndimage.gaussian_filter1d(noise, sigma_px, truncate=3.0)
    return smooth[rim : rim + length] * np.sqrt(2 * sigma_px * np.sqrt(np.pi))


def follow(field: Field, depth_px: Field) -> Field:
    """`field` bent so that its row r lies where `depth_px` equals r: texture follows the layers."""
    columns = np.broadcast_to(np.arange(field.shape[1]), field.shape)
    return ndimage.map_coordinates(field, [depth_px, columns], order=1, mode="reflect")


def contour_lines(field: Field, width_px: float) -> Field:
    """Lines in [0, 1] of even thickness along the zero level of `field`: septa and ligaments."""
    slope = np.hypot(*np.gradient(field))
    return np.exp(-((field / (slope + 1e-6) / width_px) ** 2))


def facing(field: Field) -> Field:
    """Share in [0, 1] of the beam that each contour of `field` sends back: 1 where it lies flat."""
    down, across = np.gradient(field)
    return np.abs(down) / (np.hypot(down, across) + 1e-6)


def above(field: Field, threshold: float) -> Field:
    """How far `field` exceeds `threshold`, 0 elsewhere: turns noise into separate flecks."""
    return np.clip(field - threshold, 0.0, None)


def soft_step(distance_px: Field, softness_px: float) -> Field:
    """0 far below zero, 1 far above, over about four times `softness_px`."""
    return 1 / (1 + np.exp(-np.clip(distance_px / softness_px, -30, 30)))
