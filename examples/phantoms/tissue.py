"""Breast tissue in layers: how strongly each place scatters, in dB. 0 dB is drawn white."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from phantoms.fields import (
    Field,
    above,
    contour_lines,
    facing,
    follow,
    smooth_curve,
    smooth_noise,
    soft_step,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueSettings:
    """What one breast looks like. Depths are fractions of the picture's height."""

    skin: float
    fat: float
    gland: float
    retro: float
    muscle: float
    """Where each layer ends; `muscle` above 1 leaves the chest wall outside the picture."""
    waviness: float
    """Spread of the layers' common bending, as a fraction of the height."""
    tilt: float
    """Fall of the layers from the left to the right border, as a fraction of the height."""
    fat_db: float
    gland_db: float
    muscle_db: float
    septa_db: float
    """How far ligaments and septa stand out of the fat."""
    patchiness_db: float
    """Spread of the bright and dark patches of the fibroglandular layer."""
    has_ribs: bool
    """Whether shadowing ribs interrupt the chest wall."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """A breast between fatty and dense."""
        fat = rng.uniform(0.12, 0.34)
        gland = fat + rng.uniform(0.24, 0.45)
        retro = gland + rng.uniform(0.03, 0.1)
        return cls(
            skin=rng.uniform(0.02, 0.045),
            fat=fat,
            gland=gland,
            retro=retro,
            muscle=retro + rng.uniform(0.14, 0.32),
            waviness=rng.uniform(0.015, 0.045),
            tilt=rng.uniform(-0.12, 0.12),
            fat_db=rng.uniform(-37, -31),
            gland_db=rng.uniform(-29, -23),
            muscle_db=rng.uniform(-40, -35),
            septa_db=rng.uniform(9, 16),
            patchiness_db=rng.uniform(1.5, 3.5),
            has_ribs=bool(rng.random() < 0.5),
        )


def layer_depth(
    shape: tuple[int, int], settings: TissueSettings, rng: np.random.Generator
) -> Field:
    """(rows, columns) depth in px that every layer and texture follows; flat below the probe."""
    rows, columns = shape
    row = np.arange(rows)[:, None]
    across = np.linspace(-0.5, 0.5, columns)[None, :]
    bend = settings.waviness * smooth_noise(shape, (0.22 * rows, 0.16 * columns), rng)
    bend = bend + settings.tilt * across + rng.normal(0, 0.12) * across**2
    # The probe presses the skin flat, so bending grows from nothing at the surface.
    return row - bend * rows * np.clip(row / (0.3 * rows), 0, 1)


def echogenicity(depth_px: Field, settings: TissueSettings, rng: np.random.Generator) -> Field:
    """(rows, columns) scattering strength in dB of the layered tissue, speckle not included."""
    rows, columns = depth_px.shape
    waves = smooth_curve(columns, rng.uniform(0.06, 0.14) * columns, rng)
    scallop = np.sqrt(waves**2 + 0.08)
    edges = [
        settings.skin * rows + 0.6 * smooth_curve(columns, 20, rng),
        # Ligaments pull the gland up into cusps between rounded fat lobules.
        (settings.fat - 0.05 + rng.uniform(0.01, 0.08) * scallop) * rows,
        settings.gland * rows + 0.03 * rows * smooth_curve(columns, 0.08 * columns, rng),
        settings.retro * rows + 0.01 * rows * smooth_curve(columns, 0.15 * columns, rng),
        settings.muscle * rows + 0.01 * rows * smooth_curve(columns, 0.2 * columns, rng),
    ]
    layers = [
        _skin(depth_px, rng),
        _fat(depth_px, settings, rng),
        _gland(depth_px, settings, rng),
        _fat(depth_px, settings, rng) - 2,
        _muscle(depth_px, settings, rng),
        _chest_wall(depth_px, edges[-1], settings, rng),
    ]
    ragged_px = follow(smooth_noise(depth_px.shape, (2.5, 7), rng), depth_px)
    ragged_px = ragged_px + 2 * smooth_noise(depth_px.shape, (7, 12), rng)
    softness_px = (0.5, 1.8, 4.0, 1.2, 1.0)
    echo_db = layers[0]
    for below, edge, softness in zip(layers[1:], edges, softness_px, strict=True):
        share = soft_step(depth_px - edge + softness * ragged_px, softness)
        echo_db = (1 - share) * echo_db + share * below
    echo_db = echo_db + _dashes(depth_px, rng)
    return np.maximum(echo_db, _fascias(depth_px, edges, rng))


def _dashes(depth_px: Field, rng: np.random.Generator) -> Field:
    """Short bright strokes along the layers, in dB: crowded in some places, absent in others."""
    shape = depth_px.shape
    bent_px = depth_px + 6 * smooth_noise(shape, (22, 34), rng)
    strokes = follow(smooth_noise(shape, (1.0, rng.uniform(7, 13)), rng), bent_px)
    crowd = np.clip(0.4 + 0.6 * smooth_noise(shape, (24, 34), rng), 0, 1.4)
    return rng.uniform(3, 8) * above(strokes, 0.9) * crowd


def _skin(depth_px: Field, rng: np.random.Generator) -> Field:
    """Bright entry echo of the probe, then the skin with its darker middle."""
    entry = 14 * np.exp(-depth_px / 2.0)
    return -22 + entry + 2 * smooth_noise(depth_px.shape, (1.0, 22), rng)


def _fat(depth_px: Field, settings: TissueSettings, rng: np.random.Generator) -> Field:
    """Dark lobules between bright curved septa, with short bright flecks."""
    shape = depth_px.shape
    bent_px = depth_px + 8 * smooth_noise(shape, (18, 28), rng)
    septa = np.zeros(shape)
    for _ in range(2):
        sigmas_px = (rng.uniform(7, 13), rng.uniform(40, 70))
        lobules = follow(smooth_noise(shape, sigmas_px, rng), bent_px)
        strength = np.clip(0.6 + 0.6 * smooth_noise(shape, (8, 20), rng), 0, 1.3)
        lines = contour_lines(lobules, rng.uniform(0.8, 1.5)) * facing(lobules) ** 3
        septa = np.maximum(septa, lines * strength)
    flecks = above(follow(smooth_noise(shape, (1.3, 9), rng), bent_px), 1.5)
    shade = 1.3 * smooth_noise(shape, (12, 22), rng)
    return settings.fat_db + shade + settings.septa_db * septa + 7 * flecks


def _gland(depth_px: Field, settings: TissueSettings, rng: np.random.Generator) -> Field:
    """Bright, uneven tissue with fibrous streaks and small dark ducts and lobules."""
    shape = depth_px.shape
    bent_px = depth_px + 5 * smooth_noise(shape, (14, 24), rng)
    patches = smooth_noise(shape, (rng.uniform(9, 18), rng.uniform(22, 45)), rng)
    mottle = follow(smooth_noise(shape, (3.5, 8), rng), bent_px)
    streaks = follow(smooth_noise(shape, (1.3, 13), rng), bent_px)
    fibres = contour_lines(follow(smooth_noise(shape, (6, 24), rng), bent_px), 1.0)
    ducts = above(follow(smooth_noise(shape, (3.0, 7), rng), bent_px), 1.25)
    return (
        settings.gland_db
        + settings.patchiness_db * (patches + 0.8 * mottle)
        + 1.6 * streaks
        + 4 * above(streaks, 1.2)
        + 5 * fibres * np.clip(0.4 + 0.6 * smooth_noise(shape, (10, 20), rng), 0, 1)
        - rng.uniform(4, 14) * ducts
    )


def _muscle(depth_px: Field, settings: TissueSettings, rng: np.random.Generator) -> Field:
    """Dark muscle with long bright streaks along its fibres."""
    shape = depth_px.shape
    bent_px = depth_px + 3 * smooth_noise(shape, (20, 45), rng)
    long = follow(smooth_noise(shape, (1.1, rng.uniform(14, 24)), rng), bent_px)
    short = follow(smooth_noise(shape, (1.0, 8), rng), bent_px)
    bundles = np.clip(0.7 + 0.6 * smooth_noise(shape, (10, 30), rng), 0.1, 1.6)
    streaks_db = 7 * above(long, 0.7) + 5 * above(short, 0.9)
    return settings.muscle_db + 1.5 * long + bundles * streaks_db


def _chest_wall(
    depth_px: Field,
    top_px: NDArray[np.float64],
    settings: TissueSettings,
    rng: np.random.Generator,
) -> Field:
    """Fading haze behind the pleura; black behind each rib."""
    columns = depth_px.shape[1]
    below_px = depth_px - top_px
    haze = settings.muscle_db - 4 - 0.06 * np.clip(below_px, 0, None)
    haze = haze + 3 * above(smooth_noise(depth_px.shape, (1.2, 30), rng), 1.0)
    if not settings.has_ribs:
        return haze
    phase = rng.uniform(0, 2 * np.pi)
    wave = np.sin(np.arange(columns) * 2 * np.pi / (columns * rng.uniform(0.6, 1.1)) + phase)
    return haze - 18 * soft_step(np.broadcast_to(wave - 0.2, depth_px.shape), 0.12)


def _fascias(depth_px: Field, edges: list[NDArray[np.float64]], rng: np.random.Generator) -> Field:
    """Bright broken lines where layers meet: under the skin, on the gland, around the muscle."""
    columns = depth_px.shape[1]
    ragged_px = 1.2 * smooth_noise(depth_px.shape, (4, 12), rng)
    flat = facing(depth_px) ** 8
    peaks_db = np.array((-19, -24, -28, -20, -19)) + rng.normal(0, 3, 5)
    lines_db = np.full(depth_px.shape, -90.0)
    for edge, peak_db in zip(edges, peaks_db, strict=True):
        # Long gaps where the layer turns away from the beam, short ones from crossing fibres.
        gaps_db = 9 * smooth_curve(columns, rng.uniform(15, 40), rng)
        gaps_db = np.clip(gaps_db, 0, None) + 3 * smooth_curve(columns, 5, rng)
        width_px = rng.uniform(1.0, 1.8) * (1 + 0.3 * smooth_curve(columns, 15, rng))
        distance = (depth_px - edge + ragged_px) / np.maximum(width_px, 0.6)
        line_db = peak_db - 4.3 * distance**2 - gaps_db - 15 * (1 - flat)
        lines_db = np.maximum(lines_db, line_db)
    return lines_db
