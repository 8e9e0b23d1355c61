"""The network of release 0.1.0: a residual U-Net that answers coarse to fine.

It stays only until weights of the new `improved-unet` ship.

What differs from `unet`, and why:
- each scan is standardised inside the network: gain and dynamic range differ between scanners;
- no convolution works at full resolution, the decoder ends at a quarter of it: there U-Net spends
  most of its work, and lesions do not need it;
- its last step answers for the 4 x 4 pixels of each place, so that contours stay sharp;
- every level of the decoder adds its own coarse logit: where the lesion is, and that it is one
  piece, is learnt deep down and at once, and the loss reaches the deep levels directly;
- residual blocks with batch normalisation train deeper encoders; normalisation folds away later;
- near the scan half of the channels are normalised by the scan alone: another hospital's scanner is
  then less of a stranger;
- the bottom sees the whole scan (atrous branches and a global mean), shadows and depth included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from busicli.models.architecture import Architecture, Shape

if TYPE_CHECKING:
    import keras

    Tensor = keras.KerasTensor

WIDTHS = (16, 48, 96, 144, 192)
BLOCKS = (0, 1, 2, 2, 1)


def build(
    input_shape: Shape,
    *,
    widths: Sequence[int] = WIDTHS,
    blocks: Sequence[int] = BLOCKS,
    dropout: float = 0.1,
    gates: bool = False,
    finest: int = 1,
    sub_pixel: bool = True,
    side_outputs: bool = True,
    instance_levels: int = 2,
) -> keras.Model:
    """(N, rows, columns, 3) in [0, 1] to (N, rows, columns, 1) lesion probability.

    With `gates` skips are weighed by attention gates before they are added. The decoder ends at the
    level `finest`, whose places are 2 ** (finest + 1) pixels wide; without `sub_pixel` each has one
    logit, and those are interpolated. Without `side_outputs` the last level answers alone; they are
    after Lee et al. (2015), Deeply-Supervised Nets, with the outputs summed. In the first
    `instance_levels` of the encoder half of the channels are normalised by the scan alone.
    """
    from keras import Input, Model, layers

    from busicli.models.layers import GroupNormalization

    scan = Input(input_shape, name="scan")
    x = GroupNormalization(1, scale=False, center=False, name="standardise")(scan)
    skips = []
    for level, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        half = level < instance_levels
        x = _conv(x, width, f"down{level}_halve", strides=2, half=half)
        for block in range(count):
            x = _residual(x, width, f"down{level}_block{block}", half=half)
        skips.append(x)
    x = _multi_scale(x, widths[-1], "bottom")
    x = layers.SpatialDropout2D(dropout, name="bottom_drop")(x)
    sides = [x]
    for level in reversed(range(finest, len(widths) - 1)):
        x = _conv(x, widths[level], f"up{level}_narrow", kernel=1)
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{level}_grow")(x)
        gated = gates and level
        skip = _gate(skips[level], x, f"up{level}_gate") if gated else skips[level]
        x = layers.Add(name=f"up{level}_join")([x, skip])
        x = _conv(x, widths[level], f"up{level}_conv")
        sides.append(x)
    logit = _sub_pixel_logit if sub_pixel else _grown_logit
    x = logit(x, 2 ** (finest + 1), "logit")
    if side_outputs:
        coarse = [
            _grown_logit(side, 2 ** (len(widths) - position), f"side{position}")
            for position, side in enumerate(sides[:-1])
        ]
        x = layers.Add(dtype="float32", name="logits")([x, *coarse])
    x = layers.Activation("sigmoid", dtype="float32", name="probability")(x)
    return Model(scan, x, name="residual_unet")


def _conv(
    x: Tensor,
    width: int,
    name: str,
    *,
    kernel: int = 3,
    strides: int = 1,
    dilation: int = 1,
    half: bool = False,
) -> Tensor:
    """Convolution, normalisation (half of it of each scan alone with `half`), ReLU."""
    from keras import layers

    x = layers.Conv2D(
        width,
        kernel,
        strides=strides,
        padding="same",
        dilation_rate=dilation,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = _half_instance_norm(x, name) if half else _batch_norm(x, f"{name}_norm")
    return layers.Activation("relu", name=f"{name}_relu")(x)


def _batch_norm(x: Tensor, name: str, **options: str) -> Tensor:
    from busicli.models.layers import BatchNormalization

    return BatchNormalization(momentum=0.97, name=name, **options)(x)


def _half_instance_norm(x: Tensor, name: str) -> Tensor:
    """Half of the channels made alike in every scan, as another scanner's gain and grain are not.

    Pan et al. (2018), arXiv:1807.09441.
    """
    from keras import layers, ops

    from busicli.models.layers import GroupNormalization

    own, shared = ops.split(x, 2, axis=-1)  # slices cost a training step a tenth more
    own = GroupNormalization(-1, name=f"{name}_norm_one")(own)
    shared = _batch_norm(shared, f"{name}_norm")
    return layers.Concatenate(name=f"{name}_norm_join")([own, shared])


def _residual(x: Tensor, width: int, name: str, *, half: bool) -> Tensor:
    """He et al. (2016), doi:10.1109/CVPR.2016.90; the block starts as the identity."""
    from keras import layers

    y = _conv(x, width, f"{name}_a", half=half)
    y = layers.Conv2D(
        width,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_b",
    )(y)
    y = _batch_norm(y, f"{name}_b_norm", gamma_initializer="zeros")
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.Activation("relu", name=f"{name}_relu")(y)


def _multi_scale(x: Tensor, width: int, name: str) -> Tensor:
    """Atrous pyramid (Chen et al. 2017, arXiv:1706.05587) and a global mean, added to x."""
    from keras import layers

    quarter = width // 4
    branches = [
        _conv(x, quarter, f"{name}_near", kernel=1),
        _conv(x, quarter, f"{name}_middle", dilation=2),
        _conv(x, quarter, f"{name}_far", dilation=4),
    ]
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    scale = layers.Conv2D(width, 1, activation="sigmoid", name=f"{name}_excite")(mean)
    joined = layers.Concatenate(name=f"{name}_join")(branches)
    joined = _conv(joined, width, f"{name}_fuse", kernel=1)
    joined = layers.Multiply(name=f"{name}_weigh")([joined, scale])
    return layers.Add(name=f"{name}_add")([x, joined])


def _gate(skip: Tensor, signal: Tensor, name: str) -> Tensor:
    """The skip weighed by an additive attention gate: Oktay et al. (2018), arXiv:1804.03999."""
    from keras import layers

    inner = max(8, skip.shape[-1] // 4)
    both = layers.Add(name=f"{name}_sum")(
        [
            layers.Conv2D(inner, 1, name=f"{name}_skip")(skip),
            layers.Conv2D(inner, 1, use_bias=False, name=f"{name}_signal")(signal),
        ]
    )
    both = layers.Activation("relu", name=f"{name}_relu")(both)
    weight = layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}_weight")(both)
    return layers.Multiply(name=f"{name}_apply")([skip, weight])


def _sub_pixel_logit(x: Tensor, factor: int, name: str) -> Tensor:
    """A logit for each of the factor x factor pixels of each place of x, at the scan's size.

    Shi et al. (2016), doi:10.1109/CVPR.2016.207.
    """
    from keras import layers

    rows, columns = x.shape[1:3]
    x = layers.Conv2D(factor**2, 1, dtype="float32", name=name)(x)
    x = layers.Reshape((rows, columns, factor, factor), dtype="float32", name=f"{name}_blocks")(x)
    x = layers.Permute((1, 3, 2, 4), dtype="float32", name=f"{name}_rows")(x)
    size = (rows * factor, columns * factor, 1)
    return layers.Reshape(size, dtype="float32", name=f"{name}_pixels")(x)


def _grown_logit(x: Tensor, factor: int, name: str) -> Tensor:
    """A logit for each place of x, interpolated to the scan's size."""
    from keras import layers

    from busicli.models.layers import Bilinear

    x = layers.Conv2D(1, 1, dtype="float32", name=name)(x)
    return Bilinear(factor, dtype="float32", name=f"{name}_grow")(x)


ARCHITECTURE = Architecture(
    name="residual-unet",
    summary="Residual U-Net, coarse-to-fine outputs, multi-scale bottom.",
    source="busicli; parts after He (2016), Chen (2017), Oktay (2018), Lee (2015), Shi (2016), "
    "Pan (2018), cited in the file",
    build=build,
    size_multiple=32,
    options={
        "widths": WIDTHS,
        "blocks": BLOCKS,
        "dropout": 0.1,
        "gates": False,
        "finest": 1,
        "sub_pixel": True,
        "side_outputs": True,
        "instance_levels": 2,
    },
)
