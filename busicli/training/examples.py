"""Scans as a network is trained on them: drawn, resized, augmented. Arrays only, no Keras."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from busicli.data.store import PreparedScans
from busicli.imaging.augment import apply_augmentation, draw_augmentation
from busicli.imaging.preprocess import network_image, network_mask
from busicli.settings import PreprocessSettings, TrainSettings

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A (size, size, 3) image and its (size, size) mask."""
MOST_REPEATS = 4
"""How often a scan is shown in one epoch at most: a few scans of a rare kind are soon known by
heart."""


@dataclass(frozen=True, slots=True)
class Example:
    """One scan as the network is trained on it."""

    image: NDArray[np.uint8]
    """(size, size, 3)."""
    mask: NDArray[np.uint8]
    """(size, size) of 0 and 1."""
    label: str
    """Class of the scan, empty where unknown."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over a training split; any of its examples can be made at any time, anywhere.

    The order depends on (seed, number), each augmentation on (seed, number, position).
    """

    split: PreparedScans
    settings: TrainSettings
    number: int
    """From 0."""
    size_px: int | None = None
    """Rows and columns of the examples; None for the scans' own."""

    def order(self) -> NDArray[np.int64]:
        """Which scan each position shows; whole batches, the last filled from the start."""
        rng = np.random.default_rng((self.settings.seed, self.number))
        kinds = [f"{case.dataset} {case.label}" for case in self.split.cases]
        order = epoch_order(kinds, self.settings.class_balance, rng)
        size = self.settings.batch_size
        return np.resize(order, -(-len(order) // size) * size)

    def example(self, position: int, row: int) -> Example:
        """The scan `row` of the split as it is shown at a position of the epoch."""
        image, mask = resized_pair(self.split, row, self.size_px)
        label = self.split.cases[row].label
        if not self.settings.augment:
            return Example(image, mask, label)
        rng = np.random.default_rng((self.settings.seed, self.number, position, 1))
        params = draw_augmentation(rng, self.settings.augmentation)
        if not params.two_views:
            image, mask = apply_augmentation(image, mask, params)
            return Example(image, mask, label_of(mask, [label]))
        other = int(rng.integers(len(self.split.cases)))
        partner = resized_pair(self.split, other, self.size_px)
        image, mask = apply_augmentation(image, mask, params, partner)
        return Example(image, mask, label_of(mask, [label, self.split.cases[other].label]))


def epoch_order(
    kinds: Sequence[str], balance: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which scan each position of an epoch shows: (N,) indices of N scans, shuffled.

    `balance` 0 shows each scan once, 1 each kind equally often; between, a kind's share goes with
    its number of scans to the power of 1 - balance. Scans of one kind are shown equally often but
    for one, and none more than `MOST_REPEATS` times: what such a kind leaves, the others share.
    """
    _, kind, counts = np.unique(np.array(kinds), return_inverse=True, return_counts=True)
    often = _repeats(counts, counts.astype(np.float64) ** (1.0 - balance))
    # evenly spaced marks on the running sum, kind by kind, so that each kind gets its share
    shuffled = rng.permutation(len(kinds))
    shuffled = shuffled[np.argsort(kind[shuffled], kind="stable")]
    sums = np.cumsum(often[kind][shuffled])
    marks = np.arange(len(kinds)) + 0.5
    picked = shuffled[np.minimum(np.searchsorted(sums, marks), len(kinds) - 1)]
    return rng.permutation(picked)


def _repeats(counts: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often each scan of a kind is shown, (K,): by shares, at most `MOST_REPEATS` times.

    `counts` (K,) are the scans of each kind; as many are shown as there are.
    """
    often = np.zeros(len(counts))
    free = np.ones(len(counts), bool)
    while True:
        left = counts.sum() - (often * counts)[~free].sum()
        often[free] = left * shares[free] / shares[free].sum() / counts[free]
        over = free & (often > MOST_REPEATS)
        if not over.any():
            return often
        often[over] = MOST_REPEATS
        free &= ~over


def label_of(mask: NDArray[np.uint8], labels: Sequence[str]) -> str:
    """The class of an augmented scan, from its mask and the classes of the scans shown on it.

    Without a lesion it is normal, whatever it was cut from. Else the first that counts of unknown,
    malignant, benign.
    """
    if not mask.any():
        return "normal"
    return next((label for label in ("", "malignant", "benign") if label in labels), "")


def resized_pair(split: PreparedScans, row: int, size_px: int | None) -> Pair:
    """One scan and its mask as new arrays, at their own size if `size_px` is None."""
    image, mask = np.array(split.images[row]), np.array(split.masks[row])
    if size_px in (None, len(image)):
        return image, mask
    smaller = PreprocessSettings(size_px=size_px)
    return network_image(image, smaller), network_mask(mask > 0, smaller)
