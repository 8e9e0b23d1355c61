"""A U-Net whose encoder has learned from ImageNet, with a coarse-to-fine decoder and a class head.

What differs from `unet`, and why:
- the encoder is an EfficientNet-Lite: what it has seen in a million photographs, a few thousand
  scans cannot teach;
- each scan is standardised inside the network: gain and dynamic range differ between scanners;
- the decoder ends at a quarter of the resolution, where U-Net spends most of its work; its last
  step answers for the 4 x 4 pixels of each position, so that contours stay sharp;
- every level of the decoder adds its own coarse logit: presence and place of a lesion are learned
  deep down, and the loss reaches the deep levels directly;
- the bottom sees the whole scan (atrous branches and a global mean), shadows and depth included;
- a small head on the bottom gives the probabilities of normal, benign and malignant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from busicli.models.architecture import Architecture, Shape

if TYPE_CHECKING:
    import keras

    Tensor = keras.KerasTensor


class Stage(NamedTuple):
    """A stage of EfficientNet-Lite0: Tan and Le (2019), arXiv:1905.11946, table 1."""

    kernel: int
    blocks: int
    width: int
    expand: int
    strides: int


STAGES = (
    Stage(3, 1, 16, 1, 1),
    Stage(3, 2, 24, 6, 2),
    Stage(5, 2, 40, 6, 2),
    Stage(3, 3, 80, 6, 2),
    Stage(5, 3, 112, 6, 1),
    Stage(5, 4, 192, 6, 2),
    Stage(3, 1, 320, 6, 1),
)
SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
"""Factors of width and of depth; the stem and the depth of the first and last stage stay."""
SKIPS = (1, 2, 4)
"""Stages whose results the decoder joins: a quarter, an eighth, a sixteenth of the resolution."""


def build(
    input_shape: Shape,
    *,
    encoder: str = "lite2",
    widths: tuple[int, ...] = (48, 80, 112, 192),
    dropout: float = 0.2,
    class_head: bool = True,
) -> keras.Model:
    """(N, rows, columns, 3) in [0, 1] to lesion probabilities (N, rows, columns, 1).

    With `class_head` also to class probabilities (N, 3). `widths` are the decoder's channels at a
    quarter, an eighth, a sixteenth and a thirty-second of the resolution.
    """
    from keras import Input, Model, layers

    from busicli.models.layers import GroupNormalization

    scan = Input(input_shape, name="scan")
    x = GroupNormalization(1, scale=False, center=False, name="standardise")(scan)
    if encoder not in SCALES:
        raise ValueError(f"encoder is {encoder}; known are {', '.join(SCALES)}")
    if len(widths) != len(SKIPS) + 1:
        raise ValueError(f"widths has {len(widths)} numbers; {len(SKIPS) + 1} are needed")
    *skips, x = _encoder(x, encoder)
    skips = [layers.Identity(name=f"skip{level}")(skip) for level, skip in enumerate(skips)]
    x = _conv(x, widths[-1], "bottom_narrow", kernel=1)
    x = _multi_scale(x, widths[-1], "bottom")
    outputs = [_class_probabilities(x, dropout)] if class_head else []
    x = layers.SpatialDropout2D(dropout / 2, name="bottom_drop")(x)
    logits = []
    for level in reversed(range(len(skips))):
        logits.append(_interpolated_logit(x, 2 ** (level + 3), f"coarse{level}"))
        x = _conv(x, widths[level], f"up{level}_narrow", kernel=1)
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{level}_enlarge")(x)
        skip = _conv(skips[level], widths[level], f"up{level}_skip", kernel=1)
        x = layers.Add(name=f"up{level}_join")([x, skip])
        x = _conv(x, widths[level], f"up{level}_conv")
    logits.append(_sub_pixel_logit(x, 4, "fine"))
    x = layers.Add(dtype="float32", name="logits")(logits)
    x = layers.Activation("sigmoid", dtype="float32", name="probability")(x)
    return Model(scan, [x, *outputs] if outputs else x, name="improved_unet")


def _encoder(x: Tensor, name: str) -> list[Tensor]:
    """EfficientNet-Lite without its classifier: the results of `SKIPS`, then the last stage's."""
    wider, deeper = SCALES[name]
    x = _conv(x, 32, "encoder_stem", strides=2, relu6=True)
    results = []
    number = 0
    for position, stage in enumerate(STAGES):
        ends = position in (0, len(STAGES) - 1)
        width = int(stage.width * wider + 4) // 8 * 8
        for repeat in range(stage.blocks if ends else -int(-stage.blocks * deeper // 1)):
            strides = 1 if repeat else stage.strides
            x = _inverted_residual(x, stage, width, strides, f"encoder_block{number:02d}")
            number += 1
        if position in (*SKIPS, len(STAGES) - 1):
            results.append(x)
    return results


def _inverted_residual(x: Tensor, stage: Stage, width: int, strides: int, name: str) -> Tensor:
    """Expand, filter each channel, project: Sandler et al. (2018), arXiv:1801.04381."""
    from keras import layers

    y = x
    if stage.expand > 1:
        y = _conv(y, stage.expand * x.shape[-1], f"{name}_expand", kernel=1, relu6=True)
    y = layers.DepthwiseConv2D(
        stage.kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(y)
    y = _batch_norm(y, f"{name}_depthwise_norm")
    y = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(y)
    y = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_project")(y)
    y = _batch_norm(y, f"{name}_project_norm")
    if strides == 1 and x.shape[-1] == width:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


def _conv(
    x: Tensor,
    width: int,
    name: str,
    *,
    kernel: int = 3,
    strides: int = 1,
    dilation: int = 1,
    relu6: bool = False,
) -> Tensor:
    """Convolution, batch normalisation, ReLU (in the encoder cut at 6, as it was pre-trained)."""
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
    x = _batch_norm(x, f"{name}_norm")
    return layers.ReLU(6.0 if relu6 else None, name=f"{name}_relu")(x)


def _batch_norm(x: Tensor, name: str) -> Tensor:
    from busicli.models.layers import BatchNormalization

    return BatchNormalization(momentum=0.97, epsilon=1e-3, name=name)(x)


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


def _class_probabilities(x: Tensor, dropout: float) -> Tensor:
    """(N, 3) probabilities of normal, benign and malignant from mean and maximum of the bottom."""
    from keras import layers

    mean = layers.GlobalAveragePooling2D(name="class_mean")(x)
    highest = layers.GlobalMaxPooling2D(name="class_highest")(x)
    features = layers.Concatenate(dtype="float32", name="class_features")([mean, highest])
    features = layers.Dropout(dropout, dtype="float32", name="class_drop")(features)
    return layers.Dense(3, "softmax", dtype="float32", name="class_probabilities")(features)


def _sub_pixel_logit(x: Tensor, factor: int, name: str) -> Tensor:
    """A logit for each of the factor x factor pixels of each position of x, at the scan's size.

    Shi et al. (2016), doi:10.1109/CVPR.2016.207.
    """
    from keras import layers

    rows, columns = x.shape[1:3]
    x = layers.Conv2D(factor**2, 1, dtype="float32", name=name)(x)
    x = layers.Reshape((rows, columns, factor, factor), dtype="float32", name=f"{name}_blocks")(x)
    x = layers.Permute((1, 3, 2, 4), dtype="float32", name=f"{name}_rows")(x)
    size = (rows * factor, columns * factor, 1)
    return layers.Reshape(size, dtype="float32", name=f"{name}_pixels")(x)


def _interpolated_logit(x: Tensor, factor: int, name: str) -> Tensor:
    """A logit for each position of x, interpolated to the scan's size."""
    from keras import layers

    from busicli.models.layers import Bilinear

    x = layers.Conv2D(1, 1, dtype="float32", name=name)(x)
    return Bilinear(factor, dtype="float32", name=f"{name}_interpolated")(x)


ARCHITECTURE = Architecture(
    name="improved-unet",
    summary="U-Net with an EfficientNet-Lite encoder, coarse-to-fine outputs and a class head.",
    source="busicli; encoder after Tan (2019), parts after Chen (2017), Lee (2015), Shi (2016), "
    "cited in the file",
    build=build,
    size_multiple=32,
    options={
        "encoder": "lite2",
        "widths": (48, 80, 112, 192),
        "dropout": 0.2,
        "class_head": True,
    },
    pretrained="efficientnet-lite2",
    feature_layers=("skip0", "skip1", "skip2"),
)
