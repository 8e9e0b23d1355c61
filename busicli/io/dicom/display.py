"""Stored greys of a DICOM object as 8 bits, as a viewer shows them. PS3.3 C.11.

What means nothing in a header counts as missing: a window without width, a slope of 0, a table that
is too short.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from busicli.imaging.greys import DEPTHS, Levels, bits_for, is_faint, to_levels, whole_levels

Integers = NDArray[np.integer]
Numbers = NDArray[np.floating]
_POLARITY = {"IDENTITY": False, "INVERSE": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRange:
    """Which values samples may have."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A look-up table."""

    entries: NDArray[np.float64]
    first: int
    """The value that the first entry stands for."""
    bits: int
    """Of the entries."""
    certain: bool
    """False where the entries need far fewer bits than the header says."""

    @property
    def white(self) -> float:
        return float(2**self.bits - 1)

    def __call__(self, values: Numbers) -> Numbers:
        """The entries that values of any shape stand for."""
        index = np.rint(values).astype(np.int64) - self.first
        return self.entries[np.clip(index, 0, len(self.entries) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """How a header turns stored values into greys."""

    inverse: bool
    """Whether low values are white."""
    slope: float
    intercept: float
    modality: _Table | None
    voi: Callable[[Numbers], Numbers] | None
    """From rescaled values to [0, 1], black to white."""
    certain: bool
    """False where the header contradicts itself."""


def bit_range(bits: int, *, signed: bool = False) -> ValueRange:
    """Of samples of so many bits.

    >>> bit_range(8, signed=True)
    ValueRange(low=-128, high=127)
    """
    low = -(2 ** (bits - 1)) if signed else 0
    return ValueRange(low=low, high=low + 2**bits - 1)


def range_around(values: Integers) -> ValueRange:
    """Of the fewest usual bits that hold the values; negative ones have their own range."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return ValueRange(low=low, high=high) if low < 0 else bit_range(bits_for(high))


def display_of(header: Dataset) -> Display:
    """What means something of a header's rescaling, tables, window and polarity."""
    by_kind = str(header.PhotometricInterpretation) == "MONOCHROME1"
    inverse = _POLARITY.get(str(header.get("PresentationLUTShape", "")), by_kind)
    slope, intercept = (_number(header.get(f"Rescale{name}")) for name in ("Slope", "Intercept"))
    modality, table = (_table(header, f"{name}LUTSequence") for name in ("Modality", "VOI"))
    return Display(
        inverse=inverse,
        slope=slope or 1.0,
        intercept=(intercept or 0.0) if slope else 0.0,
        modality=modality,
        voi=(lambda values: table(values) / table.white) if table else _window(header),
        certain=inverse == by_kind and all(t.certain for t in (modality, table) if t),
    )


def grey_levels(values: Integers, stored: ValueRange, display: Display) -> tuple[Levels, bool]:
    """(rows, columns) stored values as uint8, and whether that is certain.

    Where the header's window shows next to nothing, or values without a window fill little of their
    range, the range is guessed from the values.
    """
    own, plain, certain = range_around(values), replace(display, voi=None), display.certain
    if not (display.voi or display.modality) and _is_far_below(own, stored):
        stored, certain = own, False
    levels = _levels(values, stored, display)
    if display.voi and is_faint(levels):
        levels, certain = _levels(values, own, plain), False
    if stored.high >= 2 ** DEPTHS[0] and is_faint(levels):
        own = ValueRange(low=int(values.min()), high=int(values.max()))
        levels, certain = _levels(values, own, plain), False
    return (255 - levels if display.inverse else levels), certain


def _is_far_below(own: ValueRange, stored: ValueRange) -> bool:
    return own.low >= 0 and bits_for(own.high) < bits_for(stored.high)


def _levels(values: Integers, stored: ValueRange, display: Display) -> Levels:
    """Computed for every possible value instead of every pixel: a large scan as floats would need
    eight times its memory.
    """
    table = _level_table(stored, display)
    if values.dtype == np.uint8 and np.array_equal(table, np.arange(256)):
        return values.astype(np.uint8, copy=False)
    levels: Levels = table[np.clip(values.astype(np.int32), stored.low, stored.high) - stored.low]
    return levels


def _level_table(stored: ValueRange, display: Display) -> Levels:
    """The level of each value of the range."""
    every: Numbers = np.arange(stored.low, stored.high + 1, dtype=np.float64)
    if display.modality:
        every = display.modality(every)
    else:
        every = every * display.slope + display.intercept
    if display.voi:
        return to_levels(display.voi(every), 0, 1)
    if display.modality:
        return to_levels(every, 0, display.modality.white)
    levels = whole_levels(stored.low, stored.high)
    return levels if display.slope > 0 else levels[::-1]


def _window(header: Dataset) -> Callable[[Numbers], Numbers] | None:
    """What maps values to [0, 1] by the header's first window; None where it means nothing.

    PS3.3 C.11.2.1.2 and C.11.2.1.3.
    """
    centre, width = (_number(header.get(f"Window{name}")) for name in ("Center", "Width"))
    function = str(header.get("VOILUTFunction") or "LINEAR")
    if centre is None or width is None:
        return None
    if function == "LINEAR" and width >= 1:
        return lambda values: (values - centre + 0.5) / max(width - 1, 1e-9) + 0.5
    if function == "LINEAR_EXACT" and width > 0:
        return lambda values: (values - centre) / width + 0.5
    if function == "SIGMOID" and width > 0:
        return lambda values: 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -99, 99)))
    return None


def _number(value: Any) -> float | None:
    """The first of an attribute's values; None where it is missing, empty or no finite number."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _table(header: Dataset, name: str) -> _Table | None:
    """The first table of a sequence; None where there is none or it is too short."""
    items = header.get(name)
    descriptor = items[0].get("LUTDescriptor") if items else None
    if descriptor is None or len(descriptor) != 3:
        return None
    count, first, bits = map(int, descriptor)
    little = header.file_meta.TransferSyntaxUID.is_little_endian
    entries = _entries(items[0].get("LUTData"), count or 2**16, "<" if little else ">")
    if not len(entries) or not 1 <= bits <= DEPTHS[-1]:
        return None
    needed = bits_for(entries.max())
    return _Table(
        entries=entries,
        first=first,
        bits=min(bits, needed) if needed < bits_for(2**bits - 1) else max(bits, needed),
        certain=needed == bits_for(2**bits - 1),
    )


def _entries(data: Any, count: int, order: str) -> NDArray[np.float64]:
    """A table's entries, as numbers or as bytes of one or two each; empty where it is too short."""
    if isinstance(data, bytes):
        width = 1 if len(data) < 2 * count else 2
        data = np.frombuffer(data[: count * width], f"{order}u{width}")
    values = np.atleast_1d(np.asarray([] if data is None else data, np.float64))
    return values[:count] if len(values) >= count else np.zeros(0)
