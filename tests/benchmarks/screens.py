"""Masks on a scanner's screen against masks of the bare scans; by hand, not in a test.

python -m tests.benchmarks.screens DATASET... [--scans 20] [--weights W]

Each of so many scans is pasted into every design of `tests.screens` and segmented with each mode of
views: `header` with the regions in the header, `auto` without. A screen shows a scan at another
size, and some designs bend it: it is compared with the same pixels segmented bare, before marks,
colours and losses of JPEG are added. A view counts where these hold a lesion. The lesion is lost
where the screen's mask has no pixel of it, and flagged where a person is asked to look. Dice is the
mean, then the median.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from busicli.api import Weights, load_weights, segment
from busicli.data.sources import read_folder
from busicli.imaging.metrics import dice
from busicli.inference.views import ViewMode
from busicli.types import Image, View
from tests.benchmarks.views import SEED, scan_of
from tests.screen_parts import Screen
from tests.screens import DESIGNS, draw_screen

MODES: tuple[ViewMode, ...] = ("header", "auto", "whole")


def main() -> None:
    """Print a row a mode and design."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--scans", type=int, default=20)
    parser.add_argument("--weights", default="improved-unet")
    parser.add_argument("--views", nargs="+", choices=MODES, default=MODES)
    given = parser.parse_args()
    cases = [case for folder in given.datasets for case in read_folder(folder, folder.name)[0]]
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(cases))[: given.scans]
    weights = load_weights(given.weights)
    scans = [scan_of(cases[index])[0] for index in order]
    print("| views | design | lesions | lost | lost, not flagged | Dice | |")
    print("|---|---|---|---|---|---|---|")
    for mode in given.views:
        rows = []
        for design in DESIGNS:
            rows.append(row_of(design, scans, weights, mode))
            print_row(mode, design, rows[-1])
        print_row(mode, "all", np.vstack(rows))


def print_row(mode: str, design: str, row: np.ndarray) -> None:
    lost, unflagged, score = row.sum(axis=0)
    middle = np.median(row[:, 2]) if len(row) else 0
    print(
        f"| {mode} | {design} | {len(row)} | {lost:.0f} | {unflagged:.0f} "
        f"| {score / max(len(row), 1):.3f} | {middle:.3f} |",
        flush=True,
    )


def row_of(
    design: str,
    scans: Sequence[Image],
    weights: Weights,
    mode: ViewMode,
) -> np.ndarray:
    """(views with a lesion, 3): lost, lost and not flagged, Dice with the bare pixels' mask."""
    rng = np.random.default_rng([SEED, list(DESIGNS).index(design)])
    found = []
    for first in range(len(scans)):
        others = rng.integers(len(scans), size=DESIGNS[design][0] - 1)
        shown = [first, *others]
        screen = draw_screen(design, [scans[index] for index in shown], rng)
        tissue = regions_of(screen) if mode == "header" else ()
        result = segment(screen.pixels, weights, tissue=tissue, views=mode)
        for view, index in zip(screen.views, shown, strict=False):
            expected = segment(view.shown(scans[index]), weights, views="whole").mask
            mask = result.mask[view.box]
            if expected.any():
                lost = not (expected & mask).any()
                found.append((lost, lost and not result.review, dice(mask, expected)))
    return np.array(found, float).reshape(-1, 3)


def regions_of(screen: Screen) -> list[View]:
    """The views as a header describes them."""
    boxes = (view.box for view in screen.views)
    return [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in boxes]


if __name__ == "__main__":
    main()
