"""How well the ultrasound fields are found, on screens and on bare scans; by hand, not in a test.

python -m tests.benchmarks.views DATASET... [--scans 200] [--half report]

Constants were chosen on one half of the scans (`--half develop`); the other half is reported. Each
of so many scans is pasted into every design of `tests.screens`. A view's IoU is that of the found
box it fits best. A lesion is cut where a pixel of it lies outside every found box.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from busicli.data.sources import read_folder
from busicli.imaging.arrays import Box
from busicli.imaging.field import FieldSearch, find_fields
from busicli.io.images import decode_scan, read_scan
from busicli.io.masks import decode_mask
from busicli.types import Image, Mask, SourceCase
from tests.screen_parts import Screen
from tests.screens import DESIGNS, draw_screen

SEED = 20
WRONG_IOU = 0.8
"""A field is wrong where its IoU is lower, or where the number of views is."""
Scan = tuple[Image, Mask]


def main() -> None:
    """Print a Markdown table of the designs and one of the bare data sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--scans", type=int, default=200)
    parser.add_argument("--half", choices=("develop", "report"), default="report")
    given = parser.parse_args()
    cases = [case for folder in given.datasets for case in read_folder(folder, folder.name)[0]]
    order = np.random.default_rng(SEED).permutation(len(cases))
    middle = len(cases) // 2
    chosen = order[:middle] if given.half == "develop" else order[middle:]
    scans = [cases[index] for index in chosen]
    report_screens(scans, given.scans)
    for folder in given.datasets:
        report_bare(folder.name, [case for case in cases if case.dataset == folder.name])


def report_screens(cases: Sequence[SourceCase], count: int) -> None:
    """A row a design: IoU, kinds, wrong fields, views told, lesions cut and of those unflagged."""
    print("| design | IoU | found | unsure | whole | wrong | views told | lesions | cut | ms |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    total = np.vstack([row_of(design, cases, count) for design in DESIGNS])
    print_row("all", total)


def row_of(design: str, cases: Sequence[SourceCase], count: int) -> np.ndarray:
    """One line of figures a screen, as `measured` gives them."""
    rng = np.random.default_rng([SEED, list(DESIGNS).index(design)])
    figures = []
    for first in range(min(count, len(cases))):
        others = rng.integers(len(cases), size=DESIGNS[design][0] - 1)
        scans = [scan_of(cases[index]) for index in (first, *others)]
        screen = draw_screen(design, [scan for scan, _ in scans], rng)
        figures.append(measured(screen, [mask for _, mask in scans]))
    print_row(design, np.array(figures))
    return np.array(figures)


def print_row(name: str, figures: np.ndarray) -> None:
    views, iou, found, unsure, wrong, told, lesions, cut, elapsed_ms = figures.T
    print(
        f"| {name} | {(iou * views).sum() / views.sum():.3f} | {found.sum():.0f} "
        f"| {unsure.sum():.0f} | {(1 - found - unsure).sum():.0f} | {wrong.sum():.0f} "
        f"| {told.sum():.0f} | {lesions.sum():.0f} | {cut.sum():.0f} "
        f"| {np.median(elapsed_ms):.1f} |",
        flush=True,
    )


def measured(screen: Screen, masks: Sequence[Mask]) -> tuple[float, ...]:
    """Views, mean IoU, found, unsure, wrong, views told, lesions, lesions cut, milliseconds."""
    begin = time.process_time()
    search = find_fields(screen.pixels)
    elapsed_ms = (time.process_time() - begin) * 1e3
    ious = [max([iou(view.box, box) for box in search.boxes]) for view in screen.views]
    told = len(search.boxes) == len(screen.views)
    wrong = search.kind == "found" and not (told and min(ious) >= WRONG_IOU)
    outside = outside_mask(screen.pixels.shape[:2], search)
    lesions = [view.shown(mask) for view, mask in zip(screen.views, masks, strict=False)]
    cut = [
        (lesion & outside[view.box]).any()
        for view, lesion in zip(screen.views, lesions, strict=True)
    ]
    return (
        *(len(ious), float(np.mean(ious)), search.kind == "found", search.kind == "unsure"),
        *(wrong, told, sum(lesion.any() for lesion in lesions), sum(cut), elapsed_ms),
    )


def report_bare(name: str, cases: Sequence[SourceCase]) -> None:
    """What is cut from scans that mostly have no margin, and the lesion pixels lost by it."""
    kinds, cut_shares, several, lost_px = [], [], 0, 0
    for case in cases:
        scan, mask = scan_of(case)
        search = find_fields(scan)
        outside = outside_mask(mask.shape, search)
        kinds.append(search.kind)
        cut_shares.append(outside.mean())
        several += len(search.boxes) > 1
        lost_px += int((mask & outside).sum())
    cut = np.array(cut_shares)
    print(
        f"{name}: {len(cases)} bare scans, {(cut > 0).sum()} cut, {(cut > 0.02).sum()} by more "
        f"than 2 %, most {cut.max():.1%}, mean {cut.mean():.3%}; {kinds.count('unsure')} unsure, "
        f"{several} of several views, {lost_px} lesion pixels lost"
    )


def scan_of(case: SourceCase) -> Scan:
    scan = decode_scan(read_scan(case.scan))
    mask = np.zeros(scan.shape[:2], bool)
    for path in case.masks:
        mask |= decode_mask(path.read_bytes())
    return np.ascontiguousarray(scan), mask


def outside_mask(shape: tuple[int, ...], search: FieldSearch) -> Mask:
    outside = np.ones(shape, bool)
    for box in search.boxes:
        outside[box] = False
    return outside


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes.

    >>> iou((slice(0, 2), slice(0, 4)), (slice(0, 2), slice(2, 6)))
    0.3333333333333333
    """
    sides = [
        min(a.stop, b.stop) - max(a.start, b.start) for a, b in zip(first, second, strict=True)
    ]
    shared = max(0, sides[0]) * max(0, sides[1])
    areas = [(rows.stop - rows.start) * (cols.stop - cols.start) for rows, cols in (first, second)]
    return shared / (sum(areas) - shared)


if __name__ == "__main__":
    main()
