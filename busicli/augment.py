"""Changing training scans at random: draws are made first, then applied by plain functions."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from scipy import ndimage

from busicli.grey import as_rgb, grey_channel, resized
from busicli.records import Image
from busicli.settings import AugmentSettings

_GAP = 0.04
"""Share of a scan's columns left between a lesion and what counts as beside it."""
_ROOM = 0.3
"""Least share of a scan's columns that shows enough to be a scan of its own."""
_LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .:/")
"""Of which burned-in text is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one scan: values drawn within the bounds of AugmentSettings."""

    flip: bool
    rotation_deg: float
    shift: tuple[float, float]
    """Rows, columns, as fractions of the size."""
    scale: tuple[float, float]
    """Factors of rows and of columns."""
    gamma: float
    contrast: float
    brightness: float
    noise: float
    grain_px: float
    """Side of the noise's grains."""
    blur_px: float
    gain: float
    """Bound of the factor by which brightness changes smoothly from place to place."""
    seed: int
    """Of what is drawn for each pixel or place."""
    beside: bool
    """Only what lies beside the lesion is shown, if there is room: a scan without one."""
    text: bool
    """Lines of text are burned in, wherever they fall."""


def draw_change(rng: np.random.Generator, settings: AugmentSettings) -> Change:
    """One change, drawn from `rng`; the same generator state gives the same change."""

    def around(bound: float) -> float:
        return float(rng.uniform(-bound, bound))

    def factor(bound: float) -> float:
        return float(np.exp(rng.uniform(-1, 1) * np.log1p(bound)))

    scale, stretch = factor(settings.scale), factor(settings.stretch)
    return Change(
        flip=bool(settings.flip and rng.random() < 0.5),
        rotation_deg=around(settings.rotation_deg),
        shift=(around(settings.shift_fraction), around(settings.shift_fraction)),
        scale=(scale * stretch, scale / stretch),
        gamma=factor(settings.gamma),
        contrast=factor(settings.contrast),
        brightness=around(settings.brightness),
        noise=float(rng.uniform(0, settings.noise)),
        grain_px=float(rng.uniform(1, settings.grain_px)),
        blur_px=float(rng.uniform(0, settings.blur_px)) if rng.random() < 0.25 else 0.0,
        gain=settings.gain,
        seed=int(rng.integers(2**31)),
        beside=bool(rng.random() < settings.beside),
        text=bool(rng.random() < settings.text),
    )


def apply_change(
    image: Image, mask: NDArray[np.uint8], change: Change
) -> tuple[Image, NDArray[np.uint8]]:
    """The changed (size, size, 3) uint8 image and (size, size) uint8 mask; the given ones stay.

    What moves in from outside is black, as beside a real scan. A grey scan is changed as one
    channel, a third of the work.
    """
    if change.beside and (window := _beside(mask)):
        rows, columns = mask.shape
        image, mask = resized(image[window], (rows, columns)), np.zeros_like(mask)
    grey = grey_channel(image)
    channels = np.moveaxis(image, 2, 0) if grey is None else [grey]
    toned = _tone(np.stack([_move(c, change, smooth=True) for c in channels]), change)
    if change.text:
        toned = np.stack([_written(plane, change.seed) for plane in toned])
    changed = np.moveaxis(toned, 0, 2) if grey is None else as_rgb(toned[0])
    return changed, _move(mask, change, smooth=False)


def _beside(mask: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """The columns from the lesion to the further border, and as many rows from the skin down as
    keep the scan's proportions nearly; None where there is no lesion or no room.

    What lies above and below is left out: compressed tissue and shadows tell of the lesion.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    if not columns.size:
        return None
    size, gap = mask.shape[1], round(_GAP * mask.shape[1])
    left, right = columns[0] - gap, columns[-1] + 1 + gap
    strip = slice(0, left) if left >= size - right else slice(right, size)
    width = strip.stop - strip.start
    if width < _ROOM * size:
        return None
    return slice(0, min(mask.shape[0], round(1.6 * width / size * mask.shape[0]))), strip


def _move(plane: NDArray[np.uint8], change: Change, *, smooth: bool) -> NDArray[np.uint8]:
    """Flip, rotate, scale and shift a (rows, columns) plane about its middle."""
    rows, columns = plane.shape
    angle = np.deg2rad(change.rotation_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    mirror = -1.0 if change.flip else 1.0
    row_scale, column_scale = change.scale
    # Pillow asks where each output pixel (x, y) comes from in the input
    a, b = mirror * cos / column_scale, mirror * sin / column_scale
    d, e = -sin / row_scale, cos / row_scale
    x, y = columns / 2, rows / 2
    shift_y, shift_x = change.shift[0] * rows, change.shift[1] * columns
    c = x - a * (x + shift_x) - b * (y + shift_y)
    f = y - d * (x + shift_x) - e * (y + shift_y)
    resampling = Pillow.Resampling.BILINEAR if smooth else Pillow.Resampling.NEAREST
    picture = Pillow.fromarray(plane)
    moved = picture.transform(
        (columns, rows), Pillow.Transform.AFFINE, (a, b, c, d, e, f), resampling
    )
    return np.asarray(moved)


def _tone(planes: NDArray[np.uint8], change: Change) -> NDArray[np.uint8]:
    """Gamma, contrast, brightness, gain, blur and multiplicative noise on (channels, rows,
    columns).
    """
    curve = (np.arange(256, dtype=np.float32) / 255) ** change.gamma
    curve = np.clip((curve - 0.5) * change.contrast + 0.5 + change.brightness, 0, 1)
    curve[0] = 0  # black margins stay black
    values = curve[planes]
    rng = np.random.default_rng(change.seed)
    if change.gain:
        values = values * _gain(planes.shape[1:], change.gain, rng)
    if change.blur_px > 0.2:
        values = ndimage.gaussian_filter(values, (0, change.blur_px, change.blur_px), truncate=2)
    if change.noise > 0.005:
        grains = tuple(max(1, round(side / change.grain_px)) for side in planes.shape[1:])
        noise = rng.standard_normal(grains, dtype=np.float32)
        values = values * (1 + np.float32(4 * change.noise) * _resized(noise, planes.shape[1:]))
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _written(plane: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """The (rows, columns) plane with up to four lines of text, as long and as bright as drawn."""
    rng = np.random.default_rng((seed, 1))
    rows, columns = plane.shape
    picture = Pillow.fromarray(plane)
    pen = ImageDraw.Draw(picture)
    height = max(4, round(rng.uniform(0.03, 0.07) * rows))
    grey = int(rng.integers(140, 256))
    left, top = rng.uniform(-0.1, 0.8) * columns, rng.uniform(0, 1) * rows - height
    for line in range(int(rng.integers(1, 5))):
        letters = "".join(rng.choice(_LETTERS, int(rng.integers(2, 18))))
        pen.text((left, top + 1.2 * height * line), letters, fill=grey, font=_font(height))
    return np.asarray(picture)


@cache
def _font(height_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: kept, as reading it takes longer than writing a line."""
    return ImageFont.load_default(height_px)


def _gain(shape: tuple[int, ...], bound: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A factor for each place, smooth over a quarter of the scan: another depth's gain, a
    shadow's.
    """
    logs = rng.uniform(-1, 1, (4, 4)).astype(np.float32) * np.float32(np.log1p(bound))
    return np.exp(_resized(logs, shape))


def _resized(plane: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    if plane.shape == shape:
        return plane
    size = shape[1], shape[0]
    return np.asarray(Pillow.fromarray(plane).resize(size, Pillow.Resampling.BICUBIC))
