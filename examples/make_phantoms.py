"""Write simulated breast-ultrasound scans with known lesion masks, in BUSI's folder layout.

python examples/make_phantoms.py examples/scans
"""

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
from phantoms.scan import Label, Phantom, make_phantom
from PIL import Image

LABELS: tuple[Label, ...] = get_args(Label)


def main() -> None:
    """Draw every phantom from its own child of the seed and save it."""
    options = _parser().parse_args()
    labels = np.repeat(LABELS, options.count).tolist()
    seeds = np.random.SeedSequence(options.seed).spawn(len(labels))
    for number, (label, seed) in enumerate(zip(labels, seeds, strict=True), start=1):
        phantom = make_phantom(label, np.random.default_rng(seed))
        save(phantom, options.out / label, f"phantom-{number:02d}")
    print(f"{len(labels)} phantoms in {options.out}")


def save(phantom: Phantom, folder: Path, stem: str) -> None:
    """Write `stem.png` beside `stem_mask.png`, `stem_mask_1.png`, ...; a normal's mask is black."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(phantom.scan).save(folder / f"{stem}.png", optimize=True)
    masks = phantom.masks or [np.zeros(phantom.scan.shape, bool)]
    for index, mask in enumerate(masks):
        suffix = f"_{index}" if index else ""
        Image.fromarray(mask).save(folder / f"{stem}_mask{suffix}.png", optimize=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    parser.add_argument(
        "--count",
        type=int,
        nargs=3,
        default=(10, 8, 6),
        metavar=("BENIGN", "MALIGNANT", "NORMAL"),
        help="phantoms of each class (default: 10 8 6)",
    )
    parser.add_argument("--seed", type=int, default=24, help="same seed, same files (default: 24)")
    return parser


if __name__ == "__main__":
    main()
