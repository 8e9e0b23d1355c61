"""What scanner screens are drawn with: views, text, menus, scales, marks and colours."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from busicli.imaging.arrays import Box
from busicli.types import Image

WORDS = (
    *("Gain 62", "DR 66", "FR 31 Hz", "MI 0.8", "TIs 0.3", "L12-5"),
    *("Depth 4.0 cm", "Map C", "Persist 2", "Zoom", "Store"),
)
LABELS = ("RT BREAST 10H", "LT UOQ", "LEFT BREAST", "R 2H RAD", "AXILLA")
SIZES = ((1024, 768), (800, 600), (1280, 960), (640, 480), (1280, 720))
Place = tuple[float, float, float, float]
HALF_ANGLE = 0.44
"""Of a curved field, in radians."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One scan on a screen."""

    box: Box
    curved: bool = False

    def shown(self, picture: np.ndarray) -> np.ndarray:
        """A (rows, columns[, 3]) scan or mask as it fills the box; 0 beside a curved field."""
        height, width = (side.stop - side.start for side in self.box)
        if not self.curved:
            filter_ = (
                Pillow.Resampling.NEAREST if picture.dtype == bool else Pillow.Resampling.BICUBIC
            )
            return np.asarray(Pillow.fromarray(picture).resize((width, height), filter_))
        outer = width / (2 * np.sin(HALF_ANGLE))
        inner = (outer - height) / np.cos(HALF_ANGLE)
        y, x = np.ogrid[:height, :width]
        down, across = y + 0.5 + outer - height, x + 0.5 - width / 2
        row = (np.hypot(down, across) - inner) / (outer - inner)
        column = np.arctan2(across, down) / (2 * HALF_ANGLE) + 0.5
        inside = (row >= 0) & (row < 1) & (column >= 0) & (column < 1)
        taken = picture[
            (np.clip(row, 0, 0.9999) * picture.shape[0]).astype(int),
            (np.clip(column, 0, 0.9999) * picture.shape[1]).astype(int),
        ]
        return taken * (inside if picture.ndim == 2 else inside[..., None]).astype(picture.dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A screen and where its scans are."""

    pixels: Image
    views: tuple[View, ...]


class Canvas:
    """A screen while it is drawn. Places are (left, top, right, bottom) shares of its size."""

    def __init__(self, rng: np.random.Generator, ground: tuple[int, int, int]) -> None:
        self.rng = rng
        self.width, self.height = SIZES[rng.integers(len(SIZES))]
        self.ground = ground
        self.ink = (225, 225, 225) if sum(ground) < 380 else (25, 25, 40)
        self.picture = Pillow.new("RGB", (self.width, self.height), ground)
        self.pen = ImageDraw.Draw(self.picture)

    def px(self, *place: float) -> tuple[int, ...]:
        return tuple(
            round(share * (self.height if axis % 2 else self.width))
            for axis, share in enumerate(place)
        )

    def font(self, low: int, high: int) -> ImageFont.FreeTypeFont:
        return ImageFont.load_default(int(self.rng.integers(low, high) * self.height / 768))

    def bar(self, place: Place, fill: tuple[int, int, int]) -> None:
        self.pen.rectangle(self.px(*place), fill=fill)

    def words(self, place: Place, ink: tuple | None = None) -> None:
        left, top, right, bottom = self.px(*place)
        font, step = self.font(11, 19), self.rng.uniform(1.3, 2.2)
        while top + font.size < bottom:
            text = " ".join(self.rng.choice(WORDS, max(1, (right - left) // 160)))
            self.pen.text((left + 4, top + 3), text, fill=ink or self.ink, font=font)
            top += round(font.size * step)

    def buttons(self, place: Place, columns: int, rows: int) -> None:
        left, top, right, bottom = self.px(*place)
        wide, high = (right - left) / columns, (bottom - top) / rows
        fill = tuple(
            int(np.clip(level + self.rng.integers(-25, 40), 0, 255)) for level in self.ground
        )
        font = self.font(10, 15)
        for index in range(columns * rows):
            x, y = left + index % columns * wide, top + index // columns * high
            self.pen.rectangle(
                (x + 2, y + 2, x + wide - 3, y + high - 3), fill=fill, outline=self.ink
            )
            self.pen.text((x + 6, y + 5), str(self.rng.choice(WORDS)), fill=self.ink, font=font)

    def wedge(self, place: Place, coloured: bool = False) -> None:
        left, top, right, bottom = self.px(*place)
        for y in range(top, bottom):
            level = round(255 * (bottom - y) / (bottom - top))
            fill = (level, 60, 255 - level) if coloured else (level,) * 3
            self.pen.line((left, y, right, y), fill=fill)

    def thumbnails(self, scan: Image, place: Place, count: int) -> None:
        left, top, right, bottom = self.px(*place)
        wide = (right - left) // count
        small = Pillow.fromarray(scan).resize((wide - 8, bottom - top))
        for index in range(count):
            self.picture.paste(small, (left + index * wide + 4, top))

    def view(self, scan: Image, place: Place, *, curved: bool = False, fill: bool = False) -> View:
        """Paste a scan at the top of a place, as large as it fits or by chance at its own size.

        With `fill` it lies in the place's upper left corner, as large as it fits.
        """
        left, top, right, bottom = self.px(*place)
        height, width = scan.shape[:2]
        scale = min((right - left) / width, (bottom - top) / height)
        alone = right - left > self.width / 2
        if alone and not fill and 0.7 * scale < 1 < scale and self.rng.random() < 0.5:
            scale = 1
        wide, high = round(width * scale), round(height * scale)
        if curved:
            high = min(high, round(wide * 0.95))
        x = left if fill else left + int((right - left - wide) * self.rng.random())
        view = View(box=(slice(top, top + high), slice(x, x + wide)), curved=curved)
        seen = Pillow.fromarray(view.shown(scan))
        mask = Pillow.fromarray(view.shown(np.ones(scan.shape[:2], bool)))
        self.picture.paste(seen, (x, top), mask)
        return view

    def scale(self, view: View, side: int) -> None:
        """Depth marks at the right (1) or left (-1) of a view."""
        rows, columns = view.box
        x = columns.stop + 6 if side > 0 else columns.start - 14
        font, step = self.font(9, 13), (rows.stop - rows.start) / 20
        for mark in range(21):
            y = rows.start + mark * step
            self.pen.line((x, y, x + (8 if mark % 5 == 0 else 4), y), fill=self.ink)
            if mark % 5 == 0:
                self.pen.text((x + 10 * side, y - 6), str(mark // 5), fill=self.ink, font=font)

    def marks(self, view: View) -> None:
        """Calipers, a label, a body mark and the measurements over the field, each by chance."""
        rows, columns = view.box
        spot = lambda low=0.1, high=0.85: (  # noqa: E731
            columns.start + (columns.stop - columns.start) * self.rng.uniform(low, high),
            rows.start + (rows.stop - rows.start) * self.rng.uniform(low, high),
        )
        if self.rng.random() < 0.6:
            ends = [spot(0.3, 0.7), spot(0.3, 0.7)]
            for x, y in ends:
                self.pen.line((x - 6, y, x + 6, y), fill=(255, 255, 120))
                self.pen.line((x, y - 6, x, y + 6), fill=(255, 255, 120))
            for share in np.linspace(0, 1, 25):
                self.pen.point(
                    [float(a + (b - a) * share) for a, b in zip(*ends, strict=True)],
                    fill=(255, 255, 120),
                )
        if self.rng.random() < 0.7:
            self.pen.text(
                spot(0.05, 0.7),
                str(self.rng.choice(LABELS)),
                fill=(240, 240, 240),
                font=self.font(14, 24),
            )
        if self.rng.random() < 0.5:
            x, y = columns.start + 12, rows.stop - 70
            self.pen.arc((x, y, x + 56, y + 56), 0, 360, fill=(200, 200, 200), width=2)
            self.pen.line((x + 20, y + 14, x + 40, y + 24), fill=(255, 210, 0), width=4)
        if self.rng.random() < 0.4 and columns.stop - columns.start > 300:
            x, y = columns.stop - 150, rows.stop - 60
            self.pen.rectangle((x, y, x + 145, y + 54), fill=(10, 10, 10), outline=(90, 90, 90))
            self.pen.text(
                (x + 8, y + 8),
                "1 D 1.32 cm\n2 D 0.87 cm",
                fill=(230, 230, 230),
                font=self.font(12, 15),
            )

    def done(self, *views: View) -> Screen:
        """The finished screen; by chance with the losses of a JPEG."""
        picture = self.picture
        if self.rng.random() < 0.4:
            stored = io.BytesIO()
            picture.save(stored, "JPEG", quality=int(self.rng.integers(60, 97)))
            picture = Pillow.open(stored).convert("RGB")
        return Screen(pixels=np.asarray(picture), views=views)

    def colours(self, view: View, share: float) -> None:
        """A colour box over a share of the view's sides: smooth colours, half transparent."""
        rows, columns = view.box
        high, wide = (
            int((rows.stop - rows.start) * share),
            int((columns.stop - columns.start) * share),
        )
        x, y = columns.start + (columns.stop - columns.start - wide) // 2, rows.start + high // 8
        soft = Pillow.fromarray(self.rng.integers(0, 256, (5, 5, 3), np.uint8)).convert("HSV")
        hues = soft.resize((wide, high), Pillow.Resampling.BICUBIC).getchannel(0)
        full = Pillow.new("L", (wide, high), 230)
        painted = Pillow.merge("HSV", (hues, full, full)).convert("RGB")
        below = self.picture.crop((x, y, x + wide, y + high))
        self.picture.paste(Pillow.blend(below, painted, self.rng.uniform(0.35, 0.7)), (x, y))
        self.pen.rectangle((x, y, x + wide, y + high), outline=(0, 220, 0))
