"""Greys of any depth as 8 bits, as a viewer shows them. Arrays only.

Many files hold fewer bits than their container has room for, and their header does not say so. Read
by the container's range, such an image would be black.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.imaging.arrays import as_rgb, grey_channel
from busicli.types import Image

DEPTHS = (8, 10, 12, 16)
"""Bits that scanners give their greys."""
FAINT_RANGE, FAINT_MOST = 64, 32
"""Of 256 levels: an image that spans fewer, or whose pixels but the brightest do, shows nearly
nothing. The faintest published scans span about twice as many."""
BRIGHTEST = 0.02
"""Share of the pixels that burned-in text may cover."""
_BLOCK = 2**20
"""Values that are worked on at once."""
SAMPLED = 4
"""Brightness is judged on every so-manieth row and column."""

Levels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shown:
    """An image as a viewer shows it."""

    image: Image = field(repr=False)
    """(rows, columns, 3) uint8 RGB."""
    certain: bool = True
    """False where the range of its greys, or its colour space, had to be guessed."""


def shown(levels: Levels, *, certain: bool = True) -> Shown:
    """(rows, columns) or (rows, columns, 3) uint8 as an image; a faint one is stretched.

    A stretched image is not certain. One of a single level stays as it is.
    """
    if is_faint(levels):
        levels, certain = _stretched(levels), False
    return Shown(as_rgb(levels) if levels.ndim == 2 else levels, certain)


def shown_image(image: Image, *, certain: bool = True) -> Shown:
    """As `shown`, of a (rows, columns, 3) image; of a grey one, one channel is kept."""
    grey = grey_channel(image)
    if grey is None:
        return shown(image, certain=certain)
    return shown(grey if image.strides[2] == 0 else grey.copy(), certain=certain)


def is_faint(levels: Levels) -> bool:
    """Whether uint8 levels fill so little of their range that a person sees nearly nothing."""
    _, usual, highest = _range(levels[::SAMPLED, ::SAMPLED])
    if highest >= FAINT_RANGE and usual >= FAINT_MOST:
        return False
    _, usual, highest = _range(levels)
    return highest < FAINT_RANGE or usual < FAINT_MOST


def bits_for(highest: float) -> int:
    """The fewest bits of DEPTHS that hold a value; 16 for any beyond.

    >>> bits_for(255), bits_for(256), bits_for(4095), bits_for(70000)
    (8, 10, 12, 16)
    """
    return next((bits for bits in DEPTHS if highest < 2**bits), DEPTHS[-1])


def unsigned_levels(
    values: NDArray[np.generic], stated: int | None, room: int
) -> tuple[Levels, bool]:
    """Whole numbers from 0 to 65535 as uint8, and whether their range is certain.

    `stated` is how many bits the header says they have, None where it says nothing or is wrong;
    `room` is the container's bits.
    """
    highest = int(values.max(initial=0))
    if stated is not None and highest < 2**stated:
        return _by_table(values, stated), True
    bits = bits_for(highest)
    return _by_table(values, bits), bits >= min(room, DEPTHS[-1])


def real_levels(values: NDArray[np.generic]) -> tuple[Levels, bool]:
    """Real or negative numbers as uint8, and whether their range is certain.

    From 0 to 1 or 255 the range is that; up to 65535 it is of the fewest bits that hold them; else
    it is their own. Raises InputError for NaN and infinite values.
    """
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not np.isfinite([low, high]).all():  # NaN comes through both
        raise InputError("holds NaN or infinite values; store it with finite greys.")
    if low < 0 or high >= 2 ** DEPTHS[-1]:
        least = float(values.min())
        return _by_rows(lambda rows: to_levels(rows, least, high), values), False
    white = 1 if high <= 1 else 2 ** bits_for(high) - 1
    return _by_rows(lambda rows: to_levels(rows, 0, white), values), white <= 2 ** DEPTHS[0] - 1


def to_levels(values: NDArray[np.generic], black: float, white: float) -> Levels:
    """uint8: 0 at or below black, 255 at or above white; all 0 where both are the same."""
    share = (values.astype(np.float64) - black) / (white - black or 1)
    return np.asarray(np.rint(255 * np.clip(share, 0, 1)), np.uint8)


def whole_levels(low: int, high: int) -> Levels:
    """The level of each whole number of a range; of more than 8 bits the upper 8.

    So 8 bits that another program has widened come back, however it did.

    >>> whole_levels(0, 3).tolist(), whole_levels(0, 4095)[[0, 15, 16, 4095]].tolist()
    ([0, 85, 170, 255], [0, 0, 1, 255])
    """
    every = np.arange(high - low + 1)
    if every.size < 256:
        return to_levels(every, 0, high - low)
    return (every * 256 // every.size).astype(np.uint8)


def _by_table(values: NDArray[np.generic], bits: int) -> Levels:
    """By a table: a large scan as floats would fill the memory."""
    if bits == DEPTHS[0]:
        return values.astype(np.uint8)
    table = whole_levels(0, 2**bits - 1)
    return _by_rows(lambda rows: table[rows], values)


def _by_rows(
    function: Callable[[NDArray[np.generic]], Levels], values: NDArray[np.generic]
) -> Levels:
    """Levels a few rows at a time: what they are made with takes several times their memory."""
    levels = np.empty(values.shape, np.uint8)
    height = max(1, _BLOCK // max(1, values[:1].size))
    for top in range(0, len(values), height):
        levels[top : top + height] = function(values[top : top + height])
    return levels


def _counts(levels: Levels) -> NDArray[np.integer]:
    flat = levels.ravel()
    blocks = (flat[start : start + _BLOCK] for start in range(0, flat.size, _BLOCK))
    counts = (np.bincount(block, minlength=256) for block in blocks)
    return sum(counts, start=np.zeros(256, np.intp))


def _range(levels: Levels) -> tuple[int, int, int]:
    """The lowest level, and how far above it all but the brightest pixels and the brightest lie."""
    counts = _counts(levels)
    used = np.flatnonzero(counts)
    if not used.size:
        return 0, 0, 0
    usual = int(np.searchsorted(np.cumsum(counts), (1 - BRIGHTEST) * levels.size))
    return int(used[0]), usual - int(used[0]), int(used[-1] - used[0])


def _stretched(levels: Levels) -> Levels:
    """White at the brightest pixel, or at twice what all but the brightest pixels reach."""
    lowest, usual, highest = _range(levels)
    return to_levels(levels, lowest, lowest + min(highest, 2 * usual or 1)) if highest else levels
