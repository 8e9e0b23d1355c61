"""Pages in Chromium, and results that were reviewed on one."""

import shutil
from collections.abc import Iterator

import pytest

from tests.report.review_page import WIDE, Review

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
