"""A network's graph for OpenVINO: exported once, checked, run without Keras."""

import importlib.util
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.imaging.novelty import Familiar
from busicli.inference.engines import OpenVinoEngine
from busicli.inference.graph_cache import CachedGraph
from busicli.io.files import sha256_bytes
from busicli.models.keras_backend import load_keras
from busicli.settings import Precision

if TYPE_CHECKING:
    import keras

GRAPH, CONSTANTS = "graph.xml", "graph.bin"
LEAST_MEAN_DICE, LEAST_DICE = 0.999, 0.98
"""Dice that the masks of two engines must have on real scans, on average and each."""
_CONVERTER = "openvino.tools.ovc"
_PROCESSOR = ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
"""What OpenVINO tells of it. A compiled graph names its instructions too, and others refuse it."""


def have_openvino() -> bool:
    """Whether OpenVINO is installed, without importing it."""
    return importlib.util.find_spec("openvino") is not None


def openvino_version() -> str:
    """The version of OpenVINO, with the build that it was made by."""
    return str(_openvino().get_version())


def export_graph(model: "keras.Model") -> dict[str, bytes]:
    """The graph's two files by name.

    Kernels stay in half precision, as they are stored, with the factors of their normalisation
    beside them. The rest is in single precision. Needs a Keras backend that can be converted:
    TensorFlow, JAX or PyTorch.
    """
    openvino = _openvino()
    with tempfile.TemporaryDirectory() as folder:
        whole, lean = Path(folder, "whole.xml"), Path(folder, GRAPH)
        model.export(str(whole), format="openvino", verbose=False)
        graph = openvino.Core().read_model(whole)
        # the converter adds shapes as outputs
        outputs = [_output(graph, output) for output in model.outputs]
        only = openvino.Model(outputs, graph.get_parameters(), "busicli")
        _unfold_kernels(only, model)
        openvino.save_model(only, lean, compress_to_fp16=False)
        return {name: lean.with_name(name).read_bytes() for name in (GRAPH, CONSTANTS)}


def _output(graph: Any, output: "keras.KerasTensor") -> Any:
    """The graph's output of the same shape: maps have four axes, classes and features two."""
    alike = (o for o in graph.outputs if _sides(o) == tuple(output.shape[1:]))
    return next(alike)


def _sides(output: Any) -> tuple[int, ...]:
    """The known sides after the first, the number of scans."""
    sides = list(output.partial_shape)[1:]
    return tuple(side.get_length() if side.is_static else -1 for side in sides)


def _unfold_kernels(graph: Any, model: "keras.Model") -> None:
    """Give each convolution its kernel and a factor per channel instead of the product of both.

    The converter multiplies them, and the product rounds badly to half precision: with it, one mask
    of 1,687 real scans differed from the network's by more than engines may. The engine multiplies
    them when it compiles the graph. A kernel that is not recognised stays as it is.
    """
    operations = importlib.import_module("openvino.opset13")
    kernels = [_stored(variable) for variable in model.weights if len(variable.shape) == 4]
    for convolution in graph.get_ops():
        if convolution.get_type_name() != "Convolution":
            continue
        constant = convolution.input_value(1).get_node()
        if constant.get_type_name() != "Constant":
            continue
        products = np.asarray(constant.get_data(), np.float32)
        for half in kernels:
            single = half.astype(np.float32)
            factors = _factors(products, single)
            if factors is not None:
                kernel = operations.convert(operations.constant(half), "f32")
                unfolded = operations.multiply(kernel, operations.constant(factors))
                convolution.input(1).replace_source_output(unfolded.output(0))
                break


def _stored(kernel: "keras.Variable") -> NDArray[np.float16]:
    """A (rows, columns, channels in, channels out) kernel as (out, in, rows, columns).

    In half precision, as weights store it. A copy: openvino misreads transposed arrays.
    """
    array = np.asarray(load_keras().ops.convert_to_numpy(kernel.value), np.float32)
    with np.errstate(over="ignore"):  # one too large for half precision is not recognised
        return np.ascontiguousarray(array.transpose(3, 2, 0, 1).astype(np.float16))


def _factors(
    products: NDArray[np.float32], kernel: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """The factor of each channel of a (channels, …) kernel; None if it is another kernel."""
    if products.shape != kernel.shape or not np.isfinite(kernel).all():
        return None
    rows = np.arange(len(kernel))
    flat, multiplied = kernel.reshape(len(kernel), -1), products.reshape(len(kernel), -1)
    largest = np.abs(flat).argmax(axis=1)
    divisor = flat[rows, largest]
    factors = multiplied[rows, largest] / np.where(divisor == 0, np.float32(1), divisor)
    factors = factors.reshape(-1, *(1,) * (kernel.ndim - 1))
    if not np.allclose(factors * kernel, products, rtol=1e-6, atol=0):
        return None
    return np.asarray(factors, np.float32)


def open_graph(
    files: Mapping[str, bytes],
    *,
    size_px: int | None = None,
    precision: Precision = "float32",
    streams: int = 1,
    familiar: Familiar | None = None,
    cached: Path | None = None,
) -> OpenVinoEngine:
    """An engine of the graph's two files that computes `streams` scans at a time, one core each.

    The files must have been checked: they are parsed here. `cached` is a folder for compiled
    graphs. Raises InputError where the graph does not take images of `size_px` (None: of any size),
    and where the processor does not support `precision`.
    """
    core = _openvino().Core()
    if precision == "bfloat16" and not has_bfloat16():
        raise InputError("this processor does not support bfloat16; use --precision float32.")
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        # with pinning, two processes would share the first cores
        "ENABLE_CPU_PINNING": False,
    }
    place = CachedGraph(cached, _cache_key(core, files, size_px, precision)) if cached else None
    compiled = _from_cache(core, place, settings) if place else None
    if compiled is None:
        compiled = core.compile_model(_read_graph(core, files, size_px), "CPU", settings)
        if place:
            with suppress(RuntimeError, MemoryError):  # not every graph can be exported
                place.write(compiled.export_model().getbuffer())
    return OpenVinoEngine(compiled, precision=precision, streams=streams, familiar=familiar)


def _cache_key(
    core: Any, files: Mapping[str, bytes], size_px: int | None, precision: Precision
) -> str:
    """All that a compiled graph depends on."""
    processor = (core.get_property("CPU", name) for name in _PROCESSOR)
    hashes = (sha256_bytes(files[name]) for name in (GRAPH, CONSTANTS))
    return " ".join(map(str, (*hashes, size_px, precision, *processor, openvino_version())))


def _from_cache(core: Any, place: CachedGraph, settings: Mapping[str, object]) -> Any:
    """A compiled graph that an earlier process left; None where there is none, or no longer one."""
    if (graph := place.read()) is None:
        return None
    try:
        tensor = _openvino().Tensor(np.frombuffer(graph, np.uint8))
        return core.import_model(tensor, "CPU", settings)
    except (RuntimeError, MemoryError):
        return None


def _read_graph(core: Any, files: Mapping[str, bytes], size_px: int | None) -> Any:
    """The graph for one image at a time; InputError where it is for images of another size."""
    try:
        graph = core.read_model(files[GRAPH], files[CONSTANTS])
        came = [_sides(port) for port in (*graph.inputs, *graph.outputs)]
    except RuntimeError as error:
        raise InputError(f"{GRAPH} cannot be read; get the weights again.") from error
    side = size_px or came[0][0]
    image, maps, further = (side, side, 3), (side, side, 1), came[2:]
    if came[:2] != [image, maps] or any(len(shape) != 1 for shape in further):
        raise InputError(
            f"the exported graph takes and gives {', '.join(map(str, came))}, but its card says "
            f"images of {side} x {side} px; get the weights again from their source."
        )
    graph.reshape([1, *image])
    return graph


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16."""
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def precisions() -> tuple[Precision, ...]:
    """The precisions that this processor supports."""
    return ("float32", "bfloat16") if has_bfloat16() else ("float32",)


def masks_agree(found: Mapping[str, float]) -> bool:
    """Whether `mean` and `least` Dice of masks are enough for one engine to replace another."""
    return found["mean"] >= LEAST_MEAN_DICE and found["least"] >= LEAST_DICE


def _openvino() -> Any:
    """The openvino module without its telemetry, which would use the network.

    Its converter takes as long to load as all the rest, and loads when it is asked for.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    if "openvino" not in sys.modules:
        sys.modules.setdefault(_CONVERTER, None)  # type: ignore[arg-type]
    try:
        openvino = importlib.import_module("openvino")
    except ImportError as error:
        raise InputError(
            "the engine openvino is not installed; pip install openvino, or use --engine keras."
        ) from error
    if "convert_model" not in vars(openvino):
        openvino.__getattr__ = _converter  # type: ignore[method-assign]
        sys.modules.pop(_CONVERTER, None)
    return openvino


def _converter(name: str) -> Any:
    """`openvino.convert_model`, for Keras and for whoever else uses OpenVINO in this process."""
    if name != "convert_model":
        raise AttributeError(f"module 'openvino' has no attribute {name!r}")
    return importlib.import_module(_CONVERTER).convert_model
