"""What a network costs."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def operations(model: "keras.Model") -> int:
    """Floating-point operations a scan, 2 x multiply-adds of convolutions and dense layers.

    Normalisation, activation and resampling are left out, as is usual. A transposed convolution
    applies its kernel once an input pixel, any other once an output pixel.
    """
    total = 0
    for layer in model._flatten_layers(include_self=False):
        kernel = getattr(layer, "kernel", None)
        if kernel is None or not layer._inbound_nodes:
            continue
        transposed = "Transpose" in type(layer).__name__
        shape = (layer.input if transposed else layer.output).shape[1:-1]
        total += 2 * math.prod(kernel.shape) * math.prod(shape)
    return total
