"""Engines: all map scans to probability maps, Keras on any backend, OpenVINO on processors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from busicli.preprocess import network_values

if TYPE_CHECKING:
    import keras

BATCH = 8


class Images(Protocol):
    """Network images (N, size, size, 3) uint8 that can be read some at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, size, size, 3)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[np.uint8]: ...


class Engine(Protocol):
    """Anything that maps network images to probability maps."""

    @property
    def name(self) -> str:
        """What the manifest calls it."""
        ...

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """(N, size, size, 3) uint8 to (N, size, size) float32 in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True)
class KerasEngine:
    """The reference: Keras's compiled call on batches of one fixed size, on any of its backends."""

    model: "keras.Model"
    batch: int = BATCH
    name: str = "keras"

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """(N, size, size, 3) uint8 to (N, size, size) float32; the last batch is filled up, so that
        the network is compiled for one shape and a scan's result does not depend on its place.
        """
        parts = [self._batch(images[rows]) for rows in _slices(len(images), self.batch)]
        return np.concatenate(parts) if parts else np.zeros(images.shape[:3], np.float32)

    def _batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        full = _filled_up(images, self.batch)
        answer = np.asarray(self.model.predict_on_batch(full), np.float32)
        return answer[: len(images), ..., 0]


@dataclass(frozen=True, slots=True)
class OpenVinoEngine:
    """A network's exported graph on the processor, without Keras or its backend."""

    graph: Any
    """A compiled OpenVINO model."""
    batch: int = BATCH
    name: str = "openvino"

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """(N, size, size, 3) uint8 to (N, size, size) float32; a scan's result depends neither on
        its place nor on how many are asked for.
        """
        parts = [np.zeros(images.shape[:3], np.float32)[:0]]
        for rows in _slices(len(images), self.batch):
            some = np.asarray(images[rows])
            answer = self.graph(_filled_up(some, self.batch))[0]
            parts.append(np.array(answer[: len(some), ..., 0], np.float32))
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class MirroredEngine:
    """Another engine's mean over each scan and its mirror image, at twice the cost."""

    engine: Engine

    @property
    def name(self) -> str:
        """The other's name, and what is done beside."""
        return f"{self.engine.name}, mirrored too"

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """(N, size, size, 3) uint8 to (N, size, size) float32 in [0, 1]."""
        parts = [np.zeros(images.shape[:3], np.float32)[:0]]
        for rows in _slices(len(images), BATCH):
            plain = np.asarray(images[rows])
            mirrored = self.engine.probabilities(plain[:, :, ::-1])[:, :, ::-1]
            parts.append((self.engine.probabilities(plain) + mirrored) * np.float32(0.5))
        return np.concatenate(parts)


def _filled_up(images: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
    """Network values of up to `batch` images, and black ones to make as many."""
    full = np.zeros((batch, *images.shape[1:]), np.float32)
    full[: len(images)] = network_values(images)
    return full


def _slices(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
