"""Brightness, gain, sharpness, speckle, resolution and compression of a training scan.

`planes` is always a (channels, rows, columns) uint8 array, with one channel if the scan is grey.
Inputs are not changed.
"""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from busicli.imaging.augment_params import AugmentationParams

Planes = NDArray[np.uint8]
_Filter = Pillow.Resampling
_SHRINK = (_Filter.BOX, _Filter.BILINEAR, _Filter.BICUBIC, _Filter.NEAREST)
_ENLARGE = (_Filter.BILINEAR, _Filter.BICUBIC, _Filter.BILINEAR, _Filter.NEAREST)
"""One of each is drawn at random; bilinear interpolation is the most common."""
_LOG_EXPONENTIAL_MEAN = -0.5772
_LOG_EXPONENTIAL_STD = 1.2825
"""Mean and standard deviation of the logarithm of an exponential variable: minus Euler's constant,
pi / sqrt(6).
"""


def changed_tone(planes: Planes, params: AugmentationParams, seed: int) -> Planes:
    """Gamma, contrast, brightness, gain, blur and speckle. Black stays black."""
    grey = np.arange(256, dtype=np.float32) / 255
    curve = grey**params.gamma
    curve = np.clip((curve - 0.5) * params.contrast + 0.5 + params.brightness, 0, 1)
    curve[0] = 0
    values = np.take(curve, planes)
    rng = np.random.default_rng((seed, 1))
    shape = (planes.shape[1], planes.shape[2])
    if params.gain_field or params.depth_gain:
        values *= _gain(shape, params, rng)
    if params.blur_px > 0.2:
        values = ndimage.gaussian_filter(values, (0, params.blur_px, params.blur_px), truncate=2)
    if params.speckle_std > 0.02:
        speckle = np.float32(params.speckle_std) * _speckle(shape, params, rng)
        # log-compressed speckle is as strong in dark tissue as in bright, except in black
        values += speckle * (np.minimum(values, 0.25) if params.rayleigh else values)
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _gain(
    shape: tuple[int, int], params: AugmentationParams, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A factor per pixel: a field smooth over a quarter of the scan, times a curve over depth."""
    local, depth = np.log1p(params.gain_field), np.log1p(params.depth_gain)
    factors: NDArray[np.float32] = np.exp(
        _smooth((4, 4), shape, local, rng) + _smooth((5, 1), (shape[0], 1), depth, rng)
    )
    return factors


def _smooth(
    points: tuple[int, int], shape: tuple[int, int], bound: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A smooth field within -bound and bound through `points` random values."""
    field = _enlarged(rng.uniform(-bound, bound, points).astype(np.float32), shape)
    return np.clip(field, -bound, bound)  # bicubic interpolation overshoots


def _speckle(
    shape: tuple[int, int], params: AugmentationParams, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Noise of mean 0 and of standard deviation 1 before its grains are enlarged."""
    grains = tuple(
        max(1, round(side / size)) for side, size in zip(shape, params.speckle_size_px, strict=True)
    )
    if not params.rayleigh:
        return _enlarged(rng.standard_normal(grains, dtype=np.float32), shape)
    intensity = rng.standard_exponential(grains, dtype=np.float32) + np.float32(1e-3)
    noise = (np.log(intensity) - np.float32(_LOG_EXPONENTIAL_MEAN)) / np.float32(
        _LOG_EXPONENTIAL_STD
    )
    return _enlarged(noise, shape)


def _enlarged(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    if plane.shape == shape:
        return plane
    size = shape[1], shape[0]
    return np.asarray(Pillow.fromarray(plane).resize(size, _Filter.BICUBIC))


def lower_resolution(planes: Planes, factor: float, seed: int) -> Planes:
    """Shrunk by a factor of at least 1 and enlarged again, each with a random kernel."""
    _, rows, columns = planes.shape
    small = max(1, round(columns / factor)), max(1, round(rows / factor))
    shrink, enlarge = np.random.default_rng((seed, 2)).integers(4, size=2)
    return np.stack(
        [
            np.asarray(
                Pillow.fromarray(plane)
                .resize(small, _SHRINK[shrink])
                .resize((columns, rows), _ENLARGE[enlarge])
            )
            for plane in planes
        ]
    )


def jpeg_compressed(planes: Planes, quality: int) -> Planes:
    """One or three channels after JPEG compression at a quality from 1 to 95."""
    image = Pillow.fromarray(planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, 2))
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    values = np.asarray(Pillow.open(file))
    return values[None] if values.ndim == 2 else np.moveaxis(values, 2, 0)
