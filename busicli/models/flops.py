"""The number of operations of a network."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def operations(model: "keras.Model") -> int:
    """Floating-point operations per scan: 2 x multiply-adds of convolutions and dense layers.

    Normalisation, activation and resampling are left out, as usual. A transposed convolution
    applies its kernel once per input pixel, any other once per output pixel. A layer counts each
    time it is used.
    """
    layers = model._flatten_layers(include_self=False)
    return sum(
        2 * math.prod(kernel.shape) * positions
        for layer in layers
        for kernel, positions in _applied(layer)
    )


def uncounted(model: "keras.Model") -> list[str]:
    """Paths of weights of two or more axes that `operations` does not count.

    Examples are kernels inside custom layers, and those of attention.
    """
    layers = model._flatten_layers(include_self=False)
    counted = {id(kernel) for layer in layers for kernel, _ in _applied(layer)}
    return [v.path for v in model.trainable_variables if len(v.shape) > 1 and id(v) not in counted]


def _applied(layer: Any) -> Iterator[tuple[Any, int]]:
    """A layer's kernels with the number of positions they are applied to, for each use."""
    transposed = "Transpose" in type(layer).__name__
    kernels = [kernel for name in KERNELS if (kernel := getattr(layer, name, None)) is not None]
    for use in layer._inbound_nodes:
        positions = math.prod(
            (use.input_tensors if transposed else use.output_tensors)[0].shape[1:-1]
        )
        yield from ((kernel, positions) for kernel in kernels)
