"""A scanner's screen around a scan: bars, menus, text, depth scale, grey wedge. Arrays only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from busicli.imaging.augment_overlay import Pen, draw_body_mark, draw_text, font, random_text

Region = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""


@dataclass(frozen=True, slots=True)
class _Theme:
    """Greys of a screen."""

    background: int
    panel: int
    line: int
    text: int
    text_px: int
    """Height of its letters."""


def screen_picture(
    shape: tuple[int, int], window: tuple[slice, slice], seed: int
) -> NDArray[np.uint8]:
    """A (rows, columns) uint8 screen; the scan will cover the window."""
    rng = np.random.default_rng((seed, 4))
    rows, columns = shape
    theme = _theme(rng, rows)
    image = Pillow.new("L", (columns, rows), theme.background)
    pen = ImageDraw.Draw(image)
    top, bottom, left, right = window[0].start, window[0].stop, window[1].start, window[1].stop
    regions = [(0, 0, columns, top), (0, bottom, columns, rows)]
    regions += [(0, top, left, bottom), (right, top, columns, bottom)]
    if rng.random() < 0.4:  # the columns at the sides reach from top to bottom
        regions = [(left, 0, right, top), (left, bottom, right, rows)]
        regions += [(0, 0, left, rows), (right, 0, columns, rows)]
    for region in regions:
        _draw_region(pen, region, theme, rng)
    _draw_surround(pen, (left, top, right, bottom), theme, rng)
    return np.asarray(image)


def draw_on_screen(pen: Pen, rng: np.random.Generator) -> None:
    """Overlays of a scanner on the scan itself: body mark, probe mark, text."""
    columns, rows = pen.im.size
    grey = int(rng.integers(120, 256))
    if rng.random() < 0.4:
        draw_body_mark(pen, rng)
    if rng.random() < 0.5:  # the mark of the probe's first element
        x = rng.uniform(0.01, 0.15) * columns
        pen.text(
            (x, 0.01 * rows), "GSPM*"[rng.integers(5)], fill=grey, font=font(max(5, rows // 16))
        )
    if rng.random() < 0.3:
        draw_text(pen, rng)


def _theme(rng: np.random.Generator, rows: int) -> _Theme:
    """A dark theme, or, for one screen in four, a bright one."""
    text_px = max(4, round(rng.uniform(0.017, 0.036) * rows))
    if rng.random() < 0.75:
        background = int(rng.integers(0, 45)) if rng.random() < 0.6 else 0
        panel = background + int(rng.integers(8, 60))
        return _Theme(background, panel, panel + 30, int(rng.integers(130, 256)), text_px)
    background = int(rng.integers(150, 250))
    panel = background - int(rng.integers(10, 60))
    return _Theme(background, panel, panel - 40, int(rng.integers(0, 70)), text_px)


def _draw_region(pen: Pen, region: Region, theme: _Theme, rng: np.random.Generator) -> None:
    """One of: nothing, text, a bar with text, a menu of buttons, a row of thumbnails."""
    left, top, right, bottom = region
    if min(right - left, bottom - top) < theme.text_px + 2:
        return
    kind = rng.random()
    if kind < 0.2:
        return
    if kind > 0.55:
        pen.rectangle((left, top, right - 1, bottom - 1), fill=theme.panel)
        if rng.random() < 0.5:
            pen.rectangle((left, top, right - 1, bottom - 1), outline=theme.line)
    if kind > 0.75:
        _draw_grid(pen, region, theme, rng)
    else:
        _draw_lines(pen, region, theme, rng)


def _draw_lines(pen: Pen, region: Region, theme: _Theme, rng: np.random.Generator) -> None:
    """Lines of text from a random place of the region on; long lines are cut."""
    left, top, right, bottom = region
    x = left + 2 + float(rng.uniform(0, 0.4)) * (right - left - 4)
    step = round(theme.text_px * float(rng.uniform(1.2, 2)))
    y = top + 1 + float(rng.uniform(0, 0.5)) * (bottom - top - step)
    longest = max(2, int((right - x) / (0.6 * theme.text_px)))
    columns = 2 if longest > 16 and rng.random() < 0.5 else 1
    for line in range(int(rng.integers(1, 9))):
        if y + (line + 1) * step > bottom + 1:
            return
        for column in range(columns):
            position = x + column * (right - x) / columns, y + line * step
            text = random_text(rng)[: longest // columns]
            pen.text(position, text, fill=theme.text, font=font(theme.text_px))


def _draw_grid(pen: Pen, region: Region, theme: _Theme, rng: np.random.Generator) -> None:
    """Buttons with text, or thumbnails without text in other greys."""
    left, top, right, bottom = region
    thumbnails = rng.random() < 0.35
    height = max(theme.text_px + 3, round(float(rng.uniform(0.05, 0.11)) * pen.im.size[1]))
    width = max(height, round(float(rng.uniform(1.1, 3)) * height))
    across, down = min(8, (right - left) // width), min(6, (bottom - top) // height)
    for row in range(down):
        for column in range(across):
            x, y = left + column * width, top + row * height
            box = (x + 1, y + 1, x + width - 2, y + height - 2)
            if thumbnails:
                _draw_thumbnail(pen, box, int(rng.integers(30, 110)))
                continue
            pen.rectangle(box, fill=theme.background, outline=theme.line)
            text = random_text(rng)[: max(1, int((width - 4) / (0.65 * theme.text_px)))]
            pen.text((x + 3, y + 1), text, fill=theme.text, font=font(theme.text_px))


def _draw_thumbnail(pen: Pen, box: Region, grey: int) -> None:
    """Layers like tissue, without a lesion."""
    left, top, right, bottom = box
    pen.rectangle(box, fill=0, outline=grey)
    for row, share in enumerate((0.9, 1.2, 0.7, 0.5)):
        y = top + 1 + row * (bottom - top - 1) // 4
        if y < bottom - 1:
            pen.line((left + 2, y, right - 2, y), fill=int(grey * share))


def _draw_surround(pen: Pen, box: Region, theme: _Theme, rng: np.random.Generator) -> None:
    """Black around the scan, a depth scale and a grey wedge at one of its sides each."""
    left, top, right, bottom = box
    rows = pen.im.size[1]
    pad = rng.uniform(0, 0.08, 4) * rows if rng.random() < 0.7 else np.zeros(4)
    dark = theme.background < 100
    pen.rectangle((left - pad[0], top - pad[1], right + pad[2], bottom + pad[3]), fill=0)
    light = theme.text if dark or pad.any() else 255 - theme.text
    if rng.random() < 0.7:
        _draw_scale(pen, box, light if light > 100 else 200, rng)
    if rng.random() < 0.5:
        _draw_wedge(pen, box, rng)


def _draw_scale(pen: Pen, box: Region, grey: int, rng: np.random.Generator) -> None:
    """Ticks beside the scan, each fifth one longer, some with their number."""
    left, top, right, bottom = box
    at_right = rng.random() < 0.6
    x, away = (right + 1, 1) if at_right else (left - 2, -1)
    count = int(rng.integers(6, 36))
    numbers = rng.random() < 0.5
    long = max(2, pen.im.size[1] // 64)
    for tick in range(count + 1):
        y = top + (bottom - top - 1) * tick / count
        length = long if tick % 5 == 0 else long // 2
        pen.line((x, y, x + away * length, y), fill=grey)
        if numbers and tick % 5 == 0:
            position = x + (long + 2 if at_right else -long - 6), y - 2
            pen.text(position, str(tick // 5), fill=grey, font=font(max(4, pen.im.size[1] // 40)))


def _draw_wedge(pen: Pen, box: Region, rng: np.random.Generator) -> None:
    """A scale of all greys from white to black, beside the scan."""
    left, top, right, bottom = box
    size = pen.im.size[1]
    width = max(2, round(float(rng.uniform(0.012, 0.035)) * size))
    height = max(8, round(float(rng.uniform(0.2, 0.7)) * (bottom - top)))
    gap = round(float(rng.uniform(0.01, 0.06)) * size)
    x = right + gap if rng.random() < 0.6 else left - gap - width
    y = top + round(float(rng.uniform(0, 1)) * (bottom - top - height))
    for row in range(height):
        grey = 255 - 255 * row // (height - 1)
        pen.line((x, y + row, x + width - 1, y + row), fill=grey)
