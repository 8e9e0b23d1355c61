"""Begin a wider network from trained weights: python tools/widen.py FROM OPTION TO.

FROM is a folder of weights or of a cross-validation's folds, OPTION the wider network's as JSON, as
'{"widths": [16, 64, 112, 192, 256]}', TO the folder to write. The wider network answers as the
trained one: what it has more of begins at random and is not listened to yet. Train it with
`busicli train --init TO`.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.inference.engines import KerasEngine
from busicli.models.keras_backend import load_keras
from busicli.models.registry import find
from busicli.models.weights import build_model, load_model, read_card, save_weights

if TYPE_CHECKING:
    import keras

Places = NDArray[np.intp]
"""Of each channel of the trained network, its place among the wider one's."""


def widen(trained: "keras.Model", wider: "keras.Model") -> None:
    """Put a network's numbers into a wider one of the same layers, so that both answer the same.

    After Chen et al. (2016), arXiv:1511.05641; but new channels begin at random, and with weight
    zero for the old ones. Raises InputError for layers whose channels cannot be known.
    """
    places: dict[int, Places] = {}
    if len(trained.operations) != len(wider.operations):
        raise InputError("the wider network has other layers; only its widths may differ.")
    for old, new in zip(trained.operations, wider.operations, strict=True):
        inputs = [places[id(tensor)] for tensor in _tensors(old, "input") if id(tensor) in places]
        outputs, wide = _tensors(old, "output"), _tensors(new, "output")
        widths = [(a.shape[-1], b.shape[-1]) for a, b in zip(outputs, wide, strict=True)]
        kind = type(old).__name__
        if kind in ("InputLayer", "Conv2D"):
            found = [_halves(*width) for width in widths]
        elif kind == "Split":
            found = [np.arange(width) for width, _ in widths]
        elif kind == "Concatenate":
            begins = np.cumsum([0, *(tensor.shape[-1] for tensor in _tensors(new, "input"))])
            found = [np.concatenate([a + b for a, b in zip(inputs, begins, strict=False)])]
        elif kind in ("Reshape", "Permute", "Bilinear"):  # of logits, which are not widened
            found = [np.arange(width) for width, _ in widths]
        else:
            found = inputs[:1]
            if any(not np.array_equal(found[0], other) for other in inputs[1:]):
                raise InputError(f"{old.name} joins channels of different places.")
        _fill(old, new, inputs[0] if inputs else found[0], found[0])
        places |= {id(tensor): positions for tensor, positions in zip(outputs, found, strict=True)}


def _tensors(operation: Any, side: str) -> list[Any]:
    found = getattr(operation, side)
    return list(found) if isinstance(found, list | tuple) else [found]


def _halves(old: int, new: int) -> Places:
    """The first half first, the second half in the middle: halves are normalised apart."""
    first = old // 2
    return np.concatenate([np.arange(first), new // 2 + np.arange(old - first)])


def _fill(old: Any, new: Any, inputs: Places, outputs: Places) -> None:
    """The numbers of one layer: those of old channels where they were, none from new to old."""
    ops = load_keras().ops
    for a, b in zip(getattr(old, "weights", ()), getattr(new, "weights", ()), strict=True):
        value, more = ops.convert_to_numpy(a).copy(), ops.convert_to_numpy(b).copy()
        if value.ndim > 1:
            more[..., outputs] = 0
            more[..., inputs[:, None], outputs] = value
        elif value.ndim == 1:
            more[outputs] = value
        b.assign(more)


def widen_weights(source: Path, options: Mapping[str, Any], target: Path) -> None:
    """Write the wider weights, without a graph: they are only to start from."""
    card = read_card(source)
    architecture = find(card.architecture, [])
    size_px = card.preprocess.size_px
    trained = load_model(source, card)
    load_keras().utils.set_random_seed(0)  # what is new begins the same each time
    wider = build_model(architecture, size_px, {**card.options, **options})
    widen(trained, wider)
    scans = np.random.default_rng(0).random((2, size_px, size_px, 3), np.float32)
    answers = [KerasEngine(model).predict(scans).maps for model in (trained, wider)]
    apart = np.abs(answers[0] - answers[1]).max()
    if apart > 1e-4:
        raise InputError(f"the wider network answers otherwise, by up to {apart:.2g}.")
    known = architecture.checked_options({**card.options, **options})
    save_weights(target, wider, replace(card, options=dict(known), graph={}, files={}))


def main() -> None:
    """Read the command line."""
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    source, options, target = Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
    folds = sorted(source.glob("fold-*"))
    try:
        for fold in folds:
            widen_weights(fold / "weights", options, target / fold.name / "weights")
        if not folds:
            widen_weights(source, options, target)
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
