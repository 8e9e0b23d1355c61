from dataclasses import replace

import numpy as np
import pytest

from busicli.data.store import PreparedScans
from busicli.settings import TrainSettings
from busicli.training.batches import PlainBatches, TrainingBatches, as_batch
from busicli.training.examples import Epoch, Example
from tests.training.made_splits import numbered, split_with, textured

PLAIN = TrainSettings(batch_size=4, augment=False, class_balance=0.0)
AUGMENTED = TrainSettings(batch_size=4)


def training(
    split: PreparedScans,
    settings: TrainSettings = PLAIN,
    epoch: int = 0,
    size_px: int | None = None,
) -> TrainingBatches:
    return TrainingBatches(Epoch(split, settings, epoch, size_px))


def numbers_in(batches) -> list[list[int]]:
    """Which scans each batch holds, read from their pixels."""
    return [
        [round(float(image.max()) * 255) for image in batches[index][0]]
        for index in range(len(batches))
    ]


@pytest.mark.parametrize("batches", [training(numbered(8)), PlainBatches(numbered(8), 4)])
def test_a_batch_is_float_images_and_masks_with_a_channel(batches):
    images, masks = batches[0]
    assert (images.shape, images.dtype) == ((4, 8, 8, 3), np.float32)
    assert (masks.shape, masks.dtype) == ((4, 8, 8, 1), np.float32)
    assert images.max() <= 8 / 255
    numbers = np.round(images[:, 0, 0, 0] * 255)
    assert (masks == (numbers % 2)[:, None, None, None]).all()


def test_an_epoch_holds_every_scan_and_fills_the_last_batch_from_its_start():
    batches = numbers_in(training(numbered(10)))
    assert [len(batch) for batch in batches] == [4, 4, 4]
    order = [number for batch in batches for number in batch]
    assert sorted(order[:10]) == list(range(10))
    assert order[:10] != list(range(10))  # shuffled
    assert order[10:] == order[:2]


def test_fewer_scans_than_a_batch_are_repeated():
    (batch,) = numbers_in(training(numbered(3), replace(PLAIN, batch_size=8)))
    assert len(batch) == 8
    assert batch[:3] == batch[3:6]
    assert set(batch) == {0, 1, 2}


def test_plain_batches_keep_the_order_and_end_short():
    assert numbers_in(PlainBatches(numbered(10), 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_batches_depend_on_seed_and_epoch_alone():
    split = textured()

    def epoch(seed: int, number: int, positions=(0, 1)) -> np.ndarray:
        batches = training(split, replace(AUGMENTED, seed=seed), number)
        pairs = {position: batches[position] for position in positions}
        return np.concatenate(
            [pairs[position][part].ravel() for position in (0, 1) for part in (0, 1)]
        )

    first = epoch(1, 5)
    assert (epoch(1, 5) == first).all()
    assert (epoch(1, 5, positions=(1, 0)) == first).all()  # whichever thread asks first
    assert (epoch(1, 6) != first).any()
    assert (epoch(2, 5) != first).any()


def test_the_same_scan_is_augmented_differently_each_time():
    images, _ = training(textured(count=1), AUGMENTED)[0]
    assert len({image.tobytes() for image in images}) == 4


@pytest.mark.parametrize("kind", ["training", "plain"])
def test_scans_are_shrunk_to_the_size_asked_for_and_their_masks_to_the_half_that_is_lesion(kind):
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[:, :, 16:] = 200
    mask = np.zeros((1, 32, 32), np.uint8)
    mask[:, :, :17] = 1  # of columns 16 and 17, which become one, half is lesion: it counts
    split = split_with(image, mask)
    one = replace(PLAIN, batch_size=1)
    batches = (
        training(split, one, size_px=16)
        if kind == "training"
        else PlainBatches(split, 1, size_px=16)
    )
    images, masks = batches[0]
    assert (images.shape, masks.shape) == ((1, 16, 16, 3), (1, 16, 16, 1))
    np.testing.assert_array_equal(masks[0, 0, :, 0], [1] * 9 + [0] * 7)
    assert images[0, 0, 6, 0] == 0 < images[0, 0, 7, 0] < images[0, 0, 9, 0]


def test_the_split_itself_is_never_changed():
    split = textured()
    before = split.images.copy(), split.masks.copy()
    training(split, AUGMENTED)[0]
    np.testing.assert_array_equal(split.images, before[0])
    np.testing.assert_array_equal(split.masks, before[1])


def test_classes_are_in_the_networks_order_and_nothing_where_unknown():
    blank = np.zeros((2, 2, 3), np.uint8)
    examples = [
        Example(blank, blank[..., 0], label) for label in ("normal", "benign", "malignant", "")
    ]
    _, (masks, classes) = as_batch(examples, "masks and classes")
    assert masks.shape == (4, 2, 2, 1)
    np.testing.assert_array_equal(classes, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_plain_batches_tell_the_classes_where_asked():
    split = split_with(*_blank(2), labels=["malignant", "normal"])
    _, (_, classes) = PlainBatches(split, 2, "masks and classes")[0]
    np.testing.assert_array_equal(classes, [[0, 0, 1], [1, 0, 0]])


def _blank(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((count, 8, 8, 3), np.uint8), np.zeros((count, 8, 8), np.uint8)
