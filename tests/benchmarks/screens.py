"""Masks on a scanner's screen against masks of the bare scans; by hand, not in a test.

python -m tests.benchmarks.screens DATASET... [--scans 20] [--weights W] [--views M] [--unmarked]

Each of so many scans is pasted into every design of `tests.screens` and segmented with each mode of
views: `header` with the regions in the header, `auto` without. A screen shows a scan at another
size, and some designs bend it: it is compared with the same pixels segmented bare, before marks,
colours and losses of JPEG are added. A view counts where these hold a lesion. The lesion is lost
where the screen's mask has no pixel of it, and flagged where a person is asked to look. Dice is the
mean, then the median. A lesion that is mostly painted over, as by a colour box, is in a row of its
own: no cut can bring it back. The last columns count screens with a mask outside the fields, and
those that a person is asked to look at. 200 scans take about 5 minutes of CPU time.
With `--unmarked` nothing is drawn over the fields, so that the cut alone is compared.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from busicli.api import Weights, load_weights, segment
from busicli.data.sources import read_folder
from busicli.imaging.metrics import dice
from busicli.inference.views import ViewMode
from busicli.types import Image, Mask, View
from tests.benchmarks.views import SEED, scan_of
from tests.screen_parts import Screen
from tests.screens import DESIGNS, draw_screen

MODES: tuple[ViewMode, ...] = ("header", "auto", "whole")
PAINTED_LEVELS, PAINTED = 24, 0.25
"""Grey levels by which paint changes a pixel; share of such pixels from which a lesion is painted
over. Calipers and letters change less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of one lesion."""

    lost: bool
    flagged: bool
    dice: float
    painted_over: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A design or several."""

    found: tuple[Found, ...] = ()
    outside: int = 0
    """Screens with a mask outside the fields."""
    flagged: int = 0
    """Screens that a person is asked to look at."""

    def __add__(self, other: "Row") -> "Row":
        return Row(
            self.found + other.found, self.outside + other.outside, self.flagged + other.flagged
        )


def main() -> None:
    """Print a row a design and mode."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--scans", type=int, default=20)
    parser.add_argument("--weights", default="improved-unet")
    parser.add_argument("--views", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--unmarked", action="store_true")
    given = parser.parse_args()
    cases = [case for folder in given.datasets for case in read_folder(folder, folder.name)[0]]
    order = np.random.default_rng(SEED).permutation(len(cases))[: given.scans]
    weights = load_weights(given.weights)
    scans = [scan_of(cases[index])[0] for index in order]
    print("| views | design | lesions | lost | lost, not flagged | Dice | | outside | flagged |")
    print("|---|---|---|---|---|---|---|---|---|")
    totals = dict.fromkeys(given.views, Row())
    for design in DESIGNS:
        rows = dict.fromkeys(given.views, Row())
        for screen, shown in screens_of(design, scans):
            drawn = without_marks(screen, shown) if given.unmarked else screen
            for mode, row in compared(drawn, shown, weights, given.views).items():
                rows[mode] += row
        for mode, row in rows.items():
            print_row(mode, design, row, painted_over=False)
            totals[mode] += row
    for mode, total in totals.items():
        print_row(mode, "all", total, painted_over=False)
        print_row(mode, "all, lesion painted over", total, painted_over=True)


def print_row(mode: str, name: str, row: Row, *, painted_over: bool) -> None:
    """One line of the table: the lesions that are painted over, or the others."""
    found = [each for each in row.found if each.painted_over == painted_over]
    scores = [each.dice for each in found] or [0]
    print(
        f"| {mode} | {name} | {len(found)} | {sum(each.lost for each in found)} "
        f"| {sum(each.lost and not each.flagged for each in found)} "
        f"| {np.mean(scores):.3f} | {np.median(scores):.3f} | {row.outside} | {row.flagged} |",
        flush=True,
    )


def screens_of(design: str, scans: Sequence[Image]) -> Iterator[tuple[Screen, list[Image]]]:
    """Every scan in a design, and the scans that each screen shows."""
    rng = np.random.default_rng([SEED, list(DESIGNS).index(design)])
    for first in range(len(scans)):
        others = rng.integers(len(scans), size=DESIGNS[design][0] - 1)
        shown = [scans[index] for index in (first, *others)]
        yield draw_screen(design, shown, rng), shown


def compared(
    screen: Screen, scans: Sequence[Image], weights: Weights, modes: Sequence[ViewMode]
) -> dict[ViewMode, Row]:
    """One screen's lesions against those of the pixels it shows, with each mode of views."""
    bare = [view.shown(scan) for view, scan in zip(screen.views, scans, strict=False)]
    expected = [segment(pixels, weights, views="header").mask for pixels in bare]
    over = [
        mask.any() and bool(painted(screen.pixels[view.box], pixels)[mask].mean() > PAINTED)
        for view, pixels, mask in zip(screen.views, bare, expected, strict=True)
    ]
    fields = np.zeros(screen.pixels.shape[:2], bool)
    for view, scan in zip(screen.views, scans, strict=False):
        fields[view.box] |= view.shown(np.ones(scan.shape[:2], bool))
    rows = {}
    for mode in modes:
        tissue = regions_of(screen) if mode == "header" else ()
        result = segment(screen.pixels, weights, tissue=tissue, views=mode)
        found = tuple(
            Found(
                lost=not (mask & result.mask[view.box]).any(),
                flagged=result.review,
                dice=dice(result.mask[view.box], mask),
                painted_over=painted_over,
            )
            for view, mask, painted_over in zip(screen.views, expected, over, strict=True)
            if mask.any()
        )
        rows[mode] = Row(found, int((result.mask & ~fields).any()), int(result.review))
    return rows


def painted(pixels: Image, bare: Image) -> Mask:
    """Where two images of one shape differ by paint, (rows, columns) bool."""
    difference = np.maximum(pixels, bare) - np.minimum(pixels, bare)
    return np.asarray((difference > PAINTED_LEVELS).any(axis=2))


def without_marks(screen: Screen, scans: Sequence[Image]) -> Screen:
    """The screen with its scans as they are."""
    pixels = screen.pixels.copy()
    for view, scan in zip(screen.views, scans, strict=False):
        inside = view.shown(np.ones(scan.shape[:2], bool))
        pixels[view.box][inside] = view.shown(scan)[inside]
    return replace(screen, pixels=pixels)


def regions_of(screen: Screen) -> list[View]:
    """The views as a header describes them."""
    boxes = (view.box for view in screen.views)
    return [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in boxes]


if __name__ == "__main__":
    main()
