"""Splits in memory, made so that what a batch holds can be read from its pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from busicli.data.store import PreparedScans
from busicli.settings import PreprocessSettings
from busicli.types import Case, Fingerprint


def split_with(
    images: NDArray[np.uint8], masks: NDArray[np.uint8], labels: Sequence[str] = ()
) -> PreparedScans:
    """A split of these scans; benign where no class is given."""
    cases = [
        Case(
            case=str(number),
            dataset="made",
            label=label,
            split="train",
            group=number,
            index=number,
            height=images.shape[1],
            width=images.shape[2],
            fingerprint=Fingerprint(sha256="", pixels_sha256=str(number), phash="0" * 16),
            mask_sha256="",
            sources=(),
        )
        for number, label in enumerate(labels or ["benign"] * len(images))
    ]
    return PreparedScans(
        images=images,
        masks=masks,
        cases=tuple(cases),
        folder=Path(),
        preprocess=PreprocessSettings(),
    )


def numbered(count: int, size: int = 8) -> PreparedScans:
    """Scans whose every pixel holds their number, their masks that number's lowest bit."""
    numbers = np.arange(count, dtype=np.uint8)
    images = np.broadcast_to(numbers[:, None, None, None], (count, size, size, 3))
    masks = np.broadcast_to(numbers[:, None, None] % 2, (count, size, size))
    return split_with(images, masks)


def textured(count: int = 6, size: int = 32) -> PreparedScans:
    """Scans and masks of noise."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, size, size, 1), np.uint8).repeat(3, axis=3)
    return split_with(images, (rng.random((count, size, size)) < 0.3).astype(np.uint8))
