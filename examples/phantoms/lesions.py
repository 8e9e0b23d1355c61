"""Masses: their outline, their echoes, and what they do to the beam behind them."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from phantoms.fields import Field, above, facing, smooth_noise, soft_step

ANGLES = np.linspace(0, 2 * np.pi, 720, endpoint=False)
"""Directions, in radians, at which an outline's radius is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionSettings:
    """How one mass looks. Levels are in dB, lengths in px."""

    area: float
    """Fraction of the picture it covers."""
    elongation: float
    """Width over height before it is turned; below 1 is taller than wide."""
    angle_rad: float
    lobes: float
    """Spread of slow contour waves, as a fraction of the radius."""
    bumps: float
    """Spread of quick contour waves."""
    spicules: int
    """Number of sharp spikes."""
    echo_db: float
    """Level inside."""
    unevenness_db: float
    softness_px: float
    """Half width of the blurred margin."""
    halo_db: float
    """How far a broad rim stands above the surroundings; 0 for none."""
    capsule_db: float
    """Level of the thin wall where it faces the beam; -90 for none."""
    behind_db: float
    """Change behind the thickest part: above 0 enhancement, below 0 shadow."""
    edge_shadow_db: float
    calcifications: int

    @classmethod
    def draw_benign(cls, rng: np.random.Generator) -> Self:
        """A fibroadenoma, or a cyst two times in five."""
        cyst = rng.random() < 0.4
        return cls(
            area=float(np.clip(0.04 * np.exp(rng.normal(0, 0.6)), 0.008, 0.14)),
            elongation=rng.uniform(1.15, 1.6) if cyst else rng.uniform(1.3, 2.3),
            angle_rad=rng.normal(0, 0.16),
            lobes=rng.uniform(0.02, 0.05) if cyst else rng.uniform(0.03, 0.09),
            bumps=0.003,
            spicules=0,
            echo_db=rng.uniform(-66, -52) if cyst else rng.uniform(-46, -38),
            unevenness_db=rng.uniform(0.5, 1.5) if cyst else rng.uniform(1.0, 2.2),
            softness_px=rng.uniform(0.8, 2.2),
            halo_db=0.0,
            capsule_db=rng.uniform(-29, -20) if cyst else rng.uniform(-36, -24),
            behind_db=rng.uniform(5, 11) if cyst else rng.uniform(-1, 6),
            edge_shadow_db=rng.uniform(0, 7),
            calcifications=0,
        )

    @classmethod
    def draw_malignant(cls, rng: np.random.Generator) -> Self:
        """Spiculated, microlobulated or plainly irregular, one time in three each."""
        kind = rng.integers(3)
        return cls(
            area=float(np.clip(0.12 * np.exp(rng.normal(0, 0.45)), 0.03, 0.26)),
            elongation=rng.uniform(0.65, 1.6),
            angle_rad=rng.uniform(-0.8, 0.8),
            lobes=rng.uniform(0.06, 0.13),
            bumps=(0.008, 0.028, 0.018)[kind],
            spicules=int(rng.integers(5, 10)) if kind == 0 else 0,
            echo_db=rng.uniform(-47, -39),
            unevenness_db=rng.uniform(1.5, 3.2),
            softness_px=rng.uniform(3.0, 12.0),
            halo_db=rng.uniform(3, 8) if rng.random() < 0.5 else 0.0,
            capsule_db=-90.0,
            behind_db=rng.uniform(-20, -4) if rng.random() < 0.75 else rng.uniform(0, 6),
            edge_shadow_db=0.0,
            calcifications=int(rng.integers(4, 18)) if rng.random() < 0.4 else 0,
        )

    @classmethod
    def draw_fat_lobule(cls, rng: np.random.Generator) -> Self:
        """Harmless: an island of fat that looks like a mass but is none."""
        return replace(
            cls.draw_benign(rng),
            area=rng.uniform(0.01, 0.05),
            elongation=rng.uniform(1.6, 3.2),
            lobes=rng.uniform(0.1, 0.2),
            echo_db=rng.uniform(-38, -34),
            unevenness_db=rng.uniform(1.5, 3.0),
            softness_px=rng.uniform(4.0, 8.0),
            capsule_db=rng.uniform(-36, -30),
            behind_db=0.0,
            edge_shadow_db=rng.uniform(0, 3),
        )


def outline(settings: LesionSettings, rng: np.random.Generator) -> NDArray[np.float64]:
    """(720,) radius at each of `ANGLES`, scaled to an enclosed area of 1."""
    turned = ANGLES - settings.angle_rad
    tall = np.sqrt(settings.elongation)
    radius = 1 / np.hypot(np.cos(turned) / tall, np.sin(turned) * tall)
    wave = np.zeros_like(ANGLES)
    for order in range(2, 18):
        spread = settings.lobes / (order - 1) if order < 6 else settings.bumps * 9 / (order + 1)
        wave += spread * rng.standard_normal() * np.cos(order * ANGLES + rng.uniform(0, 2 * np.pi))
    for _ in range(settings.spicules):
        sharpness = np.exp(rng.uniform(3.0, 5.5))
        spike = np.exp(sharpness * (np.cos(ANGLES - rng.uniform(0, 2 * np.pi)) - 1))
        wave += min(rng.exponential(0.16), 0.5) * spike
    radius = radius * np.clip(1 + wave, 0.55, None)
    return radius / np.sqrt(np.mean(radius**2) * np.pi)


def signed_distance(
    shape: tuple[int, int], centre: tuple[float, float], radius_px: NDArray[np.float64]
) -> Field:
    """(rows, columns) distance to the outline around `centre` (row, column): below 0 inside."""
    row, column = np.indices(shape, dtype=float)
    row, column = row - centre[0], column - centre[1]
    angle = np.arctan2(row, column) % (2 * np.pi)
    reach = np.interp(angle, ANGLES, radius_px, period=2 * np.pi)
    inside = np.hypot(row, column) < reach
    outside_px = ndimage.distance_transform_edt(~inside)
    inside_px = ndimage.distance_transform_edt(inside)
    return outside_px - inside_px


def add_lesion(
    echo_db: Field, distance_px: Field, settings: LesionSettings, rng: np.random.Generator
) -> Field:
    """`echo_db` with the mass in place of the tissue; the outline lies mid-way in its margin."""
    shape = echo_db.shape
    # A margin is not blurred alike all around: sharp here, lost in the tissue there.
    vague = np.clip(1 + 0.5 * smooth_noise(shape, (14, 14), rng), 0.3, 2)
    ragged_px = settings.softness_px * 0.45 * vague * smooth_noise(shape, (2.5, 4), rng)
    inside = soft_step(-distance_px + ragged_px, settings.softness_px / 2 * vague)
    texture = smooth_noise(shape, (7, 10), rng) + 0.6 * smooth_noise(shape, (2.5, 4), rng)
    mass_db = settings.echo_db + settings.unevenness_db * texture
    mass_db = mass_db + 2 * settings.unevenness_db * above(texture, 1.3)
    rim_px = 4 + 2 * settings.softness_px
    halo = np.exp(-((np.clip(distance_px, 0, None) / rim_px) ** 2)) * (distance_px > 0)
    result = (1 - inside) * (echo_db + settings.halo_db * halo) + inside * mass_db
    return _with_calcifications(
        np.maximum(result, _capsule(distance_px, settings, rng)), distance_px, settings, rng
    )


def beam_change(distance_px: Field, settings: LesionSettings, rng: np.random.Generator) -> Field:
    """(rows, columns) dB that the mass adds to every echo: a shadow or enhancement behind it."""
    rows, columns = distance_px.shape
    inside = distance_px < 0
    path_px = np.cumsum(inside, axis=0)
    share = path_px / max(path_px.max(), 1)
    behind_px = np.cumsum(~inside & (path_px > 0), axis=0)
    change_db = settings.behind_db * share * np.exp(-behind_px / (0.9 * rows))
    if settings.edge_shadow_db:
        change_db = change_db - settings.edge_shadow_db * _edge_shadows(inside, rng)
    # The beam is wider than a column, so nothing behind a mass has a knife edge.
    return ndimage.gaussian_filter(change_db, (2.0, 0.011 * columns), mode="nearest")


def _edge_shadows(inside: NDArray[np.bool_], rng: np.random.Generator) -> Field:
    """Share in [0, 1] of the refraction shadows that hang from a smooth mass's two sides."""
    rows, columns = np.nonzero(inside)
    below = soft_step(np.arange(inside.shape[0])[:, None] - np.median(rows), 8.0)
    fade = np.exp(-np.arange(inside.shape[0])[:, None] / inside.shape[0])
    across = np.arange(inside.shape[1])[None, :]
    shadows = np.zeros(inside.shape)
    for side in (columns.min(), columns.max()):
        width = rng.uniform(2.5, 6)
        shadows += rng.uniform(0.4, 1) * np.exp(-(((across - side) / width) ** 2)) * below * fade
    return shadows


def _capsule(distance_px: Field, settings: LesionSettings, rng: np.random.Generator) -> Field:
    """Level in dB of a thin wall, bright only where it lies across the beam."""
    across = 1 - facing(ndimage.gaussian_filter(distance_px, 1.5))
    broken = 4 * smooth_noise(distance_px.shape, (7, 11), rng)
    return settings.capsule_db - 4 * (distance_px / 1.2) ** 2 - 22 * across + broken


def _with_calcifications(
    echo_db: Field, distance_px: Field, settings: LesionSettings, rng: np.random.Generator
) -> Field:
    """`echo_db` with a loose cluster of bright dots, each a pixel or two, inside the mass."""
    if not settings.calcifications:
        return echo_db
    places = np.argwhere(distance_px < -4)
    hub = places[rng.integers(len(places))]
    spread = 0.25 * np.sqrt(len(places))
    dots = np.zeros(echo_db.shape)
    for row, column in hub + rng.normal(0, spread, (settings.calcifications, 2)):
        row = int(np.clip(row, 1, echo_db.shape[0] - 2))
        column = int(np.clip(column, 1, echo_db.shape[1] - 2))
        dots[row, column : column + 2] = rng.uniform(14, 26) * (distance_px[row, column] < -2)
    return echo_db + dots
