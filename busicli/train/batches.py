"""Batches of scans and masks for Keras, the same for one seed whatever the threads do."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from busicli.augment import apply_augmentation, draw_augmentation
from busicli.dataset.store import PreparedScans
from busicli.preprocess import network_image, network_mask, network_values
from busicli.settings import PreprocessSettings, TrainSettings

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]
Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A (size, size, 3) image and its (size, size) mask."""


class TrainingBatches(keras.utils.PyDataset):
    """One epoch over a training split: shuffled, changed at random, all batches of one size.

    The order depends on (seed, epoch), each scan's change on (seed, epoch, position): a resumed run
    sees what an uninterrupted one would. The last batch is filled from the epoch's start. Scans are
    made to be `size_px` rows and columns, which is their own size if None.
    """

    def __init__(
        self,
        split: PreparedScans,
        settings: TrainSettings,
        epoch: int,
        size_px: int | None = None,
    ) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=4)
        self.split, self.settings, self.epoch = split, settings, epoch
        self.size_px = size_px
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

    def _pair(self, place: int) -> Pair:
        image, mask = sized_pair(self.split, int(self.order[place]), self.size_px)
        if not self.settings.augment:
            return image, mask
        rng = np.random.default_rng((self.settings.seed, self.epoch, place, 1))
        params = draw_augmentation(rng, self.settings.augmentation)
        return apply_augmentation(image, mask, params, partner=None)


class PlainBatches(keras.utils.PyDataset):
    """A split in its own order, unchanged but for the size."""

    def __init__(self, split: PreparedScans, batch_size: int, size_px: int | None = None) -> None:
        super().__init__()
        self.split, self.batch_size, self.size_px = split, batch_size, size_px

    def __len__(self) -> int:
        return -(-len(self.split.images) // self.batch_size)

    def __getitem__(self, index: int) -> Batch:
        rows = range(len(self.split.images))[index * self.batch_size :][: self.batch_size]
        pairs = [sized_pair(self.split, row, self.size_px) for row in rows]
        return as_batch([image for image, _ in pairs], [mask for _, mask in pairs])


def sized_pair(split: PreparedScans, row: int, size_px: int | None) -> Pair:
    """One scan and its mask as new arrays, at their own size if `size_px` is None."""
    image, mask = np.array(split.images[row]), np.array(split.masks[row])
    if size_px in (None, len(image)):
        return image, mask
    smaller = PreprocessSettings(size_px=size_px)
    return network_image(image, smaller), network_mask(mask > 0, smaller)


def as_batch(images: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.uint8]]) -> Batch:
    """(N, size, size, 3) float32 in [0, 1] and (N, size, size, 1) float32 of 0 and 1."""
    return network_values(np.stack(images)), np.stack(masks)[..., None].astype(np.float32)
