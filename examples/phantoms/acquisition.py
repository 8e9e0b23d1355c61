"""From echo strength to a picture: attenuation, speckle, noise, log compression."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from phantoms.fields import Field, smooth_curve, smooth_noise, soft_step

Picture = NDArray[np.uint8]
"""(rows, columns) uint8, 0 black to 255 white."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionSettings:
    """How the scanner was set and held."""

    axial_px: float
    """Sigma of the point-spread function along the beam."""
    lateral_px: float
    """Sigma across the beam at the surface."""
    widening: float
    """How many times wider the beam is at the bottom."""
    looks: int
    """Views averaged by spatial compounding; each smooths the speckle."""
    dynamic_range_db: float
    gain_db: float
    fade_db: float
    """Attenuation that the time-gain compensation left over at the bottom."""
    contact_db: float
    """Spread of shadows from poor contact and ligaments, at the bottom."""
    noise_db: float
    """Electronic noise at the surface; amplified with depth as the echoes are."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """A scanner with its dials somewhere sensible."""
        return cls(
            axial_px=rng.uniform(0.8, 1.15),
            lateral_px=rng.uniform(1.0, 1.5),
            widening=rng.uniform(1.4, 2.2),
            looks=int(rng.integers(3, 7)),
            dynamic_range_db=rng.uniform(50, 60),
            gain_db=rng.normal(0, 2.5),
            fade_db=rng.uniform(3, 20),
            contact_db=rng.uniform(1, 6),
            noise_db=rng.uniform(-68, -60),
        )


def attenuation(
    shape: tuple[int, int], settings: AcquisitionSettings, rng: np.random.Generator
) -> Field:
    """(rows, columns) dB by which echoes are off after an imperfect time-gain compensation."""
    rows, columns = shape
    depth = np.linspace(0, 1, rows)[:, None]
    sliders_db = 1.5 * smooth_curve(rows, 0.14 * rows, rng)[:, None]
    fade_db = -settings.fade_db * depth ** rng.uniform(1.2, 2.5)
    shadows = np.clip(smooth_curve(columns, rng.uniform(0.02, 0.06) * columns, rng), -3, 0.5)
    onset = soft_step(depth - rng.uniform(0.15, 0.5), 0.08)
    # Tissue does not attenuate evenly, so broad patches come out darker than others.
    patches_db = 2.0 * depth * smooth_noise(shape, (0.2 * rows, 0.15 * columns), rng)
    veil_db = settings.contact_db * shadows[None, :] * onset
    return sliders_db + fade_db + patches_db + ndimage.gaussian_filter(veil_db, (0, 3))


def picture(echo_db: Field, settings: AcquisitionSettings, rng: np.random.Generator) -> Picture:
    """What the screen shows of `echo_db` (rows, columns, in dB with 0 drawn white)."""
    rows = echo_db.shape[0]
    amplitude = 10 ** (echo_db / 20)
    depth = np.linspace(0, 1, rows)[:, None]
    floor = 10 ** ((settings.noise_db + 9 * depth) / 20)
    power = np.zeros_like(echo_db)
    for _ in range(settings.looks):
        echoes = _beam(amplitude * _scatterers(echo_db.shape, rng), settings)
        # The receiver filters its noise too, but no beam has formed it.
        noise = ndimage.gaussian_filter(_scatterers(echo_db.shape, rng), (0.7, 0.7))
        power += np.abs(echoes) ** 2 + np.abs(2.5 * floor * noise) ** 2
    level_db = 10 * np.log10(power / settings.looks + 1e-12) + settings.gain_db
    grey = 255 * (1 + level_db / settings.dynamic_range_db)
    return np.clip(ndimage.gaussian_filter(grey, 0.45), 0, 255).round().astype(np.uint8)


def _scatterers(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.complex128]:
    """(rows, columns) complex Gaussian of power 1: many scatterers a cell, fully developed."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def _beam(
    scattered: NDArray[np.complex128], settings: AcquisitionSettings
) -> NDArray[np.complex128]:
    """`scattered` blurred by a point-spread function that widens with depth; power is kept.

    Three blurs are blended by depth, which is much quicker than a kernel a row.
    """
    rows = scattered.shape[0]
    knots = np.linspace(0, rows - 1, 3)
    result = np.zeros_like(scattered)
    for index, knot in enumerate(knots):
        lateral_px = settings.lateral_px * (1 + (settings.widening - 1) * knot / (rows - 1))
        weight = np.interp(np.arange(rows), knots, np.eye(3)[index])[:, None]
        # A unit-sum blur of white noise keeps 1 / (4 pi sigma sigma) of its power.
        kept = np.sqrt(4 * np.pi * settings.axial_px * lateral_px)
        blurred = ndimage.gaussian_filter(scattered, (settings.axial_px, lateral_px))
        result += weight * kept * blurred
    return result
