"""What the machine can do at most: matrix products, on all of its cores."""

import time

import numpy as np

SIDE = 2048
PRODUCTS = 20
REPEATS = 5


def peaks_gflops() -> dict[str, float]:
    """GFLOP/s of products of square matrices by precision, TensorFlow's kernels (oneDNN)."""
    import tensorflow as tf

    found = {}
    for precision in ("float32", "bfloat16"):
        left, right = (
            tf.cast(tf.constant(np.random.default_rng(n).normal(size=(SIDE, SIDE))), precision)
            for n in range(2)
        )
        tf.matmul(left, right)
        seconds = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            for _ in range(PRODUCTS):
                product = tf.matmul(left, right)
            product.numpy()
            seconds.append(time.perf_counter() - started)
        found[precision] = 2 * SIDE**3 * PRODUCTS / min(seconds) / 1e9
    return found
