"""Measurements of each lesion in a mask. Arrays only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.spatial import ConvexHull
from skimage.measure import label

from busicli.errors import InputError
from busicli.imaging.arrays import Box, bounding_box
from busicli.types import Lesion, Mask, Probability, View

Sides = tuple[int, int, int, int]
"""Top, left, bottom, right; the last two exclusive."""

# Second moment of a pixel's own unit square.
_PIXEL_VARIANCE = 1 / 12
# Axes with a smaller ratio count as equal: rounding alone must not give a disc a direction.
_ELONGATED = 1 + 1e-6
# Tolerance of a pixel's position.
_TINY = 1e-9
_ROWS_AT_ONCE = 64


def lesions(mask: Mask, probability: Probability) -> tuple[Lesion, ...]:
    """Measurements of the mask's 8-connected components, largest first; () for an empty mask.

    `mask` (rows, columns) bool and `probability` (rows, columns) float share a pixel grid; the
    probabilities are only averaged. Components of equal area are ordered by their bounding boxes.
    No value is NaN if the probabilities are finite.

    Axes are those of the ellipse with the component's second moments, each pixel counted as a unit
    square (as MATLAB's regionprops does): 4 / sqrt(12) = 1.15 px for a single pixel, never 0.
    Orientation is rounded to a millionth of a degree, and 0 if both axes are equal.
    Circularity is 4 pi area / perimeter^2, at most 1, with Crofton's perimeter in 4 directions
    (Rivollier 2010), holes included. Discs from 10 px radius come out at 0.94 to 1, ellipses
    of 1 : 2 at their true 0.84 to 0.85, a large square at 0.87 instead of 0.79. The perimeter along
    border pixels would be 0 for one pixel and give 1 for a line of five, here 0.60.
    Solidity is area / area of the convex hull in pixels.
    Raises InputError if the shapes differ.

    >>> bar = np.array([[0, 0, 0, 0],
    ...                 [0, 1, 1, 1]], bool)
    >>> found, = lesions(bar, np.full(bar.shape, 0.75, np.float32))
    >>> found.area_px, found.bbox, found.centroid, found.orientation_deg, found.touches_border
    (3, (1, 1, 2, 4), (1.0, 2.0), 0.0, True)
    """
    if mask.shape != probability.shape:
        raise InputError(
            f"the mask is {mask.shape} but the probability map is {probability.shape}; "
            "resize the map to the mask first."
        )
    box = bounding_box(mask)
    if box is None:
        return ()
    numbers, inside = label(mask[box], connectivity=2), probability[box]
    found = [
        _lesion(numbers[part] == number, inside[part], _sides(part, box), mask.shape)
        for number, part in enumerate(find_objects(numbers), start=1)
    ]
    return _numbered(found)


def lesions_of_views(
    mask: Mask, probability: Probability, views: Sequence[View]
) -> tuple[Lesion, ...]:
    """As `lesions`, but lesions of two views that meet are not one.

    Views that overlap share their lesions. What lies beside all views is measured, too.

    >>> row, left, right = np.ones((1, 4), bool), (0, 0, 1, 2), (0, 2, 1, 4)
    >>> [lesion.bbox for lesion in lesions_of_views(row, row.astype(np.float32), [left, right])]
    [(0, 0, 1, 2), (0, 2, 1, 4)]
    """
    if len(views) == 1 or any(_overlap(*pair) for pair in combinations(views, 2)):
        return lesions(mask, probability)
    rest, parts = mask.copy(), []
    for top, left, bottom, right in views:
        box = slice(top, bottom), slice(left, right)
        parts.append(np.zeros_like(mask))
        parts[-1][box] = mask[box]
        rest[box] = False
    found = [lesion for part in (*parts, rest) for lesion in lesions(part, probability)]
    return _numbered(found)


def _numbered(found: list[Lesion]) -> tuple[Lesion, ...]:
    """Lesions from the largest on."""
    found.sort(key=lambda lesion: (-lesion.area_px, lesion.bbox))
    return tuple(replace(lesion, lesion=number) for number, lesion in enumerate(found, start=1))


def _overlap(first: View, second: View) -> bool:
    rows = first[0] < second[2] and second[0] < first[2]
    return rows and first[1] < second[3] and second[1] < first[3]


def component(mask: Mask, lesion: Lesion) -> Mask:
    """The (rows, columns) mask of one lesion.

    >>> two = np.array([[1, 1, 0, 1]], bool)
    >>> component(two, lesions(two, two.astype(np.float32))[1]).astype(int)
    array([[0, 0, 0, 1]])
    """
    top, left, bottom, right = lesion.bbox
    window = label(mask[top:bottom, left:right], connectivity=2)
    # only the lesion's own component touches every side of its box
    reach = (set(side.tolist()) for side in (window[0], window[-1], window[:, 0], window[:, -1]))
    (number,) = set.intersection(*reach) - {0}
    alone = np.zeros_like(mask)
    alone[top:bottom, left:right] = window == number
    return alone


def _sides(part: Box, box: Box) -> Sides:
    """The sides, within the mask, of a part of a box of the mask."""
    down, across = box[0].start, box[1].start
    rows, columns = part
    return rows.start + down, columns.start + across, rows.stop + down, columns.stop + across


def _lesion(
    component: Mask, probability: Probability, bbox: Sides, shape: tuple[int, ...]
) -> Lesion:
    """The measurements of one component, an array of its bounding box, but for its number."""
    moments = _moments(component)
    area = moments.area_px
    long_axis, short_axis = moments.axes_px
    elongated = long_axis > short_axis * _ELONGATED
    return Lesion(
        lesion=0,
        area_px=area,
        bbox=bbox,
        centroid=(
            (bbox[0] * area + moments.row_sum) / area,
            (bbox[1] * area + moments.column_sum) / area,
        ),
        long_axis_px=long_axis,
        short_axis_px=short_axis,
        orientation_deg=moments.orientation_deg if elongated else 0.0,
        circularity=_circularity(area, _perimeter_px(component)),
        solidity=min(1.0, area / _hull_area_px(component)),
        mean_probability=float(probability[component].mean(dtype=np.float64)),
        touches_border=_touches_border(bbox, shape),
    )


@dataclass(frozen=True, slots=True)
class _Moments:
    """Of a component whose pixels are unit squares."""

    area_px: int
    row_sum: int
    column_sum: int
    row_variance: float
    column_variance: float
    covariance: float

    @property
    def axes_px(self) -> tuple[float, float]:
        """Full axes, long and short, of the ellipse with the same second moments."""
        mean = (self.row_variance + self.column_variance) / 2
        half = math.hypot((self.row_variance - self.column_variance) / 2, self.covariance)
        return 4 * math.sqrt(mean + half), 4 * math.sqrt(max(mean - half, _PIXEL_VARIANCE))

    @property
    def orientation_deg(self) -> float:
        """Angle of the long axis to the horizontal in (-90, 90], counter-clockwise as seen."""
        twice = math.atan2(2 * self.covariance, self.row_variance - self.column_variance)
        angle = round(math.degrees(twice) / 2 + 90, 6)  # from the vertical
        return angle if angle <= 90 else angle - 180


def _moments(component: Mask) -> _Moments:
    """Sums are whole numbers, so nothing is lost by rounding."""
    in_rows, in_columns = (np.count_nonzero(component, axis=axis) for axis in (1, 0))
    rows, columns = (np.arange(side) for side in component.shape)
    area, row_sum, column_sum = int(in_rows.sum()), int(in_rows @ rows), int(in_columns @ columns)
    products = area * int(_column_sums(component) @ rows) - row_sum * column_sum
    squares = (
        area * int(in_rows @ rows**2) - row_sum**2,
        area * int(in_columns @ columns**2) - column_sum**2,
    )
    return _Moments(
        area_px=area,
        row_sum=row_sum,
        column_sum=column_sum,
        row_variance=squares[0] / area**2 + _PIXEL_VARIANCE,
        column_variance=squares[1] / area**2 + _PIXEL_VARIANCE,
        covariance=products / area**2,
    )


def _column_sums(component: Mask) -> NDArray[np.float64]:
    """The sum of each row's column numbers, a few rows at a time: floats take eight times a mask's
    memory.
    """
    columns = np.arange(component.shape[1], dtype=np.float64)
    starts = range(0, len(component), _ROWS_AT_ONCE)
    return np.concatenate([component[row : row + _ROWS_AT_ONCE] @ columns for row in starts])


def _perimeter_px(component: Mask) -> float:
    """Crofton's: how often lines in four directions enter the component, times their distance."""
    framed = np.pad(component, 1)
    straight = (framed[:, 1:] > framed[:, :-1], framed[1:] > framed[:-1])
    diagonal = (framed[1:, 1:] > framed[:-1, :-1], framed[1:, :-1] > framed[:-1, 1:])
    entries, slanting = (sum(map(np.count_nonzero, each)) for each in (straight, diagonal))
    return math.pi / 4 * (entries + slanting / math.sqrt(2))


def _circularity(area_px: int, perimeter_px: float) -> float:
    return min(1.0, 4 * math.pi * area_px / perimeter_px**2)


def _hull_area_px(component: Mask) -> int:
    """Number of pixels whose centres are inside the component's convex hull or on its edge.

    A pixel spans half a pixel to each side. The count equals that of scikit-image's
    `convex_hull_image` and takes a fraction of its time. Every row of `component` has a pixel.
    """
    rows = np.arange(len(component))
    left = component.argmax(axis=1)
    right = component.shape[1] - 1 - component[:, ::-1].argmax(axis=1)
    points = [
        np.stack([rows + down, column + across], axis=1)
        for column, outwards in ((left, -0.5), (right, 0.5))
        for down, across in ((-0.5, 0.0), (0.5, 0.0), (0.0, outwards))
    ]
    normals = ConvexHull(np.concatenate(points)).equations  # of edges: n . point + c <= 0 inside
    rise, run, offset = (normals[:, part, None] for part in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = (-offset - rise * rows) / run
    last = np.where(run > _TINY, ends, np.inf).min(axis=0)
    first = np.where(run < -_TINY, ends, -np.inf).max(axis=0)
    return int((np.floor(last + _TINY) - np.ceil(first - _TINY) + 1).sum())


def _touches_border(bbox: Sides, shape: tuple[int, ...]) -> bool:
    top, left, bottom, right = bbox
    return top == 0 or left == 0 or bottom == shape[0] or right == shape[1]
