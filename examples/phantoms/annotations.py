"""What sonographers and scanners burn into a picture: calipers, text, scales, marks."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from phantoms.acquisition import Picture

WHITE = 235
SIDES = ("RT", "LT")
PLACES = ("UOQ", "UIQ", "LOQ", "LIQ", "RETROAR", "AXILLA", "3 O'CLOCK", "10 O'CLOCK", "12 O'CLOCK")

Ends = tuple[tuple[float, float], tuple[float, float]]
"""Two (column, row) points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationSettings:
    """Which marks one picture carries."""

    calipers: bool
    text: str
    """Empty for none."""
    ticks: bool
    grey_bar: bool
    mark: bool
    margins_px: tuple[int, int]
    """Black columns left and right of the scan."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """About half of the pictures carry something."""
        margins = rng.integers(14, 40, 2) if rng.random() < 0.25 else (0, 0)
        place = f"{rng.choice(SIDES)} {rng.choice(PLACES)}"
        return cls(
            calipers=bool(rng.random() < 0.35),
            text=place if rng.random() < 0.3 else "",
            ticks=bool(rng.random() < 0.25),
            grey_bar=bool(rng.random() < 0.15),
            mark=bool(rng.random() < 0.5),
            margins_px=(int(margins[0]), int(margins[1])),
        )


def annotate(
    scan: Picture,
    masks: list[NDArray[np.bool_]],
    settings: AnnotationSettings,
    rng: np.random.Generator,
) -> Picture:
    """A copy of `scan` with its marks; calipers go on each of `masks`, which have its shape."""
    image = Image.fromarray(scan)
    pen = ImageDraw.Draw(image)
    if settings.calipers:
        for index, mask in enumerate(masks):
            _calipers(pen, mask, 1 + 2 * index, rng)
    if settings.text:
        where = (rng.uniform(0.2, 0.6) * image.width, rng.uniform(0.82, 0.93) * image.height)
        pen.text(where, settings.text, fill=WHITE, font=_font(rng.uniform(12, 16)))
    if settings.ticks:
        _ticks(pen, image.size, rng)
    if settings.grey_bar:
        image.paste(_grey_bar(), (3, int(0.08 * image.height)))
    if settings.mark:
        _mark(pen)
    return np.asarray(image)


def _font(size_px: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size_px)


def _axes(mask: NDArray[np.bool_]) -> list[Ends]:
    """The ends of a mask's long axis and of the widest place across it."""
    places = np.argwhere(mask)[:, ::-1].astype(float)
    centre = places.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov((places - centre).T))
    axes = []
    for direction in directions.T[::-1]:
        along = (places - centre) @ direction
        first, last = centre + direction * along.min(), centre + direction * along.max()
        axes.append((tuple(first), tuple(last)))
    return axes


def _calipers(
    pen: ImageDraw.ImageDraw, mask: NDArray[np.bool_], start: int, rng: np.random.Generator
) -> None:
    """Crosses at the ends of both axes, numbered from `start`, joined by dots."""
    dotted = rng.random() < 0.7
    for number, (first, last) in enumerate(_axes(mask), start):
        # A hand never hits the margin exactly.
        ends = np.array([first, last]) + rng.normal(0, 1.5, (2, 2))
        for column, row in ends:
            pen.line([(column - 5, row), (column + 5, row)], fill=WHITE, width=1)
            pen.line([(column, row - 5), (column, row + 5)], fill=WHITE, width=1)
        pen.text(tuple(ends[0] + (5, 4)), str(number), fill=WHITE, font=_font(11))
        if dotted:
            steps = int(np.hypot(*(ends[1] - ends[0])) / 4)
            for share in np.linspace(0, 1, max(steps, 2)):
                pen.point([tuple(ends[0] + share * (ends[1] - ends[0]))], fill=WHITE)


def _ticks(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """A depth scale down one side, each fifth tick longer."""
    width, height = size
    right = rng.random() < 0.7
    for number, row in enumerate(np.arange(4, height - 2, rng.uniform(14, 22))):
        length = 7 if number % 5 == 0 else 3
        start = width - 2 - length if right else 1
        pen.line([(start, row), (start + length, row)], fill=200, width=1)


def _grey_bar() -> Image.Image:
    """The legend of grey levels, white at the top."""
    ramp = np.linspace(255, 0, 70).round().astype(np.uint8)
    return Image.fromarray(np.repeat(ramp[:, None], 7, axis=1))


def _mark(pen: ImageDraw.ImageDraw) -> None:
    """The probe's orientation mark in the upper left corner."""
    pen.rectangle([0, 0, 11, 11], fill=0)
    pen.ellipse([2, 2, 9, 9], outline=WHITE)
    pen.ellipse([5, 5, 6, 6], fill=WHITE)
