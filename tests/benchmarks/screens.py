"""Masks on a scanner's screen against masks of the bare scans; by hand, not in a test.

python -m tests.benchmarks.screens DATASET... [--scans 20] [--weights W]

Each of so many scans is pasted into every design of `tests.screens` and segmented with each mode of
views: `header` with the regions in the header, `auto` without. A view counts where the bare scan
has a lesion. The lesion is lost where the screen's mask has no pixel of it, and flagged where a
person is asked to look.
"""

import argparse
from collections.abc import Sequence
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
    masks = [segment(scan, weights, views="whole").mask for scan in scans]
    print(
        "| views | design | lesions | lost | lost, not flagged | Dice |\n|---|---|---|---|---|---|"
    )
    for mode in given.views:
        rows = [row_of(design, scans, masks, weights, mode) for design in DESIGNS]
        for design, row in zip((*DESIGNS, "all"), (*rows, np.vstack(rows)), strict=True):
            lost, unflagged, score = row.sum(axis=0)
            count = len(row)
            print(
                f"| {mode} | {design} | {count} | {lost:.0f} | {unflagged:.0f} "
                f"| {score / max(count, 1):.3f} |",
                flush=True,
            )


def row_of(
    design: str,
    scans: Sequence[Image],
    masks: Sequence[Mask],
    weights: Weights,
    mode: ViewMode,
) -> np.ndarray:
    """(views with a lesion, 3): lost, lost and not flagged, Dice with the bare scan's mask."""
    rng = np.random.default_rng([SEED, list(DESIGNS).index(design)])
    found = []
    for first in range(len(scans)):
        others = rng.integers(len(scans), size=DESIGNS[design][0] - 1)
        shown = [first, *others]
        screen = draw_screen(design, [scans[index] for index in shown], rng)
        tissue = regions_of(screen) if mode == "header" else ()
        result = segment(screen.pixels, weights, tissue=tissue, views=mode)
        for view, index in zip(screen.views, shown, strict=False):
            expected, mask = view.shown(masks[index]), result.mask[view.box]
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
