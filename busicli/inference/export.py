"""Exports the graph of weights, with TensorFlow whatever they were trained on.

OpenVINO's converter knows all of TensorFlow's operations, but not all of JAX's and PyTorch's. Run
as `python -m busicli.inference.export WEIGHTS OUT [PLUGIN...]` with KERAS_BACKEND set: a process
has one backend.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from busicli.data.store import PreparedScans
from busicli.errors import InputError
from busicli.imaging.metrics import dice
from busicli.imaging.postprocess import lesion_mask
from busicli.inference.engines import KerasEngine
from busicli.inference.openvino import (
    CONSTANTS,
    GRAPH,
    export_graph,
    have_openvino,
    masks_agree,
    open_graph,
    precisions,
)
from busicli.models.weights import load_model, read_card, write_files
from busicli.parallel.subprocesses import last_line, run_python
from busicli.settings import PostprocessSettings

if TYPE_CHECKING:
    import keras

CONVERTED = "tensorflow"
COMPARED = 2000
"""Most scans on which an exported graph is compared with its network."""
CHUNK = 64
"""Scans whose maps are held at a time."""


def add_graph(weights: Path, scans: PreparedScans, plugins: Sequence[Path] = ()) -> str:
    """Export the graph of a weights folder if its masks agree with the network's.

    The card records how well they agree, in bfloat16 too where this processor supports it. Returns
    why the graph was left out, or an empty text.
    """
    if not have_openvino():
        return "No graph was exported: openvino is not installed."
    card = read_card(weights)
    model = load_model(weights, card, plugins=plugins)
    try:
        files = exported(weights, model, plugins)
    except Exception as error:  # the converter may raise anything; the weights are stored
        first_line = str(error).strip().partition("\n")[0]
        return (
            f"No graph was exported ({type(error).__name__}: {first_line}); these weights run on "
            "Keras, which is slower."
        )
    try:
        found = _compared(files, KerasEngine(model), scans, card.postprocess)
    except (InputError, RuntimeError) as error:  # ours, the engine's
        return f"No graph was kept: {error}"
    if not masks_agree(found["float32"]):
        return f"No graph was exported: its masks differ from the network's: {found['float32']}."
    write_files(weights, replace(card, graph=found), files)
    return ""


def _compared(
    files: Mapping[str, bytes],
    network: KerasEngine,
    scans: PreparedScans,
    settings: PostprocessSettings,
) -> dict[str, dict[str, float]]:
    """By precision, how well the masks of a graph agree with those of its network."""
    engines = {precision: open_graph(files, precision=precision) for precision in precisions()}
    alike: dict[str, list[NDArray[np.float64]]] = {precision: [] for precision in engines}
    every = -(-len(scans.images) // COMPARED)
    rows = range(0, len(scans.images), every)
    for start in range(0, len(rows), CHUNK):
        some = np.stack([scans.images[row] for row in rows[start : start + CHUNK]])
        reference = network.predict(some).maps
        for precision, engine in engines.items():
            alike[precision].append(_alike(engine.predict(some).maps, reference, settings))
    return {precision: _summary(np.concatenate(parts)) for precision, parts in alike.items()}


def agreement(
    maps: NDArray[np.float32], reference: NDArray[np.float32], settings: PostprocessSettings
) -> dict[str, float]:
    """Dice between the masks of two engines' (N, rows, columns) maps, N at least 1.

    Two empty masks count as 1.
    """
    return _summary(_alike(maps, reference, settings))


def _alike(
    maps: NDArray[np.float32], reference: NDArray[np.float32], settings: PostprocessSettings
) -> NDArray[np.float64]:
    """Dice of each pair of masks."""
    pairs = zip(maps, reference, strict=True)
    found = [dice(lesion_mask(a, settings), lesion_mask(b, settings)) for a, b in pairs]
    return np.nan_to_num(np.array(found, np.float64), nan=1.0)


def _summary(alike: NDArray[np.float64]) -> dict[str, float]:
    return {"scans": len(alike), "mean": float(alike.mean()), "least": float(alike.min())}


def exported(
    weights: Path, model: "keras.Model", plugins: Sequence[Path] = ()
) -> Mapping[str, bytes]:
    """The files of the graph of a weights folder, whose network is `model`.

    The converter may raise any exception.
    """
    from keras import backend

    if backend.backend() == CONVERTED or importlib.util.find_spec(CONVERTED) is None:
        return export_graph(model)
    with tempfile.TemporaryDirectory() as out:
        arguments = map(str, (weights, out, *plugins))
        ended = run_python(["-m", __name__, *arguments], {"KERAS_BACKEND": CONVERTED})
        if ended.returncode:
            raise RuntimeError(last_line(ended.stderr))
        return {name: Path(out, name).read_bytes() for name in (GRAPH, CONSTANTS)}


def main(weights: Path, out: Path, *plugins: Path) -> None:
    """Write the graph's files into a folder."""
    for name, data in export_graph(
        load_model(weights, read_card(weights), plugins=plugins)
    ).items():
        (out / name).write_bytes(data)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
