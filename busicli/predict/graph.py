"""A network's graph in OpenVINO's form: exported once, checked, run without Keras."""

import importlib.util
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from busicli.errors import InputError
from busicli.predict.engines import OpenVinoEngine
from busicli.settings import Precision

if TYPE_CHECKING:
    import keras

GRAPH, CONSTANTS = "graph.xml", "graph.bin"
LEAST_MEAN_DICE, LEAST_DICE = 0.999, 0.98
"""How alike the masks of two engines must be on real scans, on average and each."""


def have_openvino() -> bool:
    """Whether OpenVINO is installed; it is not imported to find out."""
    return importlib.util.find_spec("openvino") is not None


def export_graph(model: "keras.Model") -> dict[str, bytes]:
    """The graph's two files by name.

    Its constants are in single precision, as normalisation is folded into them: rounded once more
    to half, one mask of 1,687 real scans differed from the network's by more than engines may.
    Needs a Keras backend that can be converted: TensorFlow, JAX or PyTorch.
    """
    openvino = _openvino()
    with tempfile.TemporaryDirectory() as folder:
        whole, lean = Path(folder, "whole.xml"), Path(folder, GRAPH)
        model.export(str(whole), format="openvino", verbose=False)
        graph = openvino.Core().read_model(whole)
        # the converter leaves shapes that nobody asked for as outputs
        only = openvino.Model([graph.outputs[0]], graph.get_parameters(), "busicli")
        openvino.save_model(only, lean, compress_to_fp16=False)
        return {name: lean.with_name(name).read_bytes() for name in (GRAPH, CONSTANTS)}


def open_graph(
    files: Mapping[str, bytes], *, precision: Precision = "float32", streams: int = 1
) -> OpenVinoEngine:
    """An engine of the graph's two files, that takes `streams` scans at a time, a core each.

    The files must have been checked: they are parsed here. Raises InputError where the processor
    does not compute in `precision`.
    """
    core = _openvino().Core()
    if precision == "bfloat16" and not has_bfloat16():
        raise InputError("this processor does not compute in bfloat16; take --precision float32.")
    graph = core.read_model(files[GRAPH], files[CONSTANTS])
    rows, columns, channels = (side.get_length() for side in list(graph.input(0).partial_shape)[1:])
    graph.reshape([1, rows, columns, channels])
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        # bound to cores, every process would take the first ones, and two would share one core
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(graph, "CPU", settings)
    return OpenVinoEngine(compiled, precision=precision, streams=streams)


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16."""
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def precisions() -> tuple[Precision, ...]:
    """What this processor computes in."""
    return ("float32", "bfloat16") if has_bfloat16() else ("float32",)


def is_alike(found: Mapping[str, float]) -> bool:
    """Whether `mean` and `least` Dice of masks are enough for one engine to stand for another."""
    return found["mean"] >= LEAST_MEAN_DICE and found["least"] >= LEAST_DICE


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
