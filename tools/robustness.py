"""What cross-validated networks bear: scans changed as another scanner or an old archive might.

    python tools/robustness.py DATA FOLD,... RUN...

Every scan of these folds, at the network's size, by the network of each RUN that has not seen it,
with the post-processing of the weights that ship and without mirror images: lesions' mean Dice,
empty and false masks, as a table.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from busicli.data.store import PreparedData, open_data
from busicli.imaging.augment import AugmentationParams, apply_augmentation
from busicli.imaging.metrics import dice
from busicli.imaging.postprocess import lesion_mask
from busicli.inference.engines import KerasEngine
from busicli.models.weights import DEFAULT_WEIGHTS, load_model, read_card, resolve_weights
from busicli.settings import PostprocessSettings

FOLDS = 5
Grey = NDArray[np.float32]
"""(rows, columns, 3) in [0, 1]."""


def speckle(scan: Grey) -> Grey:
    """Multiplied by smooth noise with a standard deviation of 0.35."""
    noise = gaussian_filter(np.random.default_rng(1).normal(size=scan.shape[:2]), 1)
    return scan * (1 + np.float32(0.35 / noise.std()) * noise.astype(np.float32)[..., None])


def text(scan: Grey) -> Grey:
    """With lines of letters, others in every scan."""
    params = AugmentationParams(burned_in_text=True, seed=round(float(scan.sum())))
    image = np.round(255 * scan).astype(np.uint8)
    changed, _ = apply_augmentation(image, np.zeros(image.shape[:2], np.uint8), params)
    return changed.astype(np.float32) / 255


CHANGES: dict[str, Callable[[Grey], Grey]] = {
    "as they are": lambda scan: scan,
    "gamma 0.45": lambda scan: scan**0.45,
    "gamma 2.2": lambda scan: scan**2.2,
    "greys from 0.35 to 0.65": lambda scan: 0.35 + 0.3 * scan,
    "contrast 2.2 times": lambda scan: (scan - 0.35) * 2.2 + 0.3,
    "speckle of 35 %": speckle,
    "blurred by 2 px": lambda scan: gaussian_filter(scan, (2, 2, 0)),
    "text burned in": text,
}


def of_fold(
    data: PreparedData, fold: int, runs: Sequence[Path], settings: PostprocessSettings
) -> NDArray[np.float64]:
    """(changes, runs, scans, 3): Dice of lesions, else NaN; whether empty; whether false."""
    held_out = [
        case for case, own in zip(data.cases, data.folds(FOLDS), strict=True) if own == fold
    ]
    scans = data.gather(held_out)
    images = np.stack([scans.images[row] for row in range(len(held_out))]).astype(np.float32) / 255
    references = np.stack([scans.masks[row] for row in range(len(held_out))]) > 0
    lesions = references.any(axis=(1, 2))
    found = np.empty((len(CHANGES), len(runs), len(held_out), 3))
    for at, run in enumerate(runs):
        weights = run / f"fold-{fold}" / "weights"
        engine = KerasEngine(load_model(weights, read_card(weights)))
        for row, change in enumerate(CHANGES.values()):
            changed = np.stack([np.clip(255 * change(i), 0, 255) for i in images]).astype(np.uint8)
            masks = [lesion_mask(p, settings) for p in engine.predict(changed).maps]
            called = np.array([mask.any() for mask in masks])
            scores = [
                dice(mask, reference) for mask, reference in zip(masks, references, strict=True)
            ]
            found[row, at] = np.stack(
                [np.where(lesions, scores, np.nan), lesions & ~called, ~lesions & called], axis=1
            )
    return found


def main() -> None:
    """Score, print a Markdown table."""
    data, runs = open_data(Path(sys.argv[1])), [Path(run) for run in sys.argv[3:]]
    settings = read_card(resolve_weights(DEFAULT_WEIGHTS)[0]).postprocess
    folds = [of_fold(data, int(fold), runs, settings) for fold in sys.argv[2].split(",")]
    found = np.concatenate(folds, axis=2)
    lesions = int(np.isfinite(found[0, 0, :, 0]).sum())
    normals = found.shape[2] - lesions
    print(f"{lesions} scans with a lesion, {normals} without; Dice, empty masks, false masks\n")
    print("| | " + " | ".join(run.name for run in runs) + " |")
    print("|---" * (len(runs) + 1) + "|")
    for name, change in zip(CHANGES, found, strict=True):
        cells = (
            f"{np.nanmean(scores[:, 0]):.3f}, {scores[:, 1].sum():.0f}, {scores[:, 2].sum():.0f}"
            for scores in change
        )
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
