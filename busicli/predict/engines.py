"""Engines: all map scans to probability maps, Keras on any backend, OpenVINO on processors."""

import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from busicli.preprocess import network_values
from busicli.settings import Precision

if TYPE_CHECKING:
    import keras

BATCH = 8
"""Scans that Keras gets at once."""


class Images(Protocol):
    """Network images (N, size, size, 3) uint8 that can be read some at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, size, size, 3)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[np.uint8]: ...


class Engine(Protocol):
    """Anything that maps network images to probability maps; several threads may ask at once."""

    @property
    def name(self) -> str:
        """What the manifest calls it."""
        ...

    @property
    def precision(self) -> Precision:
        """What it computes in."""
        ...

    @property
    def batch(self) -> int:
        """How many scans are best asked for at once."""
        ...

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """(N, size, size, 3) uint8 to (N, size, size) float32 in [0, 1].

        A scan's map depends neither on its place nor on how many are asked for.
        """
        ...


@dataclass(frozen=True, slots=True)
class KerasEngine:
    """The reference: Keras's compiled call on batches of one fixed size, on any of its backends."""

    model: "keras.Model"
    batch: int = BATCH
    name: str = "keras"
    precision: Precision = "float32"
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """(N, size, size, 3) uint8 to (N, size, size) float32; the last batch is filled up, so that
        the network is compiled for one shape.
        """
        with self._one_at_a_time:
            parts = [self._batch(images[rows]) for rows in _slices(len(images), self.batch)]
        return np.concatenate(parts) if parts else np.zeros(images.shape[:3], np.float32)

    def _batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        full = np.zeros((self.batch, *images.shape[1:]), np.float32)
        full[: len(images)] = network_values(images)
        answer = self.model.predict_on_batch(full)
        maps = np.asarray(answer[0] if isinstance(answer, list) else answer, np.float32)
        return maps[: len(images), ..., 0]


class OpenVinoEngine:
    """A network's exported graph on the processor, without Keras or its backend.

    Each scan goes through the network on one core, as many scans side by side as there are
    `streams`: no core waits for another, and a thread that asks for one scan runs on no second
    core.
    """

    name = "openvino"
    batch = 1

    def __init__(self, graph: Any, *, precision: Precision, streams: int) -> None:
        """`graph` is a compiled OpenVINO model of one (1, size, size, 3) input."""
        self.precision = precision
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._idle.put(graph.create_infer_request())
        # OpenVINO's binding makes tables of its own on first use, letting go of Python's lock while
        # it holds C++'s: two threads that use it first at once wait for each other for ever.
        size = int(graph.inputs[0].shape[1])
        self.probabilities(np.zeros((1, size, size, 3), np.uint8))

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """(N, size, size, 3) uint8 to (N, size, size) float32, on all streams that are idle."""
        maps = np.zeros(images.shape[:3], np.float32)
        running: deque[tuple[int, Any]] = deque()
        for place in range(len(images)):
            request = self._next_request(running, maps) if running else self._idle.get()
            request.start_async([network_values(images[place : place + 1])])
            running.append((place, request))
        while running:
            self._idle.put(_collected(running, maps))
        return maps

    def _next_request(self, running: "deque[tuple[int, Any]]", maps: NDArray[np.float32]) -> Any:
        """An idle request, else the caller's own oldest: never one that another thread must free
        first, which may be waiting in the same way.
        """
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return _collected(running, maps)


@dataclass(frozen=True, slots=True)
class MirroredEngine:
    """Another engine's mean over each scan and its mirror image, at twice the cost."""

    engine: Engine

    @property
    def name(self) -> str:
        """The other's name, and what is done beside."""
        return f"{self.engine.name}, mirrored too"

    @property
    def precision(self) -> Precision:
        """The other's."""
        return self.engine.precision

    @property
    def batch(self) -> int:
        """The other's."""
        return self.engine.batch

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """(N, size, size, 3) uint8 to (N, size, size) float32 in [0, 1]."""
        parts = [np.zeros(images.shape[:3], np.float32)[:0]]
        for rows in _slices(len(images), BATCH):
            plain = np.asarray(images[rows])
            mirrored = self.engine.probabilities(plain[:, :, ::-1])[:, :, ::-1]
            parts.append((self.engine.probabilities(plain) + mirrored) * np.float32(0.5))
        return np.concatenate(parts)


def averaged_with_mirror(engine: Engine, wanted: bool) -> Engine:
    """The engine, or where wanted its mean over each scan and its mirror image."""
    return MirroredEngine(engine) if wanted else engine


def _collected(running: "deque[tuple[int, Any]]", maps: NDArray[np.float32]) -> Any:
    """The oldest running request, once its map is among `maps`."""
    place, request = running.popleft()
    request.wait()
    maps[place] = request.get_output_tensor(0).data[0, ..., 0]
    return request


def _slices(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
