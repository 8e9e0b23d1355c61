"""Pages in Chromium, and results that were reviewed on one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from busicli.report.write import write_report
from tests.made_results import (
    done,
    in_mm,
    lesion,
    not_done,
    write_images,
    write_run,
)
from tests.report.review_page import WIDE, Review
from tests.report.seen_page import MARKUP, NOT_UTF8, View, missing

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="package")
def browser() -> Iterator:
    """A browser, where Chromium and Playwright are installed."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with api.sync_playwright() as started:
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


@pytest.fixture(scope="package")
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
