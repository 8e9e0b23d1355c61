"""Overlays that scanners and readers draw on a scan: calipers, text, body marks."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

Point = tuple[float, float]
"""Column and row, as Pillow counts them."""
Pen = ImageDraw.ImageDraw
Draw = Callable[[Pen, np.random.Generator], None]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .:/"
_PHRASES = (
    *("Gn ##", "FR ##Hz", "DR ##", "#.# cm", "MI 0.#", "TIS #.#", "##-##-####", "##:##:##"),
    *("L##-#", "##dB", "D# ##.#mm", "RT BREAST", "LEFT BREAST", "RIGHT #H", "Map #", "S/A #/#"),
)
"""Settings as a scanner shows them; `#` stands for a digit."""


def drawn_over(planes: NDArray[np.uint8], draw: Draw, seed: int) -> NDArray[np.uint8]:
    """Copies of (channels, rows, columns) planes with the same drawing on each."""
    images = [Pillow.fromarray(plane) for plane in planes]
    for image in images:
        draw(ImageDraw.Draw(image), np.random.default_rng((seed, 3)))
    return np.stack([np.asarray(image) for image in images])


def random_text(rng: np.random.Generator, longest: int = 18) -> str:
    """A scanner's setting or random letters, at least 2 characters."""
    if rng.random() < 0.5:
        phrase = _PHRASES[rng.integers(len(_PHRASES))]
        digits = iter(rng.integers(10, size=phrase.count("#")).tolist())
        return "".join(str(next(digits)) if c == "#" else c for c in phrase)[:longest]
    positions = rng.integers(len(_LETTERS), size=rng.integers(2, longest))
    return "".join(_LETTERS[position] for position in positions)


@cache
def font(height_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, cached because loading it takes longer than drawing a line."""
    return ImageFont.load_default(height_px)


def draw_text(pen: Pen, rng: np.random.Generator) -> None:
    """Up to four lines of text at a random place, of random length and brightness."""
    columns, rows = pen.im.size
    height = max(4, round(rng.uniform(0.03, 0.07) * rows))
    grey = int(rng.integers(140, 256))
    left, top = rng.uniform(-0.1, 0.8) * columns, rng.uniform(0, 1) * rows - height
    for line in range(int(rng.integers(1, 5))):
        position = left, top + 1.2 * height * line
        pen.text(position, random_text(rng), fill=grey, font=font(height))


def caliper_drawing(mask: NDArray[np.uint8]) -> Draw:
    """A function that draws up to three pairs of calipers.

    They are near the ends of the lesion of a (rows, columns) mask, or, in 30 of 100 scans and if
    there is no lesion, at random places.
    """

    def draw(pen: Pen, rng: np.random.Generator) -> None:
        rows, columns = mask.shape
        at_lesion = rng.random() < 0.7
        pairs = _lesion_ends(mask) if at_lesion and mask.any() else _any_ends(mask.shape, rng)
        style = int(rng.integers(4)), rng.uniform(0.012, 0.025) * rows, int(rng.integers(140, 256))
        line, number = rng.random(), rng.random() < 0.3
        for position, pair in enumerate(pairs[: int(rng.integers(1, 4))]):
            jitter = rng.normal(0, 0.012, (2, 2)) * (columns, rows)
            start, end = (tuple(p) for p in (np.array(pair) + jitter).tolist())
            for point in (start, end):
                _mark(pen, point, style)
            if line < 0.4:
                _dotted(pen, start, end, style[2])
            elif line < 0.45 and position == 0:
                _dotted_ellipse(pen, start, end, style[2])
            if number:
                beside = start[0] - 2.5 * style[1], start[1] - 2.5 * style[1]
                pen.text(beside, str(position + 1), fill=style[2], font=font(max(4, rows // 28)))

    return draw


def _lesion_ends(mask: NDArray[np.uint8]) -> list[tuple[Point, Point]]:
    """The lesion's outermost pixels across, down and along one diagonal."""
    rows, columns = np.nonzero(mask)
    return [
        tuple(
            (float(columns[position]), float(rows[position]))
            for position in (np.argmin(along), np.argmax(along))
        )  # type: ignore[misc]  # two of them
        for along in (columns, rows, rows + columns)
    ]


def _any_ends(shape: tuple[int, ...], rng: np.random.Generator) -> list[tuple[Point, Point]]:
    """Two crossing axes at a random place, as if of a lesion, and one more random pair."""
    rows, columns = shape[:2]
    x, y = rng.uniform(0.15, 0.85, 2) * (columns, rows)
    across, down = rng.uniform(0.04, 0.3) * columns, rng.uniform(0.04, 0.25) * rows
    tilt = rng.uniform(-0.3, 0.3)
    p, q, r, s = rng.uniform(0.05, 0.95, 4).tolist()
    return [
        ((x - across, y - tilt * across), (x + across, y + tilt * across)),
        ((x + tilt * down, y - down), (x - tilt * down, y + down)),
        ((p * columns, q * rows), (r * columns, s * rows)),
    ]


def _mark(pen: Pen, point: Point, style: tuple[int, float, int]) -> None:
    """A plus, a cross, both, or a small square, of size `style[1]` and grey `style[2]`."""
    kind, arm, grey = style
    x, y = point
    if kind in (0, 2):
        pen.line((x - arm, y, x + arm, y), fill=grey)
        pen.line((x, y - arm, x, y + arm), fill=grey)
    if kind in (1, 2):
        pen.line((x - arm, y - arm, x + arm, y + arm), fill=grey)
        pen.line((x - arm, y + arm, x + arm, y - arm), fill=grey)
    if kind == 3:
        pen.rectangle((x - arm / 2, y - arm / 2, x + arm / 2, y + arm / 2), outline=grey)


def _dotted(pen: Pen, start: Point, end: Point, grey: int) -> None:
    """A dot every four pixels."""
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    steps = np.arange(0, length, 4)[:, None] / max(length, 1)
    points = np.array(start) + steps * (np.array(end) - np.array(start))
    pen.point(points.ravel().tolist(), fill=grey)


def _dotted_ellipse(pen: Pen, start: Point, end: Point, grey: int) -> None:
    """An ellipse around the middle of two points, twice as wide as high."""
    middle = (np.array(start) + np.array(end)) / 2
    half = np.array((1, 0.5)) * float(np.hypot(end[0] - start[0], end[1] - start[1])) / 2
    angles = np.linspace(0, 2 * np.pi, max(12, int(half[0])), endpoint=False)
    points = middle + half * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    pen.point(points.ravel().tolist(), fill=grey)


def draw_body_mark(pen: Pen, rng: np.random.Generator) -> None:
    """The outline of one breast or two with the place of the probe, mostly near a border."""
    columns, rows = pen.im.size
    size = float(rng.uniform(0.07, 0.2)) * min(rows, columns)
    grey, width = int(rng.integers(90, 256)), int(rng.integers(1, 3))
    breasts = 2 if rng.random() < 0.3 else 1
    room = np.array((columns - breasts * size, rows - size))
    place = rng.uniform(0.02, 0.98, 2)
    if rng.random() < 0.8:
        place[rng.integers(2)] = rng.choice((0.03, 0.97)) + rng.uniform(-0.03, 0.03)
    x, y = (float(value) for value in place * room)
    if rng.random() < 0.4:
        pen.rectangle((x - 2, y - 2, x + breasts * size + 2, y + size + 2), fill=0)
    fill = int(grey * rng.uniform(0.2, 0.8)) if rng.random() < 0.3 else None
    for breast in range(breasts):
        left = x + breast * size
        pen.ellipse((left, y, left + size, y + size), fill, grey, width)
        middle, nipple = (left + size / 2, y + size / 2), size * float(rng.uniform(0.04, 0.12))
        pen.ellipse(_around(middle, nipple), outline=grey)
    start = x + rng.uniform(0.1, 0.9) * breasts * size, y + rng.uniform(0.1, 0.9) * size
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.4) * size
    end = start[0] + length * np.cos(angle), start[1] + length * np.sin(angle)
    pen.line((*start, *end), fill=255, width=width + 1)


def _around(middle: Point, radius: float) -> tuple[float, float, float, float]:
    x, y = middle
    return x - radius, y - radius, x + radius, y + radius
