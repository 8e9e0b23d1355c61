"""The graph of weights, exported by TensorFlow whatever they were trained on.

OpenVINO's converter takes TensorFlow's networks for certain; of JAX and PyTorch it does not know
every operation. Run as `python -m busicli.workflows.export WEIGHTS OUT [PLUGIN...]` with
KERAS_BACKEND set: a process has one backend for all its life.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from busicli.predict.graph import CONSTANTS, GRAPH, export_graph
from busicli.process import last_line, run_python
from busicli.weights import load_model, read_card

if TYPE_CHECKING:
    import keras

CONVERTED = "tensorflow"


def exported(
    weights: Path, model: "keras.Model", plugins: Sequence[Path] = ()
) -> Mapping[str, bytes]:
    """The files of the graph of a weights folder, whose network is `model`.

    Raises whatever the converter likes.
    """
    from keras import backend

    if backend.backend() == CONVERTED or importlib.util.find_spec(CONVERTED) is None:
        return export_graph(model)
    with tempfile.TemporaryDirectory() as out:
        places = map(str, (weights, out, *plugins))
        ended = run_python(["-m", __name__, *places], {"KERAS_BACKEND": CONVERTED})
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
