"""How rough an image is on a coarse grid, and how noisy its flat ground. Arrays only."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from busicli.imaging.arrays import Box

GRID = 256
"""Points of the coarse grid along the image's longer side."""
NOISE_BLOCK, NOISE_SHARE, NOISE_TIMES = 8, 0.05, 3
"""Noise is measured in the quietest share of blocks of so many grid points a side; what differs by
more than so many times as much is rough."""

Grey = NDArray[np.uint8]
Grid = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseGrid:
    """An image, and on a coarse grid by how much its pixels differ from those near them."""

    grey: Grey = field(repr=False)
    """(rows, columns), the whole image."""
    step: int
    """Pixels from one point of the grid to the next."""
    points: Grid = field(repr=False)
    """The pixels at the points."""
    across: Grid = field(repr=False)
    """Difference of each point's pixel to the second one to its right."""
    down: Grid = field(repr=False)
    """The same to the second one below."""
    noise: float = 0.0
    """What the neighbours of flat ground differ by, in grey levels."""

    def with_noise(self, noise: float) -> "CoarseGrid":
        """The same grid for noisy ground."""
        return replace(self, noise=noise)

    def roughness(self) -> Grid:
        """0 to 2: in how many directions a point differs from its neighbour by more than noise."""
        least = int(np.ceil(NOISE_TIMES * self.noise))
        return (self.across > least).view(np.uint8) + (self.down > least)


def coarse_grid(grey: Grey) -> CoarseGrid:
    """The grid of a (rows, columns) uint8 image."""
    step = max(1, round(max(grey.shape) / GRID))
    points, right, below = (
        np.ascontiguousarray(grey[rows, columns])  # each is read twice
        for rows, columns in (
            (slice(None, -2, step), slice(None, -2, step)),
            (slice(None, -2, step), slice(2, None, step)),
            (slice(2, None, step), slice(None, -2, step)),
        )
    )
    across, down = _difference(points, right), _difference(points, below)
    return CoarseGrid(grey=grey, step=step, points=points, across=across, down=down)


def noise_level(grid: CoarseGrid) -> float:
    """What neighbours differ by, on average, where the image is quietest, in grey levels."""
    rows, columns = (size // NOISE_BLOCK for size in grid.across.shape)
    if not rows or not columns:
        return 0.0
    whole = grid.across[: rows * NOISE_BLOCK, : columns * NOISE_BLOCK]
    lines = whole.reshape(rows, NOISE_BLOCK, -1).sum(axis=1, dtype=np.uint16)
    blocks = lines.reshape(rows, columns, NOISE_BLOCK).sum(axis=2, dtype=np.uint16).ravel()
    place = int(NOISE_SHARE * (blocks.size - 1))
    return float(np.partition(blocks, place)[place]) / NOISE_BLOCK**2


def ground_roughness(grid: CoarseGrid, boxes: Sequence[Box]) -> float:
    """The share of neighbours outside the boxes that differ by more than noise; 0 for no ground."""
    step, ground = grid.step, np.ones(grid.across.shape, bool)
    for rows, columns in boxes:
        ground[
            rows.start // step : rows.stop // step + 1,
            columns.start // step : columns.stop // step + 1,
        ] = False
    rough = grid.roughness()[ground]
    return float(rough.mean()) / 2 if rough.size else 0.0


def _difference(first: Grid, second: Grid) -> Grid:
    found: Grid = np.maximum(first, second) - np.minimum(first, second)
    return found
