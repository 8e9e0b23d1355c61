"""Batches of scans and masks for Keras, the same for one seed whatever the workers do."""

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
from numpy.typing import NDArray

from busicli.data.store import PreparedScans
from busicli.imaging.preprocess import network_values
from busicli.training.examples import Epoch, Example, resized_pair
from busicli.training.loader import Loader
from busicli.types import NETWORK_CLASSES

Floats = NDArray[np.float32]
Batch = tuple[Floats, Floats | tuple[Floats, Floats]]
"""Images, and masks or masks and classes."""
Targets = Literal["masks", "masks and classes"]


class TrainingBatches(keras.utils.PyDataset):
    """One epoch over a training split: shuffled, augmented, all batches of one size."""

    def __init__(
        self, epoch: Epoch, targets: Targets = "masks", loader: Loader | None = None
    ) -> None:
        self.loader = loader or Loader()
        threads = self.loader.threads
        super().__init__(workers=threads, use_multiprocessing=False, max_queue_size=2 * threads)
        self.epoch, self.targets = epoch, targets
        self.order = epoch.order()

    def __len__(self) -> int:
        return len(self.order) // self.epoch.settings.batch_size

    def __getitem__(self, index: int) -> Batch:
        size = self.epoch.settings.batch_size
        positions = range(index * size, (index + 1) * size)
        rows = self.order[positions.start : positions.stop].tolist()
        return as_batch(self.loader.examples(self.epoch, positions, rows), self.targets)


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
