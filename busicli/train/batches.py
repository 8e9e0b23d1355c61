"""Batches of scans and masks for Keras, the same for one seed whatever the threads do."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from busicli.augment import apply_change, draw_change
from busicli.dataset.store import PreparedScans
from busicli.preprocess import network_values
from busicli.settings import TrainSettings

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


class TrainingBatches(keras.utils.PyDataset):
    """One epoch over a training split: shuffled, changed at random, all batches of one size.

    The order depends on (seed, epoch), each scan's change on (seed, epoch, position): a resumed run
    sees what an uninterrupted one would. The last batch is filled from the epoch's start.
    """

    def __init__(self, split: PreparedScans, settings: TrainSettings, epoch: int) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=4)
        self.split, self.settings, self.epoch = split, settings, epoch
        rng = np.random.default_rng((settings.seed, epoch))
        order = rng.permutation(len(split.images))
        self.order = np.resize(order, len(self) * settings.batch_size)

    def __len__(self) -> int:
        return -(-len(self.split.images) // self.settings.batch_size)

    def __getitem__(self, index: int) -> Batch:
        size = self.settings.batch_size
        places = range(index * size, (index + 1) * size)
        pairs = [self._pair(place) for place in places]
        return as_batch([image for image, _ in pairs], [mask for _, mask in pairs])

    def _pair(self, place: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        row = int(self.order[place])
        image, mask = np.array(self.split.images[row]), np.array(self.split.masks[row])
        if not self.settings.augment:
            return image, mask
        rng = np.random.default_rng((self.settings.seed, self.epoch, place, 1))
        return apply_change(image, mask, draw_change(rng, self.settings.augmentation))


class PlainBatches(keras.utils.PyDataset):
    """A split in its own order, unchanged."""

    def __init__(self, split: PreparedScans, batch_size: int) -> None:
        super().__init__()
        self.split, self.batch_size = split, batch_size

    def __len__(self) -> int:
        return -(-len(self.split.images) // self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return as_batch(list(self.split.images[rows]), list(self.split.masks[rows]))


def as_batch(images: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.uint8]]) -> Batch:
    """(N, size, size, 3) float32 in [0, 1] and (N, size, size, 1) float32 of 0 and 1."""
    return network_values(np.stack(images)), np.stack(masks)[..., None].astype(np.float32)
