"""What fused normalisation saves of a training step; by hand, not in a test.

TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 taskset -c 0 python -m tests.benchmarks.step

`improved-unet`, batches of 8, milliseconds a scan: the median of five rounds. Run it on a core that
does nothing else.
"""

import time
from unittest.mock import patch

import keras
import numpy as np

from busicli.models.layers import BatchNormalization
from busicli.settings import TrainSettings
from busicli.training.loop import compile_model
from plugins.improved_unet import build

BATCH, ROUNDS, STEPS = 8, 5, 3
KERAS = keras.layers.BatchNormalization
VARIANTS: tuple[tuple[str, type], ...] = (
    ("Keras's normalisation", KERAS),
    ("fused normalisation", BatchNormalization),
)


def main() -> None:
    """Print a Markdown row a variant."""
    for name, layer in VARIANTS:
        with patch("busicli.models.layers.BatchNormalization", layer):
            cells = [f"{milliseconds(size):.1f}" for size in (192, 128)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def milliseconds(size_px: int) -> float:
    """A training step's time for each scan."""
    model = build((size_px, size_px, 3))
    compile_model(model, TrainSettings(epochs=10, batch_size=BATCH), 800)
    rng = np.random.default_rng(0)
    scans = rng.random((BATCH, size_px, size_px, 3), np.float32)
    masks = (rng.random((BATCH, size_px, size_px, 1)) > 0.9).astype(np.float32)
    targets = [masks, np.eye(3, dtype=np.float32)[rng.integers(3, size=BATCH)]]
    times = []
    for _ in range(ROUNDS + 1):  # the first one warms up
        started = time.perf_counter()
        for _ in range(STEPS):
            model.train_on_batch(scans, targets)
        times.append(time.perf_counter() - started)
    return 1000 * float(np.median(times[1:])) / STEPS / BATCH


if __name__ == "__main__":
    main()
