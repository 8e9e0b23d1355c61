"""U-Net as the baseline notebook trained it: five levels of two 3 x 3 convolutions, 64 filters on
top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from busicli.models.architecture import Architecture, Shape

if TYPE_CHECKING:
    import keras


def build(input_shape: Shape, *, filters: int = 64, levels: int = 5) -> keras.Model:
    """(N, rows, columns, 3) in [0, 1] to (N, rows, columns, 1) lesion probability."""
    from keras import Input, Model, layers

    def double_conv(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
        for part in ("a", "b"):
            x = layers.Conv2D(
                width,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=f"{name}_conv_{part}",
            )(x)
        return x

    scan = Input(input_shape, name="scan")
    x = scan
    skips = []
    for level in range(levels - 1):
        x = double_conv(x, filters * 2**level, f"down{level}")
        skips.append(x)
        x = layers.MaxPooling2D(name=f"down{level}_pool")(x)
    x = double_conv(x, filters * 2 ** (levels - 1), "bottom")
    for level in reversed(range(levels - 1)):
        width = filters * 2**level
        x = layers.Conv2DTranspose(width, 2, strides=2, padding="same", name=f"up{level}_grow")(x)
        x = layers.Concatenate(name=f"up{level}_join")([x, skips[level]])
        x = double_conv(x, width, f"up{level}")
    x = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="probability")(x)
    return Model(scan, x, name="unet")


ARCHITECTURE = Architecture(
    name="unet",
    summary="U-Net of the baseline notebook: five levels, 64 filters at the top, 256 x 256 x 3.",
    source="Ronneberger, Fischer, Brox (2015), MICCAI, doi:10.1007/978-3-319-24574-4_28",
    build=build,
    size_multiple=16,
    options={"filters": 64, "levels": 5},
)
