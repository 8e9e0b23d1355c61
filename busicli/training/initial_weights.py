"""The initial weights of a training run, and the scans they were trained on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from busicli.data.store import PreparedData
from busicli.errors import InputError
from busicli.models.card import Card
from busicli.models.registry import find
from busicli.models.weights import (
    ENCODER,
    load_state,
    locate_shipped,
    read_card,
    read_encoder,
    read_numbers,
    resolve_weights,
)
from busicli.training.request import TrainRequest
from busicli.types import Case

if TYPE_CHECKING:
    import keras

RANDOM = "random"
"""The value of `--init` for random weights where the model has a pre-trained encoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialWeights:
    """Weights that training begins from."""

    name: str
    part: Literal["network", "encoder"]
    numbers: dict[str, np.ndarray[Any, Any]] = field(repr=False)
    training_scans: list[list[str]] = field(repr=False)
    """The scans they were trained on, as in their card; empty for an encoder, which saw none."""
    stages: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """The trainings that made them, the first one first; empty for an encoder."""

    def fill(self, model: "keras.Model") -> None:
        """Load them into a network; InputError, naming a layer, where they do not fit."""
        if self.part == "network":
            load_state(model, self.numbers, self.name)
        else:
            fill_by_path(model, self.numbers, self.name)


def load_initial_weights(request: TrainRequest, data: PreparedData) -> InitialWeights | None:
    """The weights of `init`, or the model's pre-trained encoder; None for random weights.

    Raises InputError where a fold would begin from weights that have seen its held-out scans, and
    where `init_weight` is set but there are no initial weights of the whole network.
    """
    weights = _name(request)
    if request.settings.init_weight and (weights is None or weights == RANDOM):
        raise InputError(
            "init_weight is a share of the initial weights, and there are none: give --init."
        )
    if weights == RANDOM:
        return None
    if weights is None:
        encoder = find(request.model, request.plugins).pretrained
        return _encoder(*locate_shipped(encoder)) if encoder else None
    source, pinned = resolve_weights(weights)
    if (source / ENCODER).is_file():
        if request.settings.init_weight:
            raise InputError(
                f"init_weight is a share of initial weights, and {source.name} holds those of an "
                "encoder alone; give --init weights of the whole network, or leave it out."
            )
        return _encoder(source, pinned)
    card = read_card(source, pinned_sha256=pinned)
    _check_unseen(request, data, {pixels for pixels, _ in card.training_scans})
    return InitialWeights(
        name=source.name,
        part="network",
        numbers=read_numbers(source, card),
        training_scans=card.training_scans,
        stages=[*card.training.get("earlier_stages", ()), _stage(card)],
    )


def _stage(card: Card) -> dict[str, Any]:
    """What the card of later weights keeps of a training."""
    training = card.training
    return {
        "size_px": card.preprocess.size_px,
        "settings": training["settings"],
        "init": training["init"],
    }


def _encoder(folder: Path, pinned_sha256: str | None) -> InitialWeights:
    arrays = read_encoder(folder, pinned_sha256=pinned_sha256)
    return InitialWeights(name=folder.name, part="encoder", numbers=arrays, training_scans=[])


def average_with_initial(
    initial: InitialWeights, trained: Mapping[str, NDArray[Any]], share: float
) -> dict[str, NDArray[Any]]:
    """The weighted mean of trained and initial numbers; the initial ones have a share in [0, 1).

    Wortsman et al. (2022), arXiv:2109.01903: where both lie in one basin of the loss, the mean is
    as robust on unfamiliar scans as the trained numbers, and as accurate on familiar ones as the
    initial ones.
    """

    def single(numbers: NDArray[Any]) -> NDArray[np.float32]:  # they may be stored as float16
        return numbers.astype(np.float32)

    return {
        key: (1 - share) * single(own) + share * single(initial.numbers[key])
        for key, own in trained.items()
    }


def training_scans_of(initial: InitialWeights | None, trained: Sequence[Case]) -> list[list[str]]:
    """The scans that the finished weights have seen: these, and those of the initial weights."""
    own = [[case.fingerprint.pixels_sha256, case.fingerprint.phash] for case in trained]
    known = {pixels for pixels, _ in own}
    before = initial.training_scans if initial else []
    return own + [scan for scan in before if scan[0] not in known]


def seen_in_fold(
    data: PreparedData, fold: tuple[int, int], seen: Collection[str]
) -> tuple[int, int]:
    """How many scans of a fold have been seen, and how many it has.

    `fold` is its number and the number of folds, `seen` the pixels_sha256 of training scans.
    """
    number, count = fold
    held_out = [c for c, k in zip(data.cases, data.folds(count), strict=True) if k == number]
    return sum(case.fingerprint.pixels_sha256 in seen for case in held_out), len(held_out)


def fill_by_path(model: "keras.Model", arrays: Mapping[str, Any], name: str) -> None:
    """Put arrays into the variables of the same paths and leave the others as they are.

    Raises InputError, naming the first by the alphabet, where an array has no variable or one of
    another shape.
    """
    variables = {variable.path: variable for variable in model.weights}
    for path, array in sorted(arrays.items()):
        shape = tuple(variables[path].shape) if path in variables else None
        if shape != array.shape:
            raise InputError(
                f"the pre-trained weights {name} hold {path} of shape {array.shape}, but the model "
                f"{model.name} has {shape or 'no such variable'}; take weights of this encoder, or "
                "--init random."
            )
        variables[path].assign(np.asarray(array, np.float32))


def _name(request: TrainRequest) -> str | None:
    """The weights of `init`: the fold's own, where it is a cross-validation's folder."""
    if request.init and request.fold:
        own = Path(request.init) / f"fold-{request.fold[0]}" / "weights"
        if own.is_dir():
            return str(own)
    return request.init


def _check_unseen(request: TrainRequest, data: PreparedData, seen: Collection[str]) -> None:
    """Raise InputError where a fold's initial weights have seen a scan that it is scored on.

    `seen` are the pixels_sha256 of the scans that they were trained on.
    """
    if request.fold is None:
        return
    known, held_out = seen_in_fold(data, request.fold, seen)
    if known:
        raise InputError(
            f"the initial weights {_name(request)} were trained on {known} of the {held_out} scans "
            f"of fold {request.fold[0]}, which must be unseen; give --init the folder of a "
            "cross-validation with the same folds."
        )
