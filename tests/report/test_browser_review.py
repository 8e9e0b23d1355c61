"""Reviewing in a real browser: decide, draw, undo, save, reload, and the mask that follows."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.imaging.polygons import mask_polygons, polygon_mask

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

WAIT_S = 20
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Review:
    """A page that reviews, and what it complained about."""

    page: "playwright.Page"
    said: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def open(self, scan: str) -> None:
        self.page.fill("#search", scan)
        self.press("Enter", "Enter")
        self.wait("viewer.width > 0")

    def wait(self, condition: str) -> None:
        """Until it holds: the page forbids the code that Playwright's own waiting makes there."""
        until = time.monotonic() + WAIT_S
        while not self.page.evaluate(condition):
            assert time.monotonic() < until, condition
            time.sleep(0.02)

    def opened(self) -> str:
        return self.page.locator("#detail[open] .whole-name").inner_text()

    def progress(self) -> str:
        return self.page.locator("#progress").inner_text()

    def drawn(self) -> list:
        return self.page.evaluate("viewer.polygons")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the image is on the screen."""
        box = self.page.locator(".pane").first.bounding_box()
        shown = self.page.evaluate("[viewer.x, viewer.y, viewer.scale]")
        return box["x"] + shown[0] + x * shown[2], box["y"] + shown[1] + y * shown[2]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        mouse.move(*self.at(*end), steps=8)
        mouse.up()

    def save(self, path: Path) -> dict:
        with self.page.expect_download() as download:
            self.press("s")
        download.value.save_as(path)
        return json.loads(path.read_text())


@pytest.fixture(scope="module")
def night(tmp_path_factory, scans, run) -> Path:
    """What a night's run left."""
    folder = tmp_path_factory.mktemp("night")
    assert run("segment-dir", scans, "out", cwd=folder).status == 0
    return folder / "out"


@pytest.fixture
def out(night, tmp_path) -> Path:
    return Path(shutil.copytree(night, tmp_path / "out"))


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as started:
        yield started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def review(browser, out):
    """Open OUT's page; at the end it must have kept silent."""
    opened: list[Review] = []

    def show(viewport=WIDE, theme="dark", context=None) -> Review:
        context = context or browser.new_context(viewport=viewport, color_scheme=theme)
        shown = Review(context.new_page())
        shown.page.on("console", lambda message: shown.said.append(message.text))
        shown.page.on("pageerror", lambda error: shown.said.append(str(error)))
        # a download is what every browser has; a dialog of the system cannot be tested
        shown.page.add_init_script("delete window.showSaveFilePicker")
        shown.page.goto((out / "report.html").as_uri())
        opened.append(shown)
        return shown

    yield show
    for shown in opened:
        assert shown.said == []
        shown.page.context.close()


def mask(out: Path, scan: str) -> np.ndarray:
    return np.asarray(Image.open(out / "masks" / scan)) > 0


def rows(out: Path) -> dict[str, dict]:
    lines = (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["scan"]: row for row in map(json.loads, lines)}


# --- decisions


def test_one_key_decides_and_shows_the_next_one_that_is_left(review):
    shown = review()
    assert shown.progress() == "0 of 24 reviewed"
    shown.press("Enter")
    seen = [shown.opened()]
    for key in ("a", "n", "r"):
        shown.press(key)
        seen.append(shown.opened())
    assert len(set(seen)) == 4
    assert shown.progress() == "3 of 24 reviewed"
    shown.press("Escape")
    shown.page.select_option("#decided", "left")
    assert shown.page.locator("#status").inner_text() == "21 of 50"
    shown.page.select_option("#decided", "no_lesion")
    assert shown.page.locator(".card").count() == 1
    assert shown.page.locator(".card .badge").inner_text() == "no lesion"


def test_decisions_survive_a_reload_and_can_be_taken_back(review):
    shown = review()
    shown.press("Enter", "2", "a", "Escape")
    shown.page.reload()
    assert shown.progress() == "1 of 24 reviewed"
    shown.page.select_option("#decided", "done")
    shown.page.keyboard.press("Tab")
    shown.page.locator("#grid").focus()
    shown.press("Enter")
    assert shown.page.input_value("#label") == "malignant"
    shown.press("x")
    assert shown.progress() == "0 of 24 reviewed"


def test_without_storage_the_page_says_so(browser, out):
    page = browser.new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('none'); }})"
    )
    page.goto((out / "report.html").as_uri())
    assert page.locator("#unkept").is_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("a")
    assert page.locator("#progress").inner_text() == "1 of 24 reviewed"
    page.close()


def test_what_was_saved_is_shown_by_another_browser(review, browser, tmp_path):
    shown = review()
    shown.page.fill("#reviewer", "AB")
    shown.page.locator("#grid").focus()
    shown.press("Enter", "a", "r", "Escape")
    saved = shown.save(tmp_path / "reviews.json")
    assert saved["reviewer"] == "AB"
    assert [row["decision"] for row in saved["reviews"]].count("rejected") == 1
    other = review()
    assert other.progress() == "0 of 24 reviewed"
    other.page.set_input_files("#file", tmp_path / "reviews.json")
    other.wait("reviews.kept.size === 2")
    assert other.progress() == "2 of 24 reviewed"


def test_a_file_of_another_run_is_not_taken(review, tmp_path):
    shown = review()
    (tmp_path / "other.json").write_text('{"format": "busicli-reviews", "run": "x"}')
    shown.page.set_input_files("#file", tmp_path / "other.json")
    shown.page.locator("#message.shown").wait_for()
    assert "no file of reviews of this page" in shown.page.locator("#message").inner_text()


# --- drawing


def test_a_drawn_lesion_becomes_the_mask(review, out, call, tmp_path):
    scan = "normal/phantom-22.png"
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
    shown.open("normal/phantom-22.png")
    shown.press("e", "l", "i", ".", "ArrowLeft", "Enter")
    assert shown.progress() == "1 of 24 reviewed"
    shown.press("Escape")
    shown.open("malignant/phantom-18.png")
    shown.press("e", "d", "Enter")
    decisions = shown.page.evaluate("[...reviews.kept.values()].map((r) => r.decision)")
    assert sorted(decisions) == ["edited", "no_lesion"]


def test_zoom_and_pan_keep_the_point_under_the_pointer(review):
    shown = review()
    shown.open("malignant/phantom-18.png")
    before = shown.page.evaluate("viewer.scale")
    spot = shown.at(100, 80)
    shown.page.mouse.move(*spot)
    shown.page.mouse.wheel(0, -300)
    shown.wait(f"viewer.scale > {before}")
    assert shown.at(100, 80) == pytest.approx(spot, abs=0.5)
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


# --- first look


def test_after_a_click_on_a_filter_enter_opens_the_first_scan(review):
    shown = review()
    shown.page.click("[data-tag=lesions]")
    shown.press("Enter")
    assert shown.page.get_attribute("[data-tag=lesions]", "aria-pressed") == "true"
    assert shown.opened()


def test_each_card_says_why_it_needs_a_person(review):
    shown = review()
    shown.page.click("[data-tag=review]")
    badges = shown.page.locator(".card .badge").all_inner_texts()
    assert badges
    assert {text.split(" +")[0] for text in badges} <= {
        *("low confidence", "no certain ultrasound field", "several candidates"),
        *("lesion at the border", "class uncertain"),
    }


@pytest.mark.parametrize("viewport", [WIDE, NARROW])
def test_nothing_sticks_out_while_a_scan_is_edited(review, viewport):
    shown = review(viewport=viewport)
    shown.open("malignant/phantom-18.png")
    shown.press("e")
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = shown.page.locator("#finish-edit").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= viewport["width"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_no_violation(review, theme):
    package = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed")
    shown = review(theme=theme)
    shown.page.evaluate(Path(package.__file__).with_name("axe.min.js").read_text())

    def violations() -> list[str]:
        found = shown.page.evaluate("axe.run(document)")
        return [violation["id"] for violation in found["violations"]]

    assert violations() == []
    shown.press("Enter")
    shown.wait("viewer.width > 0")
    assert violations() == []
    shown.press("a")
    shown.wait("viewer.width > 0")  # of the next scan
    shown.press("e")
    shown.page.locator("#edit-bar").wait_for()
    assert violations() == []
    shown.press("Escape", "Escape", "?")
    assert violations() == []
