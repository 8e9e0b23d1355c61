"""The page in a real browser: what a person at a workstation, without a network, gets to see."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from busicli.io.images import encode_jpeg
from busicli.report.write import write_report
from tests.made_results import (
    done,
    in_mm,
    lesion,
    not_done,
    square,
    write_images,
    write_run,
    write_scores,
)
from tests.report.review_page import NARROW, WIDE

MARKUP = "ward/<img src=x onerror=alert(1)>.png"
NOT_UTF8 = os.fsdecode(b"ward/caf\xe9 100%#?.png")


@dataclass
class View:
    """A page in the browser and all that it did which nobody sees."""

    page: Any
    folder: Path
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Names of the cards in the document, in their order."""
        cards = self.page.locator(".card")
        texts = cards.evaluate_all(
            "cards => cards.map(c => [Number(c.getAttribute('aria-posinset')),"
            " c.querySelector('.card-name').textContent])"
        )
        return [name for _, name in sorted(texts)]

    def current(self) -> str:
        return self.page.locator(".card[aria-selected=true] .card-name").inner_text()

    def status(self) -> str:
        return self.page.locator("#status").inner_text()

    def opened(self) -> str | None:
        """The name of the scan that is open."""
        name = self.page.locator("#detail[open] .whole-name")
        return name.inner_text() if name.count() else None


@pytest.fixture
def view(browser):
    """Open a page; at the end it must have kept silent and to its own folder."""
    opened: list[View] = []
    contexts = []

    def show(page_file: Path, viewport=WIDE, theme="dark") -> View:
        context = browser.new_context(viewport=viewport, color_scheme=theme)
        contexts.append(context)
        shown = View(context.new_page(), page_file.parent)
        shown.page.on("console", lambda message: shown.said.append(message.text))
        shown.page.on("pageerror", lambda error: shown.said.append(str(error)))
        shown.page.on("dialog", lambda dialog: shown.said.append(dialog.message))
        shown.page.on("request", lambda request: shown.asked.append(request.url))
        shown.page.on("requestfailed", lambda request: shown.said.extend(missing(request)))
        shown.page.add_init_script("addEventListener('error', e => console.log(e.message))")
        shown.page.goto(page_file.as_uri())
        opened.append(shown)
        return shown

    yield show
    for shown in opened:
        assert shown.said == []
        own = shown.folder.as_uri() + "/"
        assert [url for url in shown.asked if not url.startswith((own, "data:"))] == []
    for context in contexts:
        context.close()


def missing(request: Any) -> list[str]:
    """The address of a request that failed, unless the page itself gave it up: an image that a
    filter hides, or one still on its way when the test ends.
    """
    return [] if request.failure == "net::ERR_ABORTED" else [request.url]


@pytest.fixture(scope="module")
def ward(tmp_path_factory) -> Path:
    """A run of 30 scans: 1 failed, 3 for review, 1 skipped, a cine, names of all kinds."""
    out = tmp_path_factory.mktemp("ward") / "out"
    rows = [
        not_done("ward/broken.png"),
        done(MARKUP, [lesion()], confidence=0.11),
        done(NOT_UTF8, [lesion(long_axis_px=40.0)], confidence=0.12),
        done("ward/empty.png", confidence=0.52),
        done("known.png", [lesion(millimetres=in_mm(14.24, 9.0))], confidence=0.72),
        done("cine.dcm", [lesion(1, 2)], confidence=0.73, frames=3),
        not_done("notes.txt", status="skipped", reason="is no image"),
        *(done(f"plain {n:02d}.png", [lesion()], confidence=0.98) for n in range(23)),
    ]
    for row in rows:
        for mask in row.masks:
            below = mask.path.removeprefix("masks/")
            write_images(out, NOT_UTF8 if "caf" in below else below)
    return write_report(write_run(out, rows))


# --- silence


def test_every_image_that_is_seen_loads_and_nothing_else_is_asked_for(view, ward):
    shown = view(ward)
    shown.page.wait_for_load_state("networkidle")
    widths = shown.page.locator(".card img").evaluate_all("i => i.map(x => x.naturalWidth)")
    assert len(widths) > 10
    assert all(widths)
    assert all(url.endswith((".jpg", "report.html")) for url in shown.asked if ":" in url[:5])


def test_markup_in_a_name_is_text(view, ward):
    shown = view(ward)
    assert "<img src=x onerror=alert(1)>.png" in shown.names()
    shown.page.keyboard.press("j")
    shown.page.keyboard.press("Enter")
    assert shown.opened() == MARKUP
    assert shown.page.locator("img[src=x]").count() == 0


@contextmanager
def sent_in_two(page_file: Path, cut: str) -> Iterator[tuple[str, Event]]:
    """The address of a page that ends before `cut` until the event is set."""
    begin, mark, end = page_file.read_bytes().partition(cut.encode())
    wanted = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(begin)
            wanted.wait(60)
            self.wfile.write(mark + end)

        def log_message(self, *_: object) -> None:
            """Keep silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", wanted
        wanted.set()
        server.shutdown()


def test_cards_are_seen_before_the_page_has_come_to_its_end(browser, ward, tmp_path):
    out = shutil.copytree(ward.parent, tmp_path / "out")
    page = browser.new_page(viewport=WIDE)
    with sent_in_two(write_report(out, inline=True), 'id="details"') as (address, wanted):
        page.goto(address, wait_until="commit")
        page.locator(".card").first.wait_for()
        page.locator(".card").first.click()  # too early to be opened
        assert page.locator("#detail[open]").count() == 0
        wanted.set()
        page.wait_for_load_state()
        page.keyboard.press("Enter")
        assert page.locator("#detail[open] .whole-name").inner_text() == "ward/broken.png"
    page.close()


# --- what is listed


def test_the_worst_come_first(view, ward):
    names = view(ward).names()
    assert names[:6] == [
        "broken.png",
        "<img src=x onerror=alert(1)>.png",
        "caf%E9 100%#?.png",
        "empty.png",
        "known.png",
        "cine.dcm",
    ]


def test_filters_list_what_they_say(view, ward):
    shown = view(ward)
    assert shown.status() == "30 of 30"
    tags = shown.page.locator("[data-tag]")
    assert tags.all_inner_texts() == [
        *("All30", "Failed1", "For review3", "With lesions27", "Empty1", "New28", "Skipped1")
    ]
    shown.page.click("[data-tag=review]")
    assert shown.status() == "3 of 30"
    assert len(shown.names()) == 3
    assert shown.page.get_attribute("[data-tag=review]", "aria-pressed") == "true"
    shown.page.click("[data-tag=review]")  # once more: all again
    assert shown.status() == "30 of 30"
    shown.page.click("[data-tag=failed]")
    assert shown.names() == ["broken.png"]
    assert "is damaged or cut short" in shown.page.locator(".card").inner_text()


def test_the_search_takes_words_in_any_order_and_case(view, ward):
    shown = view(ward)
    shown.page.keyboard.press("/")
    shown.page.keyboard.type("PLAIN 1")
    assert shown.status() == "12 of 30"  # 01, 10 to 19 and 21
    shown.page.fill("#search", "10 plain")
    assert shown.names() == ["plain 10.png"]
    shown.page.fill("#search", "nothing of the kind")
    assert shown.names() == []
    shown.page.click("#clear")
    assert shown.status() == "30 of 30"


def test_scans_can_be_ordered_by_name_and_by_size(view, ward):
    shown = view(ward)
    shown.page.select_option("#sort", "name")
    assert shown.names()[:3] == ["cine.dcm", "known.png", "notes.txt"]
    shown.page.select_option("#sort", "size")
    # millimetres first, then pixels from the largest on
    assert shown.names()[:2] == ["known.png", "caf%E9 100%#?.png"]


def test_a_bar_of_the_histogram_lists_its_scans(view, ward):
    shown = view(ward)
    bars = shown.page.locator(".bar")
    assert bars.count() == 20
    bars.nth(2).click()  # 0.10 to 0.15
    assert shown.status() == "2 of 30"
    assert shown.page.locator("#bin").inner_text().startswith("Confidence 0.10 to 0.15")
    bars.nth(2).click()
    assert shown.status() == "30 of 30"
    bars.nth(19).click()
    assert shown.status() == "23 of 30"
    shown.page.click("#bin")
    assert shown.status() == "30 of 30"


def test_the_review_threshold_is_drawn_where_it_is(view, ward):
    page = view(ward).page
    plot, mark = page.locator(".plot").bounding_box(), page.locator(".mark").bounding_box()
    assert (mark["x"] - plot["x"]) / plot["width"] == pytest.approx(0.6, abs=0.01)
    assert page.locator(".mark-label").inner_text() == "review below 0.60"


# --- keys


def test_keys_go_through_the_scans(view, ward):
    shown = view(ward)
    press = shown.page.keyboard.press
    assert shown.current() == "broken.png"
    press("k")  # nothing before the first
    assert shown.current() == "broken.png"
    press("j")
    press("ArrowRight")
    assert shown.current() == "caf%E9 100%#?.png"
    press("ArrowLeft")
    assert shown.current() == "<img src=x onerror=alert(1)>.png"
    press("End")
    assert shown.current() == "notes.txt"
    press("Home")
    columns = shown.page.evaluate("layout.columns")
    press("ArrowDown")
    assert shown.current() == shown.names()[columns]


def test_a_scan_opens_is_turned_and_closes_by_keys(view, ward):
    shown = view(ward)
    press = shown.page.keyboard.press
    assert shown.opened() is None
    press("Enter")
    assert shown.opened() == "ward/broken.png"
    assert "is damaged" in shown.page.locator("#aside .reason").inner_text()
    press("j")
    assert shown.opened() == MARKUP
    press("k")
    assert shown.opened() == "ward/broken.png"
    press("Escape")
    assert shown.opened() is None
    press("j")
    assert shown.current() == "<img src=x onerror=alert(1)>.png"


def test_f_goes_to_the_next_one_for_review_and_round(view, ward):
    shown = view(ward)
    seen = []
    for _ in range(4):
        shown.page.keyboard.press("f")
        seen.append(shown.current())
    first, second, third = seen[:3]
    assert len({first, second, third}) == 3
    assert seen[3] == first
    shown.page.click("[data-tag=failed]")
    shown.page.keyboard.press("f")
    assert shown.page.locator("#message.shown").inner_text() == "None of those listed: for review."


def test_frames_of_a_cine_are_turned_by_keys(view, ward):
    shown = view(ward)
    shown.page.fill("#search", "cine")
    shown.page.keyboard.press("Enter")
    shown.page.keyboard.press("Enter")
    reported = shown.page.locator(".frames span")
    assert reported.inner_text() == "Frame 2 of 3"  # that of the lesion
    assert shown.page.locator("#aside table").count() == 1
    shown.page.keyboard.press(".")
    assert reported.inner_text() == "Frame 3 of 3"
    assert shown.page.locator("#aside table").count() == 0
    assert shown.page.get_attribute("#figure img", "src") == "overlays/cine.dcm/0003.png"
    shown.page.keyboard.press(".")  # none after the last
    shown.page.keyboard.press(",")
    assert reported.inner_text() == "Frame 2 of 3"


def test_the_keys_are_listed_and_typing_in_the_search_is_no_key(view, ward):
    shown = view(ward)
    shown.page.keyboard.press("?")
    assert shown.page.locator("#keys[open]").count() == 1
    shown.page.keyboard.press("Escape")
    assert shown.page.locator("#keys[open]").count() == 0
    before = shown.page.get_attribute("html", "data-theme")
    shown.page.keyboard.press("/")
    shown.page.keyboard.type("tfjk")
    assert shown.page.input_value("#search") == "tfjk"
    assert shown.page.get_attribute("html", "data-theme") == before


# --- one scan


def test_an_open_scan_shows_its_measurements_and_links(view, ward):
    shown = view(ward)
    shown.page.fill("#search", "known")
    shown.page.click(".card")
    table = shown.page.locator("#aside table").inner_text()
    assert table.splitlines()[1] == "Long axis, mm\t14.2"
    assert "Depth, mm" not in table  # not known
    assert "Area, px\t256" in table
    links = shown.page.locator("#aside a")
    assert links.all_inner_texts() == ["Mask", "Image with contour"]
    assert links.first.get_attribute("href") == "masks/known.png"
    assert shown.page.get_attribute("#figure img", "src") == "overlays/known.png"


def test_settings_and_weights_are_shown(view, ward):
    page = view(ward).page
    page.click("#settings-button")
    reported = page.locator("#documents").inner_text()
    assert "openvino" in reported
    assert "Not beside these results." in reported  # the card of weights that nobody has


# --- themes and screens


@pytest.mark.parametrize(("theme", "other"), [("dark", "light"), ("light", "dark")])
def test_the_theme_is_the_systems_until_another_is_chosen(view, ward, theme, other):
    page = view(ward, theme=theme).page
    assert page.get_attribute("html", "data-theme") == theme
    page.keyboard.press("t")
    assert page.get_attribute("html", "data-theme") == other
    page.reload()
    assert page.get_attribute("html", "data-theme") == other


def test_paper_is_white_and_has_scans_and_bars_but_no_controls(view, ward):
    page = view(ward, theme="dark").page
    page.emulate_media(media="print")

    def style(selector: str, name: str) -> str:
        return page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).{name}")

    assert style("body", "backgroundColor") == "rgb(255, 255, 255)"
    assert style(".fill", "printColorAdjust") == "exact"
    assert style(".card", "boxShadow") == "none"  # at a page's end it would stand alone
    shown = page.locator("button:visible:not(.bar), input:visible, select:visible")
    assert shown.evaluate_all("all => all.map(one => one.dataset.tag)") == [""]  # of all scans


def test_a_dark_page_is_dark(view, ward):
    page = view(ward, theme="dark").page
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in colour[4:-1].split(",")) < 32


@pytest.mark.parametrize("viewport", [WIDE, NARROW])
def test_nothing_sticks_out_of_the_screen(view, ward, viewport):
    shown = view(ward, viewport=viewport)
    inside = "document.documentElement.scrollWidth <= innerWidth"
    assert shown.page.evaluate(inside)
    shown.page.set_viewport_size({"width": 820, "height": 700})
    shown.page.locator(".card").last.scroll_into_view_if_needed()
    assert shown.page.evaluate(inside)
    shown.page.set_viewport_size(viewport)
    shown.page.evaluate("new Promise(done => setTimeout(() => requestAnimationFrame(done), 50))")
    assert shown.page.evaluate(inside)
    right = shown.page.locator(".card").evaluate_all(
        "cards => Math.max(...cards.map(c => c.getBoundingClientRect().right))"
    )
    assert right < viewport["width"]
    shown.page.click(".card")
    assert shown.page.evaluate(inside)
    box = shown.page.locator("#detail").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= viewport["width"]


# --- other pages


def test_of_thousands_of_scans_only_those_near_the_window_are_in_the_document(view, tmp_path):
    rows = [done(f"{n:04d}.png", confidence=0.9) for n in range(3000)]
    write_images(tmp_path, "2999.png")
    shown = view(write_report(write_run(tmp_path, rows)))
    assert len(shown.names()) < 60
    shown.page.keyboard.press("End")
    assert shown.current() == "2999.png"
    assert len(shown.names()) < 60
    shown.page.locator(".card[aria-selected=true] img").wait_for()


def test_without_a_confidence_the_page_says_so(view, tmp_path):
    rows = [done("a.png", confidence=None), not_done("b.png")]
    shown = view(write_report(write_run(tmp_path, rows, confidence=None)))
    assert "give no confidence" in shown.page.locator("#notes").inner_text()
    assert shown.page.locator(".histogram").count() == 0
    shown.page.keyboard.press("f")  # the next one that failed
    assert shown.current() == "b.png"


def test_a_run_without_a_scan_shows_an_empty_page(view, tmp_path):
    shown = view(write_report(write_run(tmp_path, [])))
    assert shown.status() == "0 of 0"
    shown.page.keyboard.press("Enter")
    assert shown.opened() is None


def test_one_file_stands_alone(view, ward, tmp_path):
    copy = shutil.copytree(ward.parent, tmp_path / "copy")
    page = tmp_path / "alone" / "mailed.html"
    page.parent.mkdir()
    shutil.move(write_report(copy, inline=True), page)
    shown = view(page)
    shown.page.wait_for_load_state("networkidle")
    assert all(shown.page.locator(".card img").evaluate_all("i => i.map(x => x.naturalWidth)"))
    assert [url for url in shown.asked if url.startswith("file:")] == [page.as_uri()]


def test_an_evaluation_is_looked_through_in_the_same_way(view, tmp_path):
    rows = [{"case": "good"}, {"case": "poor", "dice": 0.5}, {"case": "other", "class": "normal"}]
    (tmp_path / "thumbnails").mkdir()
    for number in range(3):
        image = encode_jpeg(np.repeat(square()[..., None] * np.uint8(255), 3, axis=2))
        (tmp_path / "thumbnails" / f"{number:06d}.jpg").write_bytes(image)
    shown = view(write_report(write_scores(tmp_path, rows)))
    assert shown.names() == ["poor", "good", "other"]
    assert shown.page.locator(".legend").inner_text().split("\n") == [
        "Reference contour",
        "Predicted contour",
    ]
    shown.page.click("[data-tag='class normal']")
    assert shown.names() == ["other"]
