"""The page in a real browser: what a person at a workstation, without a network, gets to see."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from busicli.io.images import encode_jpeg
from busicli.report.write import write_report
from tests.made_results import (
    done,
    not_done,
    square,
    write_run,
    write_scores,
)
from tests.report.review_page import NARROW, WIDE
from tests.report.seen_page import MARKUP


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


def test_settings_and_weights_are_shown(view, ward):
    page = view(ward).page
    page.click("#settings-button")
    reported = page.locator("#documents").inner_text()
    assert "openvino" in reported
    assert "Not beside these results." in reported  # the card of weights that nobody has


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
