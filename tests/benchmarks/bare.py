"""Scans without a screen around them: what searching the field changes; by hand, not in a test.

python -m tests.benchmarks.bare DATASET... [--scans N] [--weights W]

A scan whose field is all of it has the same mask with views `auto` and `whole`. The others are
segmented both ways. A lesion is lost where the mask of `auto` has no pixel of the reference, and
that of `whole` has one.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from busicli.api import Weights, load_weights, segment
from busicli.data.sources import read_folder
from busicli.imaging.metrics import dice
from busicli.inference.views import find_layout
from busicli.types import SourceCase
from tests.benchmarks.views import SEED, scan_of

WAYS = ("auto", "whole")


def main() -> None:
    """Print a row a data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+", type=Path)
    parser.add_argument("--scans", type=int, help="of each data set; default: all")
    parser.add_argument("--weights", default="improved-unet")
    given = parser.parse_args()
    weights = load_weights(given.weights)
    print(
        "| data set | scans | cut | flagged | cut: auto | cut: whole | all: auto - whole | lost |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for folder in given.datasets:
        cases = read_folder(folder, folder.name)[0]
        order = np.random.default_rng(SEED).permutation(len(cases))[: given.scans]
        print_row(folder.name, [cases[index] for index in order], weights)


def print_row(name: str, cases: Sequence[SourceCase], weights: Weights) -> None:
    """One line of the table. Only scans with a lesion have a Dice."""
    lesions, cut, flagged, lost, scores = 0, 0, 0, 0, []
    for case in cases:
        scan, reference = scan_of(case)
        layout = find_layout(scan, (), "auto")
        lesions += bool(reference.any())
        flagged += not layout.certain
        if layout.views[0].box == (0, 0, *reference.shape):
            continue
        cut += 1
        if reference.any():
            masks = [segment(scan, weights, views=way).mask for way in WAYS]
            scores.append([dice(mask, reference) for mask in masks])
            lost += not (masks[0] & reference).any() and (masks[1] & reference).any()
    found = np.array(scores).reshape(-1, 2)
    auto, whole = found.mean(axis=0) if len(found) else (np.nan, np.nan)
    change = float((found[:, 0] - found[:, 1]).sum()) / max(lesions, 1)
    print(
        f"| {name} | {len(cases)} | {cut} | {flagged} | {auto:.3f} | {whole:.3f} "
        f"| {change:+.5f} | {lost} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
