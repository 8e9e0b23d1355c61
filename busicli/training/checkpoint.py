"""The state of a training run in one file, written atomically."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from busicli.errors import InputError
from busicli.io.files import atomic_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    epochs_done: int = 0
    best_epoch: int = 0
    best_dice: float = -1.0
    """Highest validation Dice so far; -1 before the first epoch."""


def save_checkpoint(path: Path, model: keras.Model, progress: Progress) -> None:
    """Write every variable of the model and its optimizer, with the random states of dropout."""
    arrays = {f"{i:05d}": _array(v) for i, v in enumerate(_variables(model))}
    metadata = {"progress": json.dumps(asdict(progress))}
    atomic_write(path, save(arrays, metadata=metadata))


def load_checkpoint(path: Path, model: keras.Model) -> Progress:
    """Fill the model and its built optimizer from a file of `save_checkpoint`.

    Raises InputError where the file is damaged or belongs to another model.
    """
    variables = _variables(model)
    with _opened(path) as file:
        if len(file.keys()) != len(variables):
            raise InputError(f"{path} belongs to another model; start a new run.")
        for i, variable in enumerate(variables):
            variable.assign(file.get_tensor(f"{i:05d}"))
        return _progress(file)


def read_progress(path: Path) -> Progress:
    """The progress in a file of `save_checkpoint`. Raises InputError where it is damaged."""
    with _opened(path) as file:
        return _progress(file)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(str(path), framework="numpy") as file:
            yield file
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"cannot resume from {path}; start a new run.") from error


def _progress(file: Any) -> Progress:
    return Progress(**json.loads(file.metadata()["progress"]))


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Weights, random states and optimizer state, in a fixed order; no metrics."""
    weights = {id(v) for v in model.weights}
    seeds = [v for v in model.non_trainable_variables if id(v) not in weights]
    return [*model.weights, *seeds, *model.optimizer.variables]


def _array(variable: keras.Variable) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = np.array(ops.convert_to_numpy(variable.value))
    return array
