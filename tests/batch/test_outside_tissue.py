"""What lies outside tissue never gets a mask: sectors, colour boxes, elastograms, spectra."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset

from tests.dicom_maker import region, ultrasound
from tests.screen_parts import View

TOP, LEFT, GAP, SIDE = 50, 60, 24, 70
GROUND = 12
COLOUR_FLOW, SPECTRUM = 2, 3
Scene = tuple[np.ndarray, list[Dataset], np.ndarray]
"""Pixels, the regions of the header, and where tissue is."""


def screen(*views: tuple[View, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A dark screen with scans on it, (rows, columns, 3) uint8, and where they are."""
    rows = max(view.box[0].stop for view, _ in views) + SIDE
    columns = max(view.box[1].stop for view, _ in views) + SIDE
    pixels = np.full((rows, columns, 3), GROUND, np.uint8)
    tissue = np.zeros((rows, columns), bool)
    for view, scan in views:
        inside = view.shown(np.ones(scan.shape[:2], bool))
        pixels[view.box][inside] = view.shown(scan)[inside]
        tissue[view.box] |= inside
    return pixels, tissue


def view_at(left: int, scan: np.ndarray, *, curved: bool = False) -> View:
    rows, columns = scan.shape[:2]
    return View(box=(slice(TOP, TOP + rows), slice(left, left + columns)), curved=curved)


def of(view: View, **changes: int) -> Dataset:
    """The region of a header around a view."""
    rows, columns = view.box
    box = (rows.start, columns.start, rows.stop - 1, columns.stop - 1)
    return region(box, 0.01, 0.01, **changes)


def coloured(scan: np.ndarray) -> np.ndarray:
    """The scan under bands of colour, as an elastogram."""
    hue = np.linspace(0, 255, len(scan)).astype(np.uint8)
    paint = np.stack([hue, 255 - hue, np.full_like(hue, 40)], axis=1)[:, None]
    return (scan // 3 + paint // 3 * 2).astype(np.uint8)


def curved(scan: np.ndarray) -> Scene:
    view = view_at(LEFT, scan, curved=True)
    pixels, tissue = screen((view, scan))
    return pixels, [of(view)], tissue


def colour_box(scan: np.ndarray) -> Scene:
    """A box of colours in the field's upper left quarter, as a region of its own."""
    view = view_at(LEFT, scan)
    pixels, tissue = screen((view, scan))
    rows, columns = (slice(side.start + 5, side.start + 65) for side in view.box)
    pixels[rows, columns] = coloured(pixels[rows, columns])
    box = of(View(box=(rows, columns)), RegionDataType=COLOUR_FLOW)
    return pixels, [box, of(view)], tissue


def elastography(scan: np.ndarray) -> Scene:
    """The scan, and beside it the same in colours."""
    grey, painted = view_at(LEFT, scan), view_at(LEFT + scan.shape[1] + GAP, scan)
    pixels, _ = screen((grey, scan), (painted, coloured(scan)))
    tissue = np.zeros(pixels.shape[:2], bool)
    tissue[grey.box] = True
    return pixels, [of(grey), of(painted, RegionDataType=COLOUR_FLOW)], tissue


def spectrum(scan: np.ndarray) -> Scene:
    """A Doppler spectrum to the right of the field."""
    view, beside = view_at(LEFT, scan), view_at(LEFT + scan.shape[1] + GAP, scan)
    trace = np.random.default_rng(0).integers(0, 160, scan.shape, np.uint8)
    pixels, _ = screen((view, scan), (beside, trace))
    tissue = np.zeros(pixels.shape[:2], bool)
    tissue[view.box] = True
    other = of(beside, RegionDataType=SPECTRUM, RegionSpatialFormat=SPECTRUM)
    return pixels, [of(view), other], tissue


SCENES: tuple[Callable[[np.ndarray], Scene], ...] = (curved, colour_box, elastography, spectrum)
SEARCHED = ("curved", "colour_box", "elastography")
"""Where the image itself shows what is tissue."""


@pytest.fixture(scope="module")
def phantom(scans) -> np.ndarray:
    path = next(scans.glob("malignant/*[0-9].png"))
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture
def out(call, phantom, tmp_path) -> Path:
    """Results of every scene, with and without regions in its header."""
    (tmp_path / "ward").mkdir()
    for scene in SCENES:
        pixels, regions, _ = scene(phantom)
        name = scene.__name__
        (tmp_path / "ward" / f"{name}-header").write_bytes(ultrasound(pixels, regions=regions))
        if name in SEARCHED:
            (tmp_path / "ward" / f"{name}-found").write_bytes(ultrasound(pixels))
    assert call("segment-dir", "ward", "out", "--views", "auto", "--no-overlays").status == 0
    return tmp_path / "out"


def test_what_lies_outside_tissue_never_gets_a_mask(out, phantom):
    lines = (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    views = {row["scan"]: row["views"] for row in map(json.loads, lines)}
    tissue = {scene.__name__: scene(phantom)[2] for scene in SCENES}
    assert len(views) == len(SCENES) + len(SEARCHED)
    for scan, seen in views.items():
        name, _, source = scan.partition("-")
        mask = np.asarray(Image.open(out / "masks" / f"{scan}.png")) > 0
        assert mask.any(), scan
        assert not (mask & ~tissue[name]).any(), scan
        assert [view["source"] for view in seen] == [source], scan
