"""What every architecture promises, asked of each one that is installed."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from busicli.inference.engines import KerasEngine
from busicli.models.flops import operations, uncounted
from busicli.models.registry import find, installed
from busicli.models.weights import build_model
from busicli.testing import CHECKS, Candidate, NotTriedError, title

QUICK: dict[str, dict[str, Any]] = {
    "unet": {"filters": 4},
    "improved-unet": {"encoder": "lite0", "widths": [8, 8, 8, 8]},
}
"""Smaller than the defaults, so that the tests are quick; a plugin without a row takes its own."""


@cache
def full_size(name: str):
    return build_model(find(name), 256, {})


@pytest.fixture(
    scope="module",
    params=sorted({plugin.name for plugin in installed()}),
)
def candidate(request) -> Candidate:
    return Candidate.of(request.param, options=QUICK.get(request.param))


@pytest.mark.parametrize("check", CHECKS, ids=title)
def test_it_keeps_what_architectures_promise(candidate, check):
    try:
        assert check(candidate)
    except NotTriedError as reason:
        pytest.skip(str(reason))


def test_the_engine_answers_as_the_network_does_in_any_number(candidate):
    images = (candidate.scans * 255).astype(np.uint8)
    outputs = candidate.network.predict_on_batch(images / np.float32(255))
    maps, classes = outputs if isinstance(outputs, list) else (outputs, None)
    engine = KerasEngine(candidate.network, batch=4)
    for count in (0, 1, 4, 6):
        found = engine.predict(images[:count])
        assert found.maps.shape == (count, *images.shape[1:3])
        assert found.maps.dtype == np.float32
        np.testing.assert_allclose(found.maps, np.asarray(maps)[:count, ..., 0], atol=1e-4)
        if classes is None or not count:
            assert found.classes is None
        else:
            assert found.classes.dtype == np.float32
            np.testing.assert_allclose(found.classes, np.asarray(classes)[:count], atol=1e-4)


def test_unet_is_that_of_the_seed_work():
    # Five levels of two 3 x 3 convolutions, 64 filters on top; 2 x 2 transposed convolutions up.
    down = sum(9 * (a * b + b * b) + 2 * b for a, b in [(3, 64), (64, 128), (128, 256), (256, 512)])
    bottom = 9 * (512 * 1024 + 1024 * 1024) + 2 * 1024
    up = sum(4 * 2 * b * b + b + 9 * (2 * b * b + b * b) + 2 * b for b in (512, 256, 128, 64))
    assert down + bottom + up + 65 == 31_031_745
    assert full_size("unet").count_params() == 31_031_745


def test_operations_are_twice_the_multiply_adds():
    # 16 x 16 scans, one level of two filters: 3 x 3 from 3 to 2 and from 2 to 2 channels at 256
    # places, the same from 2 to 4 and 4 to 4 at 64, up by 2 x 2 from 4 to 2 at 64, 4 to 2 and
    # 2 to 2 at 256, and 1 x 1 to 1 channel at 256.
    model = build_model(find("unet"), 16, {"filters": 2, "levels": 2})
    at_256 = 9 * (3 * 2 + 2 * 2 + 4 * 2 + 2 * 2) + 2
    at_64 = 9 * (2 * 4 + 4 * 4) + 4 * 4 * 2
    assert operations(model) == 2 * (256 * at_256 + 64 * at_64)


def test_operations_count_a_layer_as_often_as_it_is_used_and_both_kernels_of_a_separable_one():
    from keras import Input, Model, layers

    scan = Input((8, 8, 3))
    twice = layers.Conv2D(3, 3, padding="same")
    separable = layers.SeparableConv2D(5, 3, strides=2, padding="same")
    model = Model(scan, separable(twice(twice(scan))))
    # 3 x 3 from 3 to 3 channels at 64 places, twice; 3 x 3 of 3 channels and 3 to 5 at 16 places
    assert operations(model) == 2 * (2 * 64 * 9 * 3 * 3 + 16 * (9 * 3 + 3 * 5))
    assert uncounted(model) == []


def test_weights_at_work_inside_a_layer_are_named_where_they_are_not_counted():
    from keras import Input, Model, layers

    x = Input((4, 8))
    attention = layers.MultiHeadAttention(2, 4, use_bias=False, name="attention")
    dense = layers.Dense(3, name="dense")
    model = Model(x, dense(attention(x, x)))
    assert operations(model) == 2 * 4 * 8 * 3  # the dense layer's, at four places
    assert sorted(uncounted(model)) == [
        f"attention/{part}/kernel" for part in ("attention_output", "key", "query", "value")
    ]


def test_improved_unet_is_at_least_twenty_times_cheaper_than_unet():
    assert operations(full_size("unet")) >= 20 * operations(full_size("improved-unet"))
