"""What a training step makes of the machine."""

import time

import numpy as np

from busicli.models.flops import operations
from busicli.models.registry import find
from busicli.models.weights import build_model
from busicli.settings import TrainSettings

SIZE = 256
STEPS = 10


def step_gflops(architecture: str) -> float:
    """GFLOP/s of training steps in bfloat16: three times the operations of the way forward."""
    from busicli.training.loop import compile_model  # loads TensorFlow: see `measure`

    settings = TrainSettings(precision="bfloat16")
    model = build_model(find(architecture), SIZE, {}, precision="bfloat16")
    compile_model(model, settings, settings.batch_size)
    random = np.random.default_rng(0)
    images = random.random((settings.batch_size, SIZE, SIZE, 3), np.float32)
    masks = (random.random((settings.batch_size, SIZE, SIZE, 1)) < 0.1).astype(np.float32)
    classes = np.eye(3, dtype=np.float32)[random.integers(3, size=settings.batch_size)]
    targets = [masks, classes][: len(model.outputs)]
    for _ in range(2):
        model.train_on_batch(images, targets)
    started = time.perf_counter()
    for _ in range(STEPS):
        model.train_on_batch(images, targets)
    seconds = time.perf_counter() - started
    return 3 * operations(model) * settings.batch_size * STEPS / seconds / 1e9
