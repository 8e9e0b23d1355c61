"""CMUNeXt: a small U-shaped network of large depthwise kernels, written from its paper.

Tang, Ding, Wang, Ning, Zhou (2024), IEEE ISBI, arXiv:2308.01239. By default the smallest of its
three sizes, CMUNeXt-S. Five levels, each half the size of the one before:

- encoder: a depthwise convolution of a large kernel mixes places, two pointwise ones mix channels
  through four times as many, and a 3 x 3 convolution leads to the level's width;
- decoder: the level below is doubled in size and convolved; a skip-fusion block joins it with the
  encoder's level, by a 3 x 3 convolution in two groups, one of either, and two pointwise ones.

Other than in the paper, convolutions that a normalisation follows at once have no bias: it would be
subtracted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from busicli.models.architecture import Architecture, Shape

if TYPE_CHECKING:
    import keras

    Tensor = keras.KerasTensor

WIDTHS = (8, 16, 32, 64, 128)
DEPTHS = (1, 1, 1, 1, 1)
KERNELS = (3, 3, 7, 7, 9)


def build(
    input_shape: Shape,
    *,
    widths: Sequence[int] = WIDTHS,
    depths: Sequence[int] = DEPTHS,
    kernels: Sequence[int] = KERNELS,
) -> keras.Model:
    """(N, rows, columns, 3) in [0, 1] to (N, rows, columns, 1) lesion probability.

    A level has `depths` blocks of `kernels` x `kernels` pixels. The paper's middle size has widths
    16, 32, 128, 160, 256, depths 1, 1, 1, 3, 1 and kernels 3, 3, 7, 7, 7; its largest has widths
    32, 64, 128, 256, 512 and depths 1, 1, 1, 6, 3 with the same kernels.
    """
    from keras import Input, Model, layers

    scan = Input(input_shape, name="scan")
    x = _conv(scan, widths[0], "stem")
    skips = []
    for level, (width, depth, kernel) in enumerate(zip(widths, depths, kernels, strict=True)):
        if level:
            skips.append(x)
            x = layers.MaxPooling2D(name=f"down{level}_pool")(x)
        for block in range(depth):
            x = _mix(x, kernel, f"down{level}_block{block}")
        x = _conv(x, width, f"down{level}")
    for level in reversed(range(len(skips))):
        x = layers.UpSampling2D(interpolation="bilinear", name=f"up{level}_grow")(x)
        x = _conv(x, widths[level], f"up{level}")
        x = _fuse(skips[level], x, f"up{level}_fuse")
    x = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="probability")(x)
    return Model(scan, x, name="cmunext")


def _conv(x: Tensor, width: int, name: str) -> Tensor:
    """A 3 x 3 convolution, normalised, with ReLU."""
    from keras import layers

    x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=name)(x)
    return layers.Activation("relu", name=f"{name}_relu")(_norm(x, name))


def _mix(x: Tensor, kernel: int, name: str) -> Tensor:
    """The CMUNeXt block: distant places first, added to what was there, then channels."""
    from keras import layers

    y = layers.DepthwiseConv2D(kernel, padding="same", activation="gelu", name=f"{name}_far")(x)
    x = layers.Add(name=f"{name}_add")([x, _norm(y, f"{name}_far")])
    return _bottleneck(x, x.shape[-1], name)


def _fuse(skip: Tensor, x: Tensor, name: str) -> Tensor:
    """The skip-fusion block: each of the two convolved by itself, then mixed to x's width."""
    from keras import layers

    # two convolutions are what one in two groups is, and run on every backend
    parts = [
        layers.Conv2D(part.shape[-1], 3, padding="same", activation="gelu", name=f"{name}_{side}")(
            part
        )
        for side, part in (("skip", skip), ("below", x))
    ]
    joined = layers.Concatenate(name=f"{name}_join")(parts)
    return _bottleneck(_norm(joined, name), x.shape[-1], name)


def _bottleneck(x: Tensor, width: int, name: str) -> Tensor:
    """Two pointwise convolutions, to four times the width and back to it."""
    from keras import layers

    for part, channels in (("widen", 4 * width), ("narrow", width)):
        x = layers.Conv2D(channels, 1, activation="gelu", name=f"{name}_{part}")(x)
        x = _norm(x, f"{name}_{part}")
    return x


def _norm(x: Tensor, name: str) -> Tensor:
    from busicli.models.layers import BatchNormalization

    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)


ARCHITECTURE = Architecture(
    name="cmunext-s",
    summary="CMUNeXt-S: large depthwise kernels, skip fusion, 0.4 million parameters.",
    source="Tang, Ding, Wang, Ning, Zhou (2024), IEEE ISBI, arXiv:2308.01239",
    build=build,
    size_multiple=16,
    options={"widths": WIDTHS, "depths": DEPTHS, "kernels": KERNELS},
)
