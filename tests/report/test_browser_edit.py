"""Editing a mask in a real browser: with a mouse, with keys alone, with fingers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.imaging.polygons import mask_polygons, polygon_mask
from tests.report.review_page import NARROW, Review


def mask(out: Path, scan: str) -> np.ndarray:
    return np.asarray(Image.open(out / "masks" / scan)) > 0


# --- drawing


def test_a_drawn_lesion_becomes_the_mask(review, out, call, tmp_path):
    scan = "normal/phantom-20.png"
    shown = review()
    shown.page.fill("#reviewer", "AB")
    shown.page.locator("#grid").focus()
    shown.open(scan)
    shown.press("e", "b")
    for _ in range(3):
        shown.press("]")
    radius = shown.page.evaluate("editor.radius")
    shown.drag((150, 120), (220, 150))
    shown.drag((150, 200), (220, 200))
    assert len(shown.drawn()) == 2
    shown.press("u")
    assert len(shown.drawn()) == 1
    shown.press("y")
    assert len(shown.drawn()) == 2
    shown.press("u", "Enter")
    shown.press("Escape")
    saved = shown.save(tmp_path / "reviews.json")
    ((row),) = saved["reviews"]
    assert (row["scan"], row["decision"], len(row["polygons"])) == (scan, "edited", 1)
    shown.page.reload()
    assert shown.progress() == "1 of 24 reviewed"
    assert call("review", "out", "reviews.json").status == 0
    drawn = mask(out, scan)
    assert drawn[150, 220]
    assert drawn[120, 150]
    assert not drawn[200, 180]  # undone
    length = np.hypot(70, 30)
    assert drawn.sum() == pytest.approx(2 * radius * length + np.pi * radius**2, rel=0.03)
    again = review(context=shown.page.context)
    assert again.progress() == "1 of 24 reviewed"  # by the results now
    assert again.page.evaluate("reviews.kept.size") == 0
    again.open(scan)
    assert "Edited by AB" in again.page.locator(".standing").inner_text()


def test_a_point_is_dragged_added_moved_and_deleted(review):
    shown = review()
    shown.open("malignant/phantom-18.png")
    shown.press("e")
    before = shown.drawn()[0]
    x, y = before[-1]  # on top of its neighbours
    shown.drag((x, y), (x + 12, y + 5))
    assert shown.drawn()[0][-1] == pytest.approx([x + 12, y + 5], abs=1)
    ends = np.array([before[:-2], before[1:-1]])
    middle = ends.mean(axis=0)[np.hypot(*(ends[1] - ends[0]).T).argmax()]  # of the longest edge
    shown.drag(tuple(middle), (middle[0] + 9, middle[1]))
    assert len(shown.drawn()[0]) == len(before) + 1
    shown.press("Delete")
    assert len(shown.drawn()[0]) == len(before)
    place = shown.page.evaluate("editor.chosen[1]")
    x, y = shown.drawn()[0][place]
    shown.press("ArrowRight", "Shift+ArrowDown")
    assert shown.drawn()[0][place] == pytest.approx([x + 1, y + 10])
    for _ in range(5):
        shown.press("Control+z")
    assert shown.drawn()[0] == before
    shown.press("Escape")
    assert shown.page.locator("#edit-bar").is_hidden()
    assert shown.progress() == "0 of 24 reviewed"


def test_keys_alone_make_and_delete_a_lesion(review):
    shown = review()
    shown.open("normal/phantom-20.png")
    shown.press("e", "l", "i", ".", "ArrowLeft", "Enter")
    assert shown.progress() == "1 of 24 reviewed"
    shown.press("Escape")
    shown.open("malignant/phantom-18.png")
    shown.press("e", "d", "Enter")
    decisions = shown.page.evaluate("[...reviews.kept.values()].map((r) => r.decision)")
    assert sorted(decisions) == ["edited", "no_lesion"]


def test_the_brush_paints_and_erases_by_keys_alone(review):
    shown = review()
    shown.open("normal/phantom-20.png")
    shown.press("e", "b")
    radius = shown.page.evaluate("editor.radius")
    shown.press("ArrowLeft", "Space")
    assert "adds where it moves" in shown.page.locator("#detail #message.shown").inner_text()
    shown.press(*["Shift+ArrowRight"] * 6, "Space", "Shift+ArrowDown")
    assert len(shown.drawn()) == 1
    painted = area(shown)
    assert painted == pytest.approx(2 * radius * 60 + np.pi * radius**2, rel=0.05)
    shown.press("x", *["Shift+ArrowUp"], "Space", *["Shift+ArrowLeft"] * 2, "Space")
    assert area(shown) < painted - 2 * radius * 15
    shown.press("u")
    assert area(shown) == painted
    shown.press("Space", "ArrowLeft", "Enter")  # what is down is lifted first
    decisions = shown.page.evaluate("[...reviews.kept.values()].map((r) => r.decision)")
    assert decisions == ["edited"]


def area(shown: Review) -> int:
    """Pixels of the mask that is drawn."""
    count = "polygonMask(viewer.polygons, viewer.width, viewer.height).reduce((a, b) => a + b)"
    return shown.page.evaluate(count)


def test_a_brush_that_leaves_the_window_takes_the_image_along(review):
    shown = review()
    shown.open("normal/phantom-20.png")
    shown.press("e", "b", *"+++++++++")
    shown.press(*["Shift+ArrowLeft"] * 9)
    box = shown.page.locator(".pane").first.bounding_box()
    x, _ = shown.at(*shown.page.evaluate("editor.brush"))
    assert box["x"] - 1 <= x <= box["x"] + box["width"]


# --- touch


def touch(shown: Review, *moments: list[tuple[float, float]]) -> None:
    """Fingers at points of the screen, moment by moment; then they leave."""
    session = shown.page.context.new_cdp_session(shown.page)
    down = 0
    for fingers in (*moments, []):
        kind = "touchMove" if len(fingers) == down else "touchStart" if fingers else "touchEnd"
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        down = len(fingers)


@pytest.fixture
def touched(review, browser):
    """A page on a phone."""
    return review(context=browser.new_context(viewport=NARROW, has_touch=True, is_mobile=True))


def test_two_fingers_zoom_about_their_middle_and_move(touched):
    touched.open("malignant/phantom-18.png")
    before = touched.page.evaluate("viewer.scale")
    x, y = touched.at(100, 80)
    touch(touched, [(x - 20, y)], [(x - 20, y), (x + 20, y)], [(x - 30, y), (x + 50, y)])
    assert touched.page.evaluate("viewer.scale") == pytest.approx(2 * before, rel=0.02)
    assert touched.at(100, 80) == pytest.approx((x + 10, y), abs=1)


def test_one_finger_moves_the_image(touched):
    touched.open("malignant/phantom-18.png")
    x, y = touched.at(100, 80)
    touch(touched, [(x, y)], [(x + 15, y + 5)], [(x + 30, y + 10)])
    assert touched.at(100, 80) == pytest.approx((x + 30, y + 10), abs=1)


def test_a_finger_paints_and_a_second_one_undoes_that_and_zooms(touched):
    touched.open("normal/phantom-20.png")
    touched.press("e", "b")
    x, y = touched.at(120, 100)
    touch(touched, [(x, y)], [(x + 20, y)], [(x + 30, y)])
    (painted,) = touched.drawn()
    before = touched.page.evaluate("viewer.scale")
    touch(
        touched,
        [(x, y + 40)],
        [(x, y + 40), (x + 40, y + 40)],
        [(x - 20, y + 40), (x + 60, y + 40)],
    )
    assert touched.drawn() == [painted]
    assert touched.page.evaluate("viewer.scale") > before
    touched.press("u")
    assert touched.drawn() == []


# --- view


def test_zoom_and_pan_keep_the_point_under_the_pointer(review):
    shown = review()
    shown.open("malignant/phantom-18.png")
    before = shown.page.evaluate("viewer.scale")
    spot = shown.at(100, 80)
    shown.page.mouse.move(*spot)
    shown.page.mouse.wheel(0, -300)
    shown.wait(f"viewer.scale > {before}")
    assert shown.at(100, 80) == pytest.approx(spot, abs=0.5)
    width = "parseFloat(getComputedStyle(document.querySelector('.lines .contour')).strokeWidth)"
    assert shown.page.evaluate(f"viewer.scale * {width}") == pytest.approx(1.75, abs=0.01)
    shown.page.mouse.down()
    shown.page.mouse.move(spot[0] + 40, spot[1] + 10, steps=4)
    shown.page.mouse.up()
    assert shown.at(100, 80) == pytest.approx((spot[0] + 40, spot[1] + 10), abs=0.5)
    shown.press("0")
    assert shown.page.evaluate("viewer.scale") == before
    shown.press("c")
    assert shown.page.locator(".lines").is_hidden()
    shown.press("b")
    assert shown.page.locator(".pane").count() == 2


def masks_of_all_sizes() -> Iterator[np.ndarray]:
    """100 rough blobs of 1 to 100 px radius."""
    random = np.random.default_rng(0)
    for number in range(100):
        radius = 1.0 + number
        size = int(2.8 * radius) + 8
        y, x = np.indices((size, size)) - size / 2
        angle = np.arctan2(y, x)
        waves = sum(random.normal(0, 0.06) * np.cos(k * angle + k) for k in range(2, 9))
        yield np.hypot(x, y) <= radius * (1 + waves)


def test_the_pages_polygons_and_the_commands_mask_are_the_same(review):
    page = review().page
    drawing = "([m, w, h]) => maskPolygons(Uint8Array.from(m, Number), w, h)"
    filling = "([p, w, h]) => polygonMask(p, w, h).join('')"
    for blob in masks_of_all_sizes():
        height, width = blob.shape
        text = "".join(map(str, blob.astype(int).ravel()))
        theirs = page.evaluate(drawing, [text, width, height])
        ours = mask_polygons(blob)
        for polygons in (theirs, ours):
            mask = polygon_mask(polygons, blob.shape)
            assert dice(mask, blob) >= 0.995
            filled = page.evaluate(filling, [polygons, width, height])
            assert filled == "".join(map(str, mask.astype(int).ravel()))


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * (one & other).sum() / (one.sum() + other.sum())
