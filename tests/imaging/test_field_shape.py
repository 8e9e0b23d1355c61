"""Where tissue ends at flat ground: sectors, trapezoids, and black cysts at their borders."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.ndimage import distance_transform_edt

from busicli.imaging.field_shape import INSET, FieldShape, field_shape
from tests.screen_parts import View

ROWS, COLUMNS = 240, 320
VIEW = (slice(0, ROWS), slice(0, COLUMNS))


def speckle(rows=ROWS, columns=COLUMNS) -> np.ndarray:
    return np.random.default_rng(0).integers(30, 160, (rows, columns), np.uint8)


def sector(ground=0, cyst=None) -> tuple[np.ndarray, np.ndarray]:
    """Speckle in a sector, black in the cyst if there is one, on ground; and where tissue is."""
    inside = View(box=VIEW, curved=True).shown(np.ones((ROWS, COLUMNS), bool))
    grey = np.where(inside, speckle(), np.uint8(ground))
    if cyst is not None:
        grey[cyst & inside] = ground
    return grey, inside


def lost_px(inside, found) -> float:
    """How deep in tissue the deepest pixel lies that is not found; the view's border ends it."""
    return float(distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1][~found].max())


def disc(row, column, radius) -> np.ndarray:
    rows, columns = np.ogrid[:ROWS, :COLUMNS]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def trapezoid() -> np.ndarray:
    """40.5 columns narrower at each side in the first row than in the last."""
    rows, columns = np.ogrid[:ROWS, :COLUMNS]
    return np.minimum(columns, COLUMNS - 1 - columns) >= 40.5 * (1 - rows / ROWS)


@pytest.mark.parametrize("ground", [0, 12, 210])
def test_ground_around_a_sector_is_no_tissue(ground):
    grey, inside = sector(ground)
    found = field_shape(grey).inside()
    assert not (found & ~inside).any()
    assert lost_px(inside, found) <= INSET + 1


def test_ground_beside_a_trapezoid_is_no_tissue():
    inside = trapezoid()
    found = field_shape(np.where(inside, speckle(), np.uint8(0))).inside()
    assert not (found & ~inside).any()
    assert lost_px(inside, found) <= INSET + 1


@pytest.mark.parametrize(
    ("at", "beyond_px"),
    [
        ((228, 160, 30), 8),
        ((120, 75, 25), 8),
        ((150, 250, 25), 8),
        ((14, 165, 14), 8),
        ((215, 40, 25), 35),
    ],
)
def test_a_black_cyst_at_the_border_of_a_sector_is_tissue(at, beyond_px):
    """At the lower arc, both sides and the probe's arc; in a corner, which nothing shows then."""
    grey, inside = sector(cyst=disc(*at))
    found = field_shape(grey).inside()
    assert lost_px(inside, found) <= 5
    assert distance_transform_edt(~inside)[found].max() <= beyond_px


@pytest.mark.parametrize("at", [(120, 5, 40), (235, 160, 40), (5, 160, 30), (235, 5, 50)])
def test_a_black_cyst_at_the_border_of_a_scan_is_tissue(at):
    grey = speckle()
    grey[disc(*at)] = 0
    assert field_shape(grey) is None


def test_black_cysts_in_two_corners_of_a_scan_are_tissue():
    grey = speckle()
    grey[disc(239, 0, 60) | disc(239, 319, 60)] = 0
    shape = field_shape(grey)
    assert shape is None or shape.inside().all()


def test_margins_of_a_scan_are_no_tissue():
    grey = np.zeros((ROWS, COLUMNS), np.uint8)
    grey[20:200, 30:300] = speckle(180, 270)
    inside = np.zeros(grey.shape, bool)
    inside[22:198, 32:298] = True  # INSET further in
    np.testing.assert_array_equal(field_shape(grey).inside(), inside)


def test_text_on_the_ground_is_no_tissue():
    grey, inside = sector()
    rows, columns = np.ogrid[:12, :40]
    grey[20:32, 10:50] = np.where((rows + columns) % 4 < 2, 220, 0)
    assert not (field_shape(grey).inside() & ~inside).any()


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_losses_of_a_jpeg_show_no_ground_as_tissue(quality):
    grey, inside = sector()
    stored = io.BytesIO()
    Pillow.fromarray(grey).save(stored, "JPEG", quality=quality)
    found = field_shape(np.asarray(Pillow.open(stored))).inside()
    assert not (found & ~inside).any()
    assert lost_px(inside, found) <= 5


def line(rows: int, columns: int) -> np.ndarray:
    """A white first row, all else black."""
    grey = np.zeros((rows, columns), np.uint8)
    grey[0] = 255
    return grey


@pytest.mark.parametrize(
    "grey",
    [speckle(), np.zeros((90, 90), np.uint8), speckle(3, 3), line(80, 200), line(200, 80).T],
)
def test_a_scan_without_ground_or_without_tissue_has_no_shape(grey):
    assert field_shape(grey) is None


@pytest.mark.parametrize("ground", [0, 210])
def test_a_shape_is_made_again_from_what_is_inside(ground):
    inside = field_shape(sector(ground)[0]).inside()
    assert 0.3 < inside.mean() < 0.9
    np.testing.assert_array_equal(FieldShape.of(inside).inside(), inside)


def test_nothing_inside_makes_a_shape_of_nothing():
    assert not FieldShape.of(np.zeros((5, 7), bool)).inside().any()


def test_the_rim_is_the_outermost_tissue():
    grey = np.zeros((ROWS, COLUMNS), np.uint8)
    grey[20:200, 30:300] = speckle(180, 270)
    rim = field_shape(grey).rim()
    assert rim[22, 32:298].all()  # INSET within row 20
    assert rim[22:198, 297].all()
    assert not rim[23:197, 33:297].any()
