"""A plugin that is sound, to be spoiled."""

from busicli.testing import CHECKS

FIRST = 'x = layers.Conv2D(filters, 3, padding="same", activation="relu", name="first")(scan)'
LAST = 'x = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="last")(x)'
SOUND = f"""
from busicli.models.architecture import Architecture

builds = []

def build(input_shape, *, filters=4):
    import os
    import numpy as np
    from keras import Input, Model, layers, ops, random
    builds.append(1)
    scan = Input(input_shape, name="scan")
    {FIRST}
    {LAST}
    return Model(scan, x, name="net")

ARCHITECTURE = Architecture(
    name="net", summary="Two layers.", source="a test", build=build, options={{"filters": 4}}
)
"""


CLASSES = "c = layers.GlobalAveragePooling2D()(x)\n    "
TWO = "\n    return Model(scan, [x, c], "
BY_NAME = {check.__name__: check for check in CHECKS}
