"""Augmentation parameters of one training scan, drawn within the bounds of AugmentSettings."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from busicli.settings import AugmentSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """The place of a shrunken scan, as fractions of the image's rows and columns."""

    top: float
    left: float
    height: float
    width: float

    def slices(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """Its rows and columns in an image of (rows, columns), at least one of each."""
        (top, height), (left, width) = (
            (min(side - 1, round(start * side)), max(1, round(extent * side)))
            for side, start, extent in zip(
                shape, (self.top, self.left), (self.height, self.width), strict=True
            )
        )
        return (
            slice(top, min(shape[0], top + height)),
            slice(left, min(shape[1], left + width)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationParams:
    """Parameters of one scan's augmentation. The defaults change nothing."""

    flip: bool = False
    rotation_deg: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    """Rows, columns, as fractions of the size."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Factors of rows and of columns."""
    lesion_free_crop: bool = False
    """Only tissue without the lesion is shown, if there is room."""
    gamma: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0
    gain_field: float = 0.0
    """Bound of the factor by which brightness changes smoothly from place to place."""
    depth_gain: float = 0.0
    """Bound of the factor by which brightness changes with depth."""
    blur_px: float = 0.0
    speckle_std: float = 0.0
    speckle_size_px: tuple[float, float] = (1.0, 1.0)
    """Height and width of the speckle's grains."""
    rayleigh: bool = False
    """Speckle is log-compressed Rayleigh noise."""
    sector: bool = False
    calipers: bool = False
    burned_in_text: bool = False
    body_mark: bool = False
    two_views: bool = False
    """A second scan is shown on the right: the caller gives it as `partner`."""
    margin: Rectangle | None = None
    """Place of the scan within uniform margins."""
    margin_grey: int = 0
    screen: Rectangle | None = None
    """Place of the scan on a scanner's screen."""
    low_res_factor: float = 1.0
    jpeg_quality: int | None = None
    seed: int = 0
    """Seed of the random numbers for pixels, marks and lines of text."""


def draw_augmentation(rng: np.random.Generator, settings: AugmentSettings) -> AugmentationParams:
    """Parameters drawn from `rng`; the same generator state gives the same parameters."""
    screen = _chance(rng, settings.screen_prob)
    margin = _chance(rng, settings.margin_prob) and not screen
    return AugmentationParams(
        **_geometry(rng, settings),
        **_tone(rng, settings),
        sector=_chance(rng, settings.sector_prob),
        calipers=_chance(rng, settings.caliper_prob),
        burned_in_text=_chance(rng, settings.burned_in_text_prob),
        two_views=_chance(rng, settings.two_views_prob),
        margin=_margin_rectangle(rng) if margin else None,
        margin_grey=_margin_grey(rng) if margin else 0,
        screen=_screen_rectangle(rng) if screen else None,
        low_res_factor=(
            float(np.exp(rng.uniform(0, np.log(settings.low_res_factor))))
            if _chance(rng, settings.low_res_prob)
            else 1.0
        ),
        jpeg_quality=int(rng.integers(30, 91)) if _chance(rng, settings.jpeg_prob) else None,
        seed=int(rng.integers(2**31)),
        body_mark=_chance(rng, settings.body_mark_prob),
    )


def _geometry(rng: np.random.Generator, settings: AugmentSettings) -> dict[str, Any]:
    scale, stretch = _factor(rng, settings.scale), _factor(rng, settings.stretch)
    bound = settings.shift_fraction
    return {
        "flip": settings.flip and _chance(rng, 0.5),
        "rotation_deg": _around(rng, settings.rotation_deg),
        "shift": (_around(rng, bound), _around(rng, bound)),
        "scale": (scale * stretch, scale / stretch),
        "lesion_free_crop": _chance(rng, settings.lesion_free_crop_prob),
    }


def _tone(rng: np.random.Generator, settings: AugmentSettings) -> dict[str, Any]:
    height = float(rng.uniform(1, settings.speckle_size_px))
    return {
        "gamma": _factor(rng, settings.gamma),
        "contrast": _factor(rng, settings.contrast),
        "brightness": _around(rng, settings.brightness),
        "gain_field": settings.gain_field,
        "depth_gain": settings.depth_gain,
        "blur_px": float(rng.uniform(0, settings.blur_px)) if _chance(rng, 0.25) else 0.0,
        "speckle_std": float(rng.uniform(0, settings.speckle_std)),
        "speckle_size_px": (height, height * float(rng.uniform(1, settings.speckle_aspect))),
        "rayleigh": _chance(rng, settings.rayleigh_prob),
    }


def _chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _around(rng: np.random.Generator, bound: float) -> float:
    return float(rng.uniform(-bound, bound))


def _factor(rng: np.random.Generator, bound: float) -> float:
    return float(np.exp(rng.uniform(-1, 1) * np.log1p(bound)))


def _margin_rectangle(rng: np.random.Generator) -> Rectangle:
    """Margins above and below, left and right, or all around; even ones half of the time."""
    kind = rng.integers(4)
    height = float(rng.uniform(0.5, 0.95)) if kind != 0 else 1.0
    width = float(rng.uniform(0.5, 0.95)) if kind != 1 else 1.0
    down, across = (0.5, 0.5) if _chance(rng, 0.5) else rng.random(2).tolist()
    return Rectangle(top=down * (1 - height), left=across * (1 - width), height=height, width=width)


def _margin_grey(rng: np.random.Generator) -> int:
    """Mostly black, else dark grey, seldom light."""
    kind = rng.random()
    if kind < 0.65:
        return 0
    return int(rng.integers(1, 70)) if kind < 0.93 else int(rng.integers(180, 256))


def _screen_rectangle(rng: np.random.Generator) -> Rectangle:
    height, width = rng.uniform(0.45, 0.8, 2).tolist()
    down, across = rng.random(2).tolist()
    return Rectangle(top=down * (1 - height), left=across * (1 - width), height=height, width=width)
