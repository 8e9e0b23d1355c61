"""Batches of scans and masks for Keras, the same for one seed whatever the threads do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from busicli.augment import apply_augmentation, draw_augmentation
from busicli.dataset.store import PreparedScans
from busicli.preprocess import network_image, network_mask, network_values
from busicli.records import NETWORK_CLASSES
from busicli.settings import PreprocessSettings, TrainSettings

Floats = NDArray[np.float32]
Batch = tuple[Floats, Floats | tuple[Floats, Floats]]
"""Images, and masks or masks and classes."""
MOST_REPEATS = 4
"""How often a scan is shown in one epoch at most: a few scans of a rare kind are soon known by
heart."""
Targets = Literal["masks", "masks and classes"]
Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A (size, size, 3) image and its (size, size) mask."""


@dataclass(frozen=True, slots=True)
class Example:
    """One scan as the network is trained on it."""

    image: NDArray[np.uint8]
    """(size, size, 3)."""
    mask: NDArray[np.uint8]
    """(size, size) of 0 and 1."""
    label: str
    """Class of the scan, empty where unknown."""


class TrainingBatches(keras.utils.PyDataset):
    """One epoch over a training split: shuffled, augmented, all batches of one size.

    The order depends on (seed, epoch), each scan's augmentation on (seed, epoch, position): a
    resumed run sees what an uninterrupted one would. The last batch is filled from the epoch's
    start. Scans are resized to `size_px` rows and columns, which is their own size if None.
    """

    def __init__(
        self,
        split: PreparedScans,
        settings: TrainSettings,
        epoch: int,
        targets: Targets = "masks",
        size_px: int | None = None,
    ) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=4)
        self.split, self.settings, self.epoch = split, settings, epoch
        self.targets, self.size_px = targets, size_px
        rng = np.random.default_rng((settings.seed, epoch))
        kinds = [f"{case.dataset} {case.label}" for case in split.cases]
        order = epoch_order(kinds, settings.class_balance, rng)
        self.order = np.resize(order, len(self) * settings.batch_size)

    def __len__(self) -> int:
        return -(-len(self.split.images) // self.settings.batch_size)

    def __getitem__(self, index: int) -> Batch:
        size = self.settings.batch_size
        positions = range(index * size, (index + 1) * size)
        return as_batch([self._example(position) for position in positions], self.targets)

    def _example(self, position: int) -> Example:
        row = int(self.order[position])
        image, mask = resized_pair(self.split, row, self.size_px)
        label = self.split.cases[row].label
        if not self.settings.augment:
            return Example(image, mask, label)
        rng = np.random.default_rng((self.settings.seed, self.epoch, position, 1))
        params = draw_augmentation(rng, self.settings.augmentation)
        if not params.two_views:
            image, mask = apply_augmentation(image, mask, params)
            return Example(image, mask, label_of(mask, [label]))
        other = int(rng.integers(len(self.split.cases)))
        partner = resized_pair(self.split, other, self.size_px)
        image, mask = apply_augmentation(image, mask, params, partner)
        return Example(image, mask, label_of(mask, [label, self.split.cases[other].label]))


class PlainBatches(keras.utils.PyDataset):
    """A split in its own order, unchanged but for the size."""

    def __init__(
        self,
        split: PreparedScans,
        batch_size: int,
        targets: Targets = "masks",
        size_px: int | None = None,
    ) -> None:
        super().__init__()
        self.split, self.batch_size = split, batch_size
        self.targets, self.size_px = targets, size_px

    def __len__(self) -> int:
        return -(-len(self.split.images) // self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        rows = range(len(self.split.images))[index * self.batch_size :][: self.batch_size]
        return as_batch([self._example(row) for row in rows], self.targets)

    def _example(self, row: int) -> Example:
        return Example(*resized_pair(self.split, row, self.size_px), self.split.cases[row].label)


def epoch_order(
    kinds: Sequence[str], balance: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which scan each position of an epoch shows: (N,) indices of N scans, shuffled.

    `balance` 0 shows each scan once, 1 each kind equally often; between, a kind's share goes with
    its number of scans to the power of 1 - balance. No scan is shown more than about
    `MOST_REPEATS` times, and scans of one kind equally often but for one.
    """
    _, kind, counts = np.unique(np.array(kinds), return_inverse=True, return_counts=True)
    shares = counts ** (1.0 - balance)
    often = np.minimum(shares / shares.sum() / counts * len(kinds), MOST_REPEATS)
    # of evenly spaced marks on the shuffled weights' running sum, each falls on a scan
    shuffled = rng.permutation(len(kinds))
    sums = np.cumsum(often[kind][shuffled])
    marks = (np.arange(len(kinds)) + 0.5) * sums[-1] / len(kinds)
    picked = shuffled[np.minimum(np.searchsorted(sums, marks), len(kinds) - 1)]
    return rng.permutation(picked)


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


def as_batch(examples: Sequence[Example], targets: Targets) -> Batch:
    """(N, size, size, 3) float32 in [0, 1] and (N, size, size, 1) float32 of 0 and 1.

    With classes the second is a pair, whose other is (N, 3) of 0 and 1 in the order of
    `NETWORK_CLASSES`: all 0 for an unknown class, so that it adds nothing to the loss.
    """
    images = network_values(np.stack([example.image for example in examples]))
    masks = np.stack([example.mask for example in examples])[..., None].astype(np.float32)
    if targets == "masks":
        return images, masks
    rows = [[label == example.label for label in NETWORK_CLASSES] for example in examples]
    return images, (masks, np.array(rows, np.float32))
