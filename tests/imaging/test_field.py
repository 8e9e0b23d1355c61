"""Ultrasound fields on screens and in bare scans."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from busicli.imaging.arrays import Box, as_rgb
from busicli.imaging.field import FieldSearch, find_fields
from busicli.imaging.field_grid import around
from tests.screen_parts import Canvas
from tests.screens import DESIGNS, draw_screen

PHANTOMS = Path(__file__).parents[2] / "examples" / "scans"
BRIGHT = ("benign/phantom-04", "benign/phantom-07", "malignant/phantom-11", "malignant/phantom-14")
"""Phantoms without a shadow at their borders."""


def speckle(rows: int, columns: int, seed: int = 0, wide: int = 9) -> np.ndarray:
    """Grain 3 pixels high, between 40 and 200, (rows, columns) uint8."""
    coarse = np.random.default_rng(seed).integers(40, 201, (rows // 3 + 2, columns // wide + 2))
    picture = Pillow.fromarray(coarse.astype(np.uint8))
    smooth = picture.resize((columns, rows), Pillow.Resampling.BICUBIC)
    return np.array(smooth)


def on_ground(grain: np.ndarray, at: tuple[int, int], size: tuple[int, int], ground: int = 0):
    """(rows, columns, 3): grain with its first pixel at a place on flat ground."""
    channel = np.full(size, ground, np.uint8)
    channel[at[0] : at[0] + grain.shape[0], at[1] : at[1] + grain.shape[1]] = grain
    return as_rgb(channel)


def field_box(scan: np.ndarray) -> Box:
    """The box around every field."""
    return around(find_fields(scan).boxes)


def phantom(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A phantom's own field, and its lesions."""
    scan = np.asarray(Pillow.open(PHANTOMS / f"{name}.png").convert("RGB"))
    mask = np.asarray(Pillow.open(PHANTOMS / f"{name}_mask.png").convert("L")) > 127
    box = field_box(scan)
    return np.ascontiguousarray(scan[box]), mask[box]


def only(search: FieldSearch) -> tuple[int, int, int, int]:
    """First row, row after the last, first column, column after the last of the one box."""
    assert len(search.boxes) == 1, search
    rows, columns = search.boxes[0]
    return rows.start, rows.stop, columns.start, columns.stop


def iou(first, second) -> float:
    inside = [np.zeros((2000, 2000), bool) for _ in range(2)]
    for mask, box in zip(inside, (first, second), strict=True):
        mask[box] = True
    return float((inside[0] & inside[1]).sum() / (inside[0] | inside[1]).sum())


# --- one field


@pytest.mark.parametrize("ground", [0, 30, 128, 255])
def test_a_field_on_flat_ground_is_found_to_the_pixel(ground):
    scan = on_ground(speckle(300, 400), (120, 200), (768, 1024), ground)
    search = find_fields(scan)
    assert search.kind == "found"
    assert only(search) == (120, 420, 200, 600)
    assert field_box(scan) == search.boxes[0]


def test_a_field_on_coloured_ground_is_found():
    scan = np.full((480, 640, 3), (20, 40, 160), np.uint8)
    scan[100:350, 150:500] = speckle(250, 350)[..., None]
    assert only(find_fields(scan)) == (100, 350, 150, 500)


def test_a_scan_without_margins_stays_whole():
    search = find_fields(as_rgb(speckle(310, 450)))
    assert search.kind == "whole"
    assert only(search) == (0, 310, 0, 450)


def test_uniform_margins_of_a_scan_are_cut():
    # 10 rows above, 40 below: one side alone is no screen, but uniform lines show nothing
    search = find_fields(on_ground(speckle(200, 300), (10, 0), (250, 300)))
    assert search.kind == "found"
    assert only(search) == (10, 210, 0, 300)


def test_a_dark_shadow_with_faint_speckle_is_not_cut():
    grain = speckle(300, 400).astype(float)
    grain[150:] *= np.linspace(1, 0.02, 150)[:, None]  # the last rows lie between 0 and 4
    search = find_fields(as_rgb(grain.astype(np.uint8)))
    assert only(search) == (0, 300, 0, 400)


def test_a_wide_shadow_does_not_make_two_views():
    grain = speckle(300, 400)
    grain[60:, 150:250] = 0  # the skin above it shows
    assert only(find_fields(as_rgb(grain))) == (0, 300, 0, 400)
    assert only(find_fields(on_ground(grain, (50, 90), (480, 640)))) == (50, 350, 90, 490)


def test_a_field_in_the_corner_of_a_screen_is_found():
    assert only(find_fields(on_ground(speckle(300, 400), (0, 0), (480, 640)))) == (0, 300, 0, 400)


def test_a_field_on_noisy_ground_is_found():
    scan = on_ground(speckle(300, 400), (100, 150), (600, 800), ground=60).astype(float)
    scan += np.random.default_rng(1).normal(0, 1.5, scan.shape[:2])[..., None]
    search = find_fields(np.rint(scan).clip(0, 255).astype(np.uint8))
    assert search.kind == "found"
    assert iou(search.boxes[0], (slice(100, 400), slice(150, 550))) > 0.95


def test_no_texture_is_unsure():
    search = find_fields(as_rgb(np.full((200, 300), 90, np.uint8)))
    assert search.kind == "unsure"
    assert only(search) == (0, 200, 0, 300)


def test_a_page_of_text_is_unsure():
    page = Canvas(np.random.default_rng(0), (255, 255, 255))
    page.words((0.05, 0.05, 0.6, 0.95))
    assert find_fields(page.done().pixels).kind == "unsure"


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (40, 30)])
def test_a_tiny_image_is_one_box(shape):
    assert only(find_fields(as_rgb(speckle(*shape)))) == (0, shape[0], 0, shape[1])


def test_the_image_stays_as_it_is():
    scan = np.array(on_ground(speckle(200, 300), (50, 60), (400, 500)))
    before = scan.copy()
    find_fields(scan)
    assert np.array_equal(scan, before)


# --- views


@pytest.mark.parametrize("gap", [0, 1, 6, 30])
def test_two_views_are_told_however_near_they_are(gap):
    parts = [speckle(300, 280, seed) for seed in (1, 2)]
    pair = np.hstack([parts[0], np.zeros((300, gap), np.uint8), parts[1]])
    search = find_fields(on_ground(pair, (100, 120), (600, 900)))
    assert search.kind == "found"
    assert search.boxes == (
        (slice(100, 400), slice(120, 400)),
        (slice(100, 400), slice(400 + gap, 680 + gap)),
    )
    assert field_box(on_ground(pair, (100, 120), (600, 900))) == (
        slice(100, 400),
        slice(120, 680 + gap),
    )


def test_two_views_are_told_without_a_screen_around():
    pair = np.hstack([speckle(300, 280, seed) for seed in (1, 2)])
    assert find_fields(as_rgb(pair)).boxes == (
        (slice(0, 300), slice(0, 280)),
        (slice(0, 300), slice(280, 560)),
    )


def test_four_views_are_told():
    halves = [np.hstack([speckle(200, 260, seed) for seed in row]) for row in ((1, 2), (3, 4))]
    search = find_fields(on_ground(np.vstack(halves), (60, 100), (600, 800)))
    assert search.boxes == (
        (slice(60, 260), slice(100, 360)),
        (slice(60, 260), slice(360, 620)),
        (slice(260, 460), slice(100, 360)),
        (slice(260, 460), slice(360, 620)),
    )


def test_a_line_drawn_over_tissue_does_not_make_two_views():
    grain = speckle(300, 400, wide=30)
    grain[:, 200] = 255
    search = find_fields(as_rgb(grain))
    assert only(search) == (0, 300, 0, 400)
    assert not search.certain  # views that are alike beside their seam look so too


def test_four_views_are_told_where_two_of_them_are_alike_beside_their_seam():
    left = speckle(400, 260)  # as if the lower left view went on with the upper one's grain
    right = np.vstack([speckle(200, 260, seed) for seed in (2, 4)])
    search = find_fields(on_ground(np.hstack([left, right]), (60, 100), (600, 800)))
    assert (len(search.boxes), search.kind) == (4, "found")


def test_the_blocks_of_a_jpeg_do_not_make_two_views():
    rows = np.linspace(40, 160, 400)[:, None] + np.linspace(0, 40, 400)[None]
    rough = rows + np.random.default_rng(0).normal(0, 6, rows.shape)
    stored = io.BytesIO()
    Pillow.fromarray(rough.clip(0, 255).astype(np.uint8)).save(stored, "JPEG", quality=15)
    assert len(find_fields(as_rgb(np.asarray(Pillow.open(stored)))).boxes) == 1


def test_a_coloured_view_beside_a_grey_one_is_left_out():
    pair = np.array(as_rgb(np.hstack([speckle(300, 280, seed) for seed in (1, 2)])))
    pair[:, 280:, 2] //= 4
    assert find_fields(pair).boxes == ((slice(0, 300), slice(0, 280)),)
    pair[:, :280, 2] //= 4  # a tinted map: both stay
    assert len(find_fields(pair).boxes) == 2


def test_a_strip_of_thumbnails_is_no_field():
    scan = np.array(on_ground(speckle(400, 500), (60, 100), (768, 1024)))
    for left in range(40, 900, 110):
        scan[600:680, left : left + 100] = speckle(80, 100)[..., None]
    assert only(find_fields(scan)) == (60, 460, 100, 600)


# --- whole screens


@pytest.mark.parametrize("design", DESIGNS)
def test_every_field_is_found_on_a_screen_of_each_design(design):
    rng = np.random.default_rng(7)
    names = rng.permutation(BRIGHT)[: DESIGNS[design][0]]
    scans, masks = zip(*(phantom(name) for name in names), strict=True)
    screen = draw_screen(design, scans, rng)
    search = find_fields(screen.pixels)
    assert search.kind == "found"
    assert len(search.boxes) == len(screen.views)
    outside = np.ones(screen.pixels.shape[:2], bool)
    for box in search.boxes:
        outside[box] = False
    for view, mask in zip(screen.views, masks, strict=True):
        assert max([iou(view.box, box) for box in search.boxes]) >= 0.9
        assert not (view.shown(mask) & outside[view.box]).any()


def test_a_phantom_keeps_its_lesions():
    for path in sorted(PHANTOMS.glob("*/*_mask.png")):
        mask = np.asarray(Pillow.open(path).convert("L")) > 127
        scan = np.asarray(Pillow.open(str(path).replace("_mask", "")).convert("RGB"))
        kept = np.zeros_like(mask)
        kept[field_box(scan)] = True
        assert not (mask & ~kept).any(), path.name
