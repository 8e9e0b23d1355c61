"""Scanner screens around given scans, for tests and for `tests.benchmarks.views`.

`draw_screen` pastes scans into one of `DESIGNS`. All that is drawn around them is made up.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image as Pillow

from busicli.types import Image
from tests.screen_parts import Canvas, Screen, View


def _menu_left(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, (0, 0, 0))
    page.bar((0, 0, 1, 0.07), (60, 60, 60))
    page.words((0.01, 0.01, 0.9, 0.06))
    page.words((0.01, 0.12, 0.17, 0.8))
    view = page.view(scans[0], (0.2, 0.12, 0.9, 0.95))
    page.scale(view, 1)
    page.wedge((0.96, 0.15, 0.975, 0.55))
    page.marks(view)
    return page.done(view)


def _menu_right(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, (32, 36, 44))
    page.buttons((0.8, 0.05, 1, 0.9), 2, 12)
    page.words((0.02, 0.005, 0.6, 0.06))
    page.bar((0.02, 0.075, 0.79, 0.985), (0, 0, 0))
    view = page.view(scans[0], (0.07, 0.09, 0.74, 0.97))
    page.scale(view, -1)
    page.marks(view)
    return page.done(view)


def _menu_below(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, (8, 8, 12))
    page.wedge((0, 0, 1, 0.06), coloured=True)
    page.words((0.3, 0.005, 0.7, 0.055))
    page.buttons((0, 0.92, 1, 1), 8, 1)
    page.thumbnails(scans[0], (0.02, 0.79, 0.7, 0.9), 6)
    view = page.view(scans[0], (0.1, 0.08, 0.9, 0.76))
    page.scale(view, 1)
    page.marks(view)
    return page.done(view)


def _bright_window(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, (214, 214, 208))
    page.words((0.01, 0, 0.7, 0.035))
    page.buttons((0.01, 0.045, 0.9, 0.09), 14, 1)
    page.buttons((0.86, 0.12, 0.99, 0.7), 2, 8)
    page.words((0.86, 0.75, 0.99, 0.95))
    page.bar((0.02, 0.11, 0.84, 0.97), (0, 0, 0))
    view = page.view(scans[0], (0.06, 0.15, 0.8, 0.95))
    page.wedge((0.025, 0.2, 0.04, 0.5))
    page.marks(view)
    return page.done(view)


def _bright_report(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, ((255, 255, 255), (190, 205, 225))[rng.integers(2)])
    page.words((0.05, 0.02, 0.6, 0.12))
    view = page.view(scans[0], (0.05, 0.15, 0.75, 0.9))
    page.words((0.78, 0.2, 0.98, 0.8))
    page.marks(view)
    return page.done(view)


def _text_over(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, (0, 0, 0))
    view = page.view(scans[0], (0.03, 0.02, 0.97, 0.98))
    page.words((0.005, 0.01, 0.2, 0.5), (120, 220, 120))
    page.words((0.7, 0.85, 0.99, 0.99), (230, 230, 120))
    page.scale(view, 1)
    page.marks(view)
    return page.done(view)


def _curved(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, ((0, 0, 0), (0, 0, 0), (20, 22, 26))[rng.integers(3)])
    page.bar((0, 0, 1, 0.06), (40, 40, 70))
    page.words((0.01, 0.01, 0.8, 0.05), (220, 220, 220))
    page.words((0.01, 0.1, 0.15, 0.6))
    view = page.view(scans[0], (0.15, 0.1, 0.92, 0.95), curved=True)
    page.scale(view, 1)
    page.wedge((0.965, 0.1, 0.98, 0.4))
    return page.done(view)


def _colour_box(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, (0, 0, 0))
    page.words((0.01, 0.1, 0.15, 0.9))
    view = page.view(scans[0], (0.18, 0.1, 0.92, 0.95))
    page.colours(view, rng.uniform(0.3, 0.6))
    page.wedge((0.95, 0.1, 0.975, 0.4), coloured=True)
    page.scale(view, -1)
    return page.done(view)


def _split(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    """Two halves of one size, touching or with a few columns between them."""
    page = Canvas(rng, ((0, 0, 0), (40, 44, 50), (205, 205, 205))[rng.integers(3)])
    page.words((0.01, 0.01, 0.7, 0.07))
    page.words((0.01, 0.9, 0.9, 0.99))
    return page.done(*_tiles(page, scans, rng, (1, 2)))


def _stacked(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, ((0, 0, 0), (24, 28, 40))[rng.integers(2)])
    page.words((0.01, 0.1, 0.14, 0.9))
    return page.done(*_tiles(page, scans, rng, (2, 1)))


def _quad(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, ((0, 0, 0), (60, 60, 60))[rng.integers(2)])
    page.words((0.01, 0.01, 0.7, 0.07))
    return page.done(*_tiles(page, scans, rng, (2, 2)))


def _tiles(
    page: Canvas, scans: Sequence[Image], rng: np.random.Generator, grid: tuple[int, int]
) -> list[View]:
    """Scans as tiles of one size in a grid of (rows, columns), 0 to 24 pixels apart."""
    left, top, right, bottom = page.px(0.16, 0.1, 0.98, 0.88)
    gap = int(rng.choice([0, 1, 2, 4, 10, 24]))
    wide, high = (right - left) // grid[1] - gap, (bottom - top) // grid[0] - gap
    aspect = float(np.exp(np.mean([np.log(scan.shape[1] / scan.shape[0]) for scan in scans])))
    wide, high = min(wide, round(high * aspect)), min(high, round(wide / aspect))
    views = []
    for index, scan in enumerate(scans):
        y, x = top + index // grid[1] * (high + gap), left + index % grid[1] * (wide + gap)
        view = View(box=(slice(y, y + high), slice(x, x + wide)))
        page.picture.paste(Pillow.fromarray(view.shown(scan)), (x, y))
        page.marks(view)
        views.append(view)
    return views


def _two_apart(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    """Two views of unlike size, straight or curved, apart."""
    page = Canvas(rng, (0, 0, 0))
    page.words((0.01, 0.01, 0.7, 0.07))
    curved = bool(rng.random() < 0.5)
    views = [
        page.view(scan, (left, 0.15, left + 0.46, 0.85), curved=curved)
        for scan, left in zip(scans, (0.02, 0.52), strict=True)
    ]
    page.words((0.01, 0.9, 0.9, 0.99))
    return page.done(*views)


def _elastography(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    """One scan twice, coloured on the right: only the grey view is to be found."""
    page = Canvas(rng, (0, 0, 0))
    page.words((0.01, 0.01, 0.7, 0.07))
    grey, coloured = _tiles(page, [scans[0], scans[0]], rng, (1, 2))
    page.colours(coloured, rng.uniform(0.7, 0.95))
    page.wedge((0.02, 0.3, 0.04, 0.6), coloured=True)
    return page.done(grey)


def _menus_touch(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    """Menus reach the field at its left and its top, without a gap."""
    page = Canvas(rng, (0, 0, 0))
    place = (0.18, 0.08, 0.98, 0.93)
    view = page.view(scans[0], place, fill=True)
    left, top = view.box[1].start / page.width, view.box[0].start / page.height
    page.bar((0, 0, left, 1), (52, 54, 60))
    page.words((0.01, 0.1, left, 0.9))
    page.bar((0, 0, 1, top), (70, 70, 80))
    page.words((0.02, 0.01, 0.8, 0.075))
    view = page.view(scans[0], place, fill=True)
    page.marks(view)
    return page.done(view)


def _at_the_corner(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    """The field begins at the screen's upper left corner; menus at its right and below."""
    page = Canvas(rng, ((0, 0, 0), (44, 48, 60), (225, 225, 225))[rng.integers(3)])
    view = page.view(scans[0], (0, 0, 0.78, 0.88), fill=True)
    right = view.box[1].stop / page.width
    page.words((right + 0.05, 0.1, 1, 0.8))
    page.buttons((0, 0.92, 0.9, 1), 8, 1)
    page.marks(view)
    return page.done(view)


def _pictures_beside(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    page = Canvas(rng, (20, 20, 24))
    page.words((0.01, 0, 0.9, 0.06))
    for row in range(4):
        page.thumbnails(scans[0], (0.8, 0.08 + 0.2 * row, 0.98, 0.25 + 0.2 * row), 1)
    view = page.view(scans[0], (0.03, 0.08, 0.77, 0.95))
    page.marks(view)
    return page.done(view)


def _trace_below(scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    """The trace of a movement below the field is none."""
    page = Canvas(rng, (0, 0, 0))
    page.words((0.01, 0.1, 0.17, 0.9))
    view = page.view(scans[0], (0.2, 0.05, 0.95, 0.6))
    left, top, right, bottom = page.px(0.22, 0.65, 0.92, 0.95)
    fading = np.exp(-np.linspace(0, 4, bottom - top))[:, None]
    trace = np.clip(rng.rayleigh(30, (bottom - top, right - left)) * fading, 0, 255)
    page.picture.paste(Pillow.fromarray(trace.astype(np.uint8)), (left, top))
    return page.done(view)


Design = Callable[[Sequence[Image], np.random.Generator], Screen]
DESIGNS: dict[str, tuple[int, Design]] = {
    "menu left": (1, _menu_left),
    "menu right": (1, _menu_right),
    "menu below": (1, _menu_below),
    "bright window": (1, _bright_window),
    "bright report": (1, _bright_report),
    "text over": (1, _text_over),
    "curved": (1, _curved),
    "colour box": (1, _colour_box),
    "menus touch": (1, _menus_touch),
    "at the corner": (1, _at_the_corner),
    "pictures beside": (1, _pictures_beside),
    "trace below": (1, _trace_below),
    "elastography": (1, _elastography),
    "split": (2, _split),
    "stacked": (2, _stacked),
    "two apart": (2, _two_apart),
    "quad": (4, _quad),
}
"""How many scans a design shows, and what draws it."""


def draw_screen(design: str, scans: Sequence[Image], rng: np.random.Generator) -> Screen:
    """The scans, (rows, columns, 3) uint8, on a screen; their boxes are the answer expected."""
    return DESIGNS[design][1](scans, rng)
