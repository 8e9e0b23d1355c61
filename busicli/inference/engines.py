"""Engines that run a network: Keras on any backend, OpenVINO on processors."""

import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from busicli.errors import BusicliError
from busicli.imaging.novelty import Familiar, novelty
from busicli.imaging.preprocess import network_values
from busicli.settings import Precision
from busicli.types import NETWORK_CLASSES

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


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a network says of N images."""

    maps: NDArray[np.float32]
    """Lesion probabilities (N, size, size) in [0, 1]."""
    classes: NDArray[np.float32] | None = None
    """Probabilities (N, 3) in the order of `NETWORK_CLASSES`; None without a class output."""
    novelty: NDArray[np.float64] | None = None
    """Distance (N,) from the training scans; None where the weights do not know these."""

    def __getitem__(self, rows: slice) -> "Predictions":
        return Predictions(
            self.maps[rows],
            None if self.classes is None else self.classes[rows],
            None if self.novelty is None else self.novelty[rows],
        )

    @classmethod
    def of_no_image(cls, images: "Images") -> "Predictions":
        """Of (0, size, size, 3) images."""
        return cls(np.zeros(images.shape[:3], np.float32))


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Several predictions of one network, at least one, joined in order."""
    classes = [part.classes for part in parts if part.classes is not None]
    novelty = [part.novelty for part in parts if part.novelty is not None]
    return Predictions(
        np.concatenate([part.maps for part in parts]),
        np.concatenate(classes) if classes else None,
        np.concatenate(novelty) if novelty else None,
    )


def _from_outputs(outputs: Sequence[NDArray[Any]], familiar: Familiar | None) -> Predictions:
    """Predictions from a network's outputs: maps, classes where there are, features for novelty.

    What follows the maps are classes where it has as many columns as there are classes.
    """
    maps, *others = outputs
    classes = [one for one in others if one.shape[1] == len(NETWORK_CLASSES)]
    features = [one for one in others if one.shape[1] != len(NETWORK_CLASSES)]
    return Predictions(
        np.asarray(maps, np.float32)[..., 0],
        np.asarray(classes[0], np.float32) if classes else None,
        novelty(np.asarray(features[0], np.float32), familiar) if features and familiar else None,
    )


class Engine(Protocol):
    """Anything that runs a network on images; several threads may ask at once."""

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
        """How many scans are best computed at once."""
        ...

    def predict(self, images: Images) -> Predictions:
        """What the network says of (N, size, size, 3) uint8 images.

        It depends neither on an image's position nor on how many there are.
        """
        ...


@dataclass(frozen=True, slots=True)
class KerasEngine:
    """The reference: Keras's compiled call on batches of one fixed size, on any backend."""

    model: "keras.Model"
    batch: int = BATCH
    name: str = "keras"
    precision: Precision = "float32"
    familiar: Familiar | None = None
    """Which features the training scans have, if the model tells a scan's features."""
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def predict(self, images: Images) -> Predictions:
        """As every engine. The last batch is filled up, so that one shape is compiled."""
        with self._one_at_a_time, _computing(self.name):
            parts = [self._batch(images[rows]) for rows in _slices(len(images), self.batch)]
        return joined(parts) if parts else Predictions.of_no_image(images)

    def _batch(self, images: NDArray[np.uint8]) -> Predictions:
        full = np.zeros((self.batch, *images.shape[1:]), np.float32)
        full[: len(images)] = network_values(images)
        outputs = self.model.predict_on_batch(full)
        parts = outputs if isinstance(outputs, list) else [outputs]
        return _from_outputs([np.asarray(part)[: len(images)] for part in parts], self.familiar)


class OpenVinoEngine:
    """A network's exported graph on the processor, without Keras or its backend.

    Each scan is computed on one core, and as many scans side by side as there are `streams`. So no
    core waits for another, and a thread that wants one scan takes no second core.
    """

    name = "openvino"
    batch = 1

    def __init__(
        self, graph: Any, *, precision: Precision, streams: int, familiar: Familiar | None = None
    ) -> None:
        """`graph` is a compiled OpenVINO model of one (1, size, size, 3) input."""
        self.precision = precision
        self._familiar = familiar
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(streams):
            self._idle.put(graph.create_infer_request())
        # OpenVINO's binding builds tables on first use and releases Python's lock while it holds
        # C++'s: two threads that use it first at the same time would deadlock.
        size = int(graph.inputs[0].shape[1])
        self.predict(np.zeros((1, size, size, 3), np.uint8))

    def predict(self, images: Images) -> Predictions:
        """As every engine, on all streams that are idle."""
        found: list[Predictions] = []
        running: deque[Any] = deque()
        try:
            with _computing(self.name):
                for index in range(len(images)):
                    request = self._next_request(running, found) if running else self._idle.get()
                    running.append(request)
                    request.start_async([network_values(images[index : index + 1])])
                while running:
                    self._idle.put(self._collected(running, found))
        finally:  # a request that is not returned would be waited for without end
            for request in running:
                with suppress(RuntimeError):
                    request.wait()
                self._idle.put(request)
        return joined(found) if found else Predictions.of_no_image(images)

    def _next_request(self, running: "deque[Any]", found: list[Predictions]) -> Any:
        """An idle request, else the caller's own oldest one.

        Waiting for another thread's request could deadlock: it may be waiting in the same way.
        """
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._collected(running, found)

    def _collected(self, running: "deque[Any]", found: list[Predictions]) -> Any:
        """The oldest running request, once what it says is the last in `found`."""
        request = running[0]  # it stays there where it fails
        request.wait()
        outputs = [np.array(tensor.data) for tensor in request.output_tensors]
        found.append(_from_outputs(outputs, self._familiar))
        running.popleft()
        return request


@dataclass(frozen=True, slots=True)
class FlipTtaEngine:
    """Horizontal-flip test-time augmentation: the mean over a scan and its flip.

    It costs twice the time.
    """

    engine: Engine

    @property
    def name(self) -> str:
        """The other engine's name with the augmentation."""
        return f"{self.engine.name} with flip TTA"

    @property
    def precision(self) -> Precision:
        """The other's."""
        return self.engine.precision

    @property
    def batch(self) -> int:
        """The other's."""
        return self.engine.batch

    def predict(self, images: Images) -> Predictions:
        """As every engine."""
        parts = [self._mean(np.asarray(images[rows])) for rows in _slices(len(images), BATCH)]
        return joined(parts) if parts else Predictions.of_no_image(images)

    def _mean(self, images: NDArray[np.uint8]) -> Predictions:
        plain, mirrored = (self.engine.predict(some) for some in (images, images[:, :, ::-1]))
        half = np.float32(0.5)
        classes, novel = (plain.classes, mirrored.classes), (plain.novelty, mirrored.novelty)
        return Predictions(
            (plain.maps + mirrored.maps[:, :, ::-1]) * half,
            None if classes[0] is None or classes[1] is None else (classes[0] + classes[1]) * half,
            None if novel[0] is None or novel[1] is None else (novel[0] + novel[1]) * 0.5,
        )


def with_flip_tta(engine: Engine, wanted: bool) -> Engine:
    """The engine, with flip test-time augmentation where wanted."""
    return FlipTtaEngine(engine) if wanted else engine


@contextmanager
def _computing(engine: str) -> Iterator[None]:
    """Raise BusicliError for whatever a framework raises: the next scan would not fare better."""
    try:
        yield
    except (BusicliError, MemoryError):
        raise
    except Exception as error:
        reason = str(error).strip().rpartition("\n")[2]
        raise BusicliError(
            f"the engine {engine} failed ({type(error).__name__}: {reason}); get the weights again "
            "or take another --engine, and run again to resume."
        ) from error


def _slices(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
