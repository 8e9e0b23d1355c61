"""What busicli asks of every architecture, and that it is the network of the paper by its size."""

import math
from itertools import pairwise
from pathlib import Path

import pytest

from busicli.models.registry import of_file
from busicli.testing import ArchitectureContract

FILE = Path(__file__).with_name("cmunext.py")
SIZES = {
    "CMUNeXt-S": ((8, 16, 32, 64, 128), (1, 1, 1, 1, 1), (3, 3, 7, 7, 9)),
    "CMUNeXt": ((16, 32, 128, 160, 256), (1, 1, 1, 3, 1), (3, 3, 7, 7, 7)),
    "CMUNeXt-L": ((32, 64, 128, 256, 512), (1, 1, 1, 6, 3), (3, 3, 7, 7, 7)),
}
"""Widths, depths and kernels."""
PUBLISHED = {"CMUNeXt-S": 0.41, "CMUNeXt": 3.1}
"""Millions of parameters."""


class TestCmunext(ArchitectureContract):
    """Small enough as it is: no options are needed."""

    architecture = FILE


def bottleneck(before: int, width: int) -> int:
    """Two pointwise convolutions with biases, each normalised by two numbers a channel."""
    return before * 4 * width + 3 * 4 * width + 4 * width * width + 3 * width


def counted(widths: tuple[int, ...], depths: tuple[int, ...], kernels: tuple[int, ...]) -> int:
    """Numbers that are trained, level by level, as the paper draws them."""
    total = (3 * 9 + 2) * widths[0]  # stem
    before = widths[0]
    for width, depth, kernel in zip(widths, depths, kernels, strict=True):
        total += depth * ((kernel**2 + 3) * before + bottleneck(before, before))
        total += (9 * before + 2) * width
        before = width
    for width, below in pairwise(widths):
        total += (9 * below + 2) * width  # from the level below
        total += 2 * (9 * width + 3) * width + bottleneck(2 * width, width)  # skip fusion
    return total + widths[0] + 1


@pytest.mark.parametrize("size", SIZES)
def test_it_holds_as_many_numbers_as_the_paper_draws(size):
    widths, depths, kernels = SIZES[size]
    model = of_file(FILE).build((64, 64, 3), widths=widths, depths=depths, kernels=kernels)
    trained = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    assert trained == counted(widths, depths, kernels)


@pytest.mark.parametrize("size", PUBLISHED)
def test_that_is_as_many_as_were_published(size):
    assert counted(*SIZES[size]) / 1e6 == pytest.approx(PUBLISHED[size], rel=0.02)
