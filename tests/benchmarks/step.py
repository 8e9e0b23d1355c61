"""What fused normalisation and split channels save of a training step; by hand, not in a test.

TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 taskset -c 0 python -m tests.benchmarks.step

`residual-unet` in bfloat16, batches of 8, milliseconds a scan: the median of five rounds. Run it on
a core that does nothing else.
"""

import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import keras
import numpy as np

from busicli.models.layers import BatchNormalization
from busicli.settings import TrainSettings
from busicli.training.loop import compile_model
from plugins.residual_unet import build

BATCH, ROUNDS, STEPS = 8, 5, 3
KERAS = keras.layers.BatchNormalization
VARIANTS: tuple[tuple[str, type, bool, int], ...] = (
    ("slices, Keras's normalisation", KERAS, True, 2),
    ("split, Keras's normalisation", KERAS, False, 2),
    ("split, fused normalisation", BatchNormalization, False, 2),
    ("no half normalised by the scan alone, Keras's normalisation", KERAS, False, 0),
    ("no half normalised by the scan alone, fused normalisation", BatchNormalization, False, 0),
)


def main() -> None:
    """Print a Markdown row a variant."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    for name, layer, sliced, levels in VARIANTS:
        with (
            patch("busicli.models.layers.BatchNormalization", layer),
            patch("keras.ops.split", of(sliced)),
        ):
            cells = [f"{milliseconds(levels, size):.1f}" for size in (192, 128)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def of(sliced: bool) -> Callable[..., Any]:
    """How channels are parted."""
    return halves if sliced else keras.ops.split


def halves(x: Any, parts: int, axis: int) -> tuple[Any, Any]:
    """The two halves of the channels as slices."""
    middle = x.shape[axis] // parts
    return x[..., :middle], x[..., middle:]


def milliseconds(levels: int, size_px: int) -> float:
    """A training step's time for each scan."""
    model = build((size_px, size_px, 3), instance_levels=levels)
    compile_model(model, TrainSettings(epochs=10, batch_size=BATCH), 800)
    rng = np.random.default_rng(0)
    scans = rng.random((BATCH, size_px, size_px, 3), np.float32)
    masks = (rng.random((BATCH, size_px, size_px, 1)) > 0.9).astype(np.float32)
    times = []
    for _ in range(ROUNDS + 1):  # the first one warms up
        started = time.perf_counter()
        for _ in range(STEPS):
            model.train_on_batch(scans, masks)
        times.append(time.perf_counter() - started)
    return 1000 * float(np.median(times[1:])) / STEPS / BATCH


if __name__ == "__main__":
    main()
