"""One whole case: tissue, masses, acquisition and marks from one random generator."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from phantoms.acquisition import AcquisitionSettings, Picture, attenuation, picture
from phantoms.annotations import AnnotationSettings, annotate
from phantoms.fields import Field
from phantoms.lesions import (
    LesionSettings,
    add_lesion,
    beam_change,
    outline,
    signed_distance,
)
from phantoms.tissue import TissueSettings, echogenicity, layer_depth

Label = Literal["benign", "malignant", "normal"]
Mask = NDArray[np.bool_]
"""(rows, columns) bool, True in the lesion."""


@dataclass(frozen=True, slots=True)
class Phantom:
    """A picture and its truth: one mask a lesion, of the picture's shape; none where normal."""

    scan: Picture
    masks: list[Mask]


def make_phantom(label: Label, rng: np.random.Generator) -> Phantom:
    """A new phantom of a class."""
    marks = AnnotationSettings.draw(rng)
    rows, columns = int(rng.integers(260, 421)), int(rng.integers(300, 521))
    shape = (rows, columns - sum(marks.margins_px))
    masses = _draw_masses(label, rng)
    distances = _place(shape, masses, rng)
    scan = _scan(shape, masses, distances, rng)
    masks = [distance < 0 for distance in distances] if label != "normal" else []
    scan, masks = _framed(scan, masks, marks, rng)
    return Phantom(annotate(scan, masks, marks, rng), masks)


def _draw_masses(label: Label, rng: np.random.Generator) -> list[LesionSettings]:
    """One mass or two; for a normal breast at most a fat lobule that only looks like one."""
    if label == "malignant":
        return [LesionSettings.draw_malignant(rng)]
    draw = LesionSettings.draw_benign if label == "benign" else LesionSettings.draw_fat_lobule
    counts, odds = ((1, 2), (0.75, 0.25)) if label == "benign" else ((0, 1, 2), (0.4, 0.4, 0.2))
    return [draw(rng) for _ in range(rng.choice(counts, p=odds))]


def _place(
    shape: tuple[int, int], masses: list[LesionSettings], rng: np.random.Generator
) -> list[Field]:
    """Signed distances in px of each mass, at random places where none touches another.

    A mass that finds no room among the others in 50 tries shrinks until it does.
    """
    taken = np.zeros(shape, bool)
    distances: list[Field] = []
    for mass in masses:
        radius_px = outline(mass, rng) * np.sqrt(mass.area * shape[0] * shape[1])
        for attempt in range(100):
            shrink = 0.97 ** max(attempt - 50, 0)
            distance = signed_distance(shape, _centre(shape, radius_px, rng), shrink * radius_px)
            if not (taken & (distance < 8)).any():
                break
        taken |= distance < 0
        distances.append(distance)
    return distances


def _centre(
    shape: tuple[int, int], radius_px: NDArray[np.float64], rng: np.random.Generator
) -> tuple[float, float]:
    """A (row, column) that keeps most of a mass below the skin and above the chest wall."""
    rows, columns = shape
    reach_px = np.quantile(radius_px, 0.9)
    top, bottom = 0.09 * rows + reach_px, 0.72 * rows - reach_px
    left, right = 8 + reach_px, columns - 8 - reach_px
    middle = (top + bottom) / 2
    row = rng.uniform(top, bottom) if bottom > top else middle + rng.normal(0, 0.02 * rows)
    column = rng.uniform(left, right) if right > left else columns / 2
    return float(row), float(column)


def _scan(
    shape: tuple[int, int],
    masses: list[LesionSettings],
    distances: list[Field],
    rng: np.random.Generator,
) -> Picture:
    """The picture of a breast with these masses, without any marks."""
    tissue = TissueSettings.draw(rng)
    dials = AcquisitionSettings.draw(rng)
    depth_px = layer_depth(shape, tissue, rng)
    for distance in distances:
        depth_px = _pushed_aside(depth_px, distance)
    echo_db = echogenicity(depth_px, tissue, rng)
    beam_db = attenuation(shape, dials, rng)
    for mass, distance in zip(masses, distances, strict=True):
        echo_db = add_lesion(echo_db, distance, mass, rng)
        beam_db = beam_db + beam_change(distance, mass, rng)
    return picture(echo_db + beam_db, dials, rng)


def _pushed_aside(depth_px: Field, distance_px: Field) -> Field:
    """Layers bent around a mass: those above it rise, those below it sink, less with distance."""
    inside = distance_px < 0
    if not inside.any():
        return depth_px
    rows, columns = np.nonzero(inside)
    half_px = (rows.max() - rows.min()) / 2
    row, column = np.indices(depth_px.shape, dtype=float)
    up = (row - rows.mean()) / half_px
    across = (column - columns.mean()) / (columns.max() - columns.min()) * 2
    push = 0.45 * half_px * np.tanh(up) * np.exp(-(across**2) - 0.5 * np.abs(up))
    return depth_px - push * np.clip(row / (0.2 * depth_px.shape[0]), 0, 1)


def _framed(
    scan: Picture, masks: list[Mask], marks: AnnotationSettings, rng: np.random.Generator
) -> tuple[Picture, list[Mask]]:
    """Scan and masks between black margins; now and then with the corners of a sector cut off."""
    if rng.random() < 0.08:
        scan, masks = _sector(scan, masks, rng)
    sides = ((0, 0), marks.margins_px)
    return np.pad(scan, sides), [np.pad(mask, sides) for mask in masks]


def _sector(
    scan: Picture, masks: list[Mask], rng: np.random.Generator
) -> tuple[Picture, list[Mask]]:
    """Scan and masks narrowed towards the probe, as a virtual convex array shows them."""
    rows, columns = scan.shape
    top = rng.uniform(0.74, 0.88)
    row, column = np.indices(scan.shape, dtype=float)
    width = top + (1 - top) * np.clip(row / (0.55 * rows), 0, 1)
    middle = (columns - 1) / 2
    place = [row, middle + (column - middle) / width]
    bent = ndimage.map_coordinates(scan, place, order=1, cval=0)
    return bent, [ndimage.map_coordinates(m.astype(np.uint8), place, order=0) > 0 for m in masks]
