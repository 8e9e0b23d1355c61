"""A network's graph in OpenVINO's form: exported once, checked, run without Keras."""

import importlib.util
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.metrics import dice
from busicli.postprocess import lesion_mask
from busicli.predict.engines import OpenVinoEngine
from busicli.settings import PostprocessSettings

if TYPE_CHECKING:
    import keras

GRAPH, CONSTANTS = "graph.xml", "graph.bin"
LEAST_MEAN_DICE, LEAST_DICE = 0.999, 0.98
"""How alike the masks of two engines must be on real scans, on average and each."""


def have_openvino() -> bool:
    """Whether OpenVINO is installed; it is not imported to find out."""
    return importlib.util.find_spec("openvino") is not None


def export_graph(model: "keras.Model") -> dict[str, bytes]:
    """The graph's two files by name, constants in half precision.

    Needs a Keras backend that can be converted: TensorFlow, JAX or PyTorch.
    """
    openvino = _openvino()
    with tempfile.TemporaryDirectory() as folder:
        whole, lean = Path(folder, "whole.xml"), Path(folder, GRAPH)
        model.export(str(whole), format="openvino", verbose=False)
        graph = openvino.Core().read_model(whole)
        # the converter leaves shapes that nobody asked for as outputs
        only = openvino.Model([graph.outputs[0]], graph.get_parameters(), "busicli")
        openvino.save_model(only, lean, compress_to_fp16=True)
        return {name: lean.with_name(name).read_bytes() for name in (GRAPH, CONSTANTS)}


def open_graph(files: Mapping[str, bytes]) -> OpenVinoEngine:
    """An engine of the graph's two files, computing in float32 on all processors.

    The files must have been checked: they are parsed here.
    """
    core = _openvino().Core()
    graph = core.read_model(files[GRAPH], files[CONSTANTS])
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return OpenVinoEngine(core.compile_model(graph, "CPU", settings))


def check_alike(
    maps: NDArray[np.float32], reference: NDArray[np.float32], settings: PostprocessSettings
) -> None:
    """Raise InputError where the masks of two engines' (N, rows, columns) maps differ.

    Two empty masks are alike.
    """
    pairs = zip(maps, reference, strict=True)
    alike = np.array([dice(lesion_mask(a, settings), lesion_mask(b, settings)) for a, b in pairs])
    alike = np.nan_to_num(alike, nan=1.0)
    if alike.mean() < LEAST_MEAN_DICE or alike.min() < LEAST_DICE:
        raise InputError(
            f"masks of the exported graph agree with the network's at Dice {alike.mean():.4f}, at "
            f"least {alike.min():.4f}; {LEAST_MEAN_DICE} and {LEAST_DICE} are needed, so that it "
            "is left out."
        )


def _openvino() -> Any:
    """The openvino module. Its converter would report to its maker over the network; without the
    module for that it goes on without.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise InputError(
            "the engine openvino is not installed; pip install openvino, or take --engine keras."
        ) from error
