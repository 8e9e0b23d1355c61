"""The architecture that is checked: its networks at small sizes, and test scans."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from busicli.models.architecture import Architecture
from busicli.models.keras_backend import load_keras
from busicli.models.registry import find, of_file
from busicli.models.weights import build_model, load_state, serialize_weights
from busicli.settings import Precision, PreprocessSettings, TrainSettings

if TYPE_CHECKING:
    import keras

LEAST_PX = 33
"""Not a power of two, so that networks which need one are found."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """One plugin; networks and predictions that several checks use are computed once.

    Networks are built with the given options, so that they can be small.
    """

    asked: str | Path
    """The plugin's name or file, as it was given."""
    plugins: tuple[Path, ...]
    """Further files in which a name is looked for."""
    options: dict[str, Any]
    architecture: Architecture = field(repr=False)

    @classmethod
    def of(
        cls,
        asked: str | Path,
        plugins: Sequence[Path] = (),
        options: Mapping[str, Any] | None = None,
    ) -> "Candidate":
        """The plugin of a name, or of a single file whatever else is installed.

        Raises InputError where the plugin does not exist or is broken, and for options that it
        does not have.
        """
        architecture = of_file(asked) if isinstance(asked, Path) else find(asked, plugins)
        given = dict(options or {})
        architecture.checked_options(given)
        return cls(asked=asked, plugins=tuple(plugins), options=given, architecture=architecture)

    @property
    def file(self) -> str | None:
        """The file of the plugin's `build`, as tracebacks name it; None where it has none."""
        code = getattr(self.architecture.build, "__code__", None)
        return code.co_filename if code else None

    @property
    def size_px(self) -> int:
        """Rows and columns of most networks: the smallest size above 32 that the plugin takes."""
        return self.size_from(LEAST_PX)

    @property
    def sizes_px(self) -> tuple[int, ...]:
        """Sizes that the plugin takes: the two smallest above 32, and those of training."""
        small, full = TrainSettings().low_res_px, PreprocessSettings().size_px
        wanted = (LEAST_PX, self.size_px + 1, small, full)
        return tuple(sorted({self.size_from(size) for size in wanted}))

    def size_from(self, size_px: int) -> int:
        """The smallest size not below `size_px` that is a multiple of the plugin's."""
        multiple = max(1, self.architecture.size_multiple)
        return multiple * -(-size_px // multiple)

    def fresh(
        self, size_px: int | None = None, *, seed: int = 0, precision: Precision = "float32"
    ) -> "keras.Model":
        """A new network, as at the start of training. Sets the random state of Keras and NumPy."""
        load_keras().utils.set_random_seed(seed)
        # as from a card, whose JSON turns tuples into lists
        options = json.loads(json.dumps(self.architecture.checked_options(self.options)))
        size = size_px or self.size_px
        return build_model(self.architecture, size, options, precision=precision)

    def as_trained(self, seed: int = 0) -> "keras.Model":
        """A new network with noise added to all its weights, also to those that begin at 0."""
        model = self.fresh(seed=seed)
        rng = np.random.default_rng(seed)
        for variable in model.trainable_variables:
            fan_in = max(1, int(np.prod(variable.shape[:-1])))
            spread = rng.normal(0, min(0.1, fan_in**-0.5), variable.shape)
            variable.assign(as_array(variable) + spread.astype(np.float32))
        return model

    @cached_property
    def network(self) -> "keras.Model":
        """A network as after training, its numbers as they are stored; must not be changed."""
        model = self.as_trained()
        load_state(model, serialize_weights(model), model.name)
        return model

    @cached_property
    def answers(self) -> NDArray[np.float32]:
        """The network's predictions for the scans."""
        return answers(self.network, self.scans)

    @cached_property
    def scans(self) -> NDArray[np.float32]:
        """(6, size, size, 3) in [0, 1]: black, white, grey, noise twice, halves."""
        size = self.size_px
        noise = np.random.default_rng(0).random((2, size, size, 3), np.float32)
        plain = [np.full((size, size, 3), value, np.float32) for value in (0, 1, 0.5)]
        halves = np.zeros((1, size, size, 3), np.float32)
        halves[:, : size // 2] = 1
        return np.concatenate([np.stack(plain), noise, halves])

    def targets(self, model: "keras.Model") -> Any:
        """Training targets: masks, with classes where the network has a second output."""
        classes = np.eye(3, dtype=np.float32)[np.arange(len(self.scans)) % 3]
        return self.references if len(model.outputs) == 1 else [self.references, classes]

    @property
    def references(self) -> NDArray[np.float32]:
        """A mask of each scan, its bright pixels: (6, size, size, 1) of 0 and 1."""
        bright = self.scans.mean(axis=3, keepdims=True) > 0.5
        return np.where(bright, np.float32(1), np.float32(0))


Check = Callable[[Candidate], str]
"""Returns what it measured. Raises CheckError, or NotTriedError where it cannot run here."""


def answers(model: "keras.Model", scans: NDArray[np.float32]) -> NDArray[np.float32]:
    """The maps that a network predicts, of any type and shape: they may be wrong."""
    return np.array(first_of(model.predict_on_batch(scans)))


def plain_answers(model: "keras.Model", scans: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `answers`, but without compiling the network."""
    maps = first_of(model(scans, training=False))
    return np.array(load_keras().ops.convert_to_numpy(maps))


def first_of(outputs: Any) -> Any:
    """The map among a network's outputs: the only output, or the first."""
    return outputs[0] if isinstance(outputs, list | tuple) else outputs


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The largest absolute difference; infinite where shapes or the places of NaN differ."""
    if one.shape != other.shape or (np.isfinite(one) != np.isfinite(other)).any():
        return float("inf")
    return float(np.abs(np.nan_to_num(one - other)).max(initial=0))


def as_array(variable: "keras.Variable") -> NDArray[np.float32]:
    """A copy of a variable's values."""
    return np.array(variable.numpy(), np.float32)
