"""Reviewing in a real browser: decide, save, reload, open what was saved."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from busicli.errors import InputError
from busicli.io.reviews import read_reviews
from tests.report.review_page import NARROW, WIDE

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


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version": 1', '"version": 2'),
        ('"decision": "accepted"', '"decision": "accepted", "decision": "rejected"'),
        ('"decision": "accepted"', '"decision": "accepted", "\\u0064ecision" : "rejected"'),
    ],
)
def test_a_file_that_the_command_refuses_is_not_taken_either(review, tmp_path, old, new):
    shown = review()
    shown.page.fill("#reviewer", "AB")
    shown.page.locator("#grid").focus()
    shown.press("Enter", "a", "Escape")
    text = json.dumps(shown.save(tmp_path / "reviews.json"))
    (tmp_path / "other.json").write_text(text.replace(old, new))
    with pytest.raises(InputError):
        read_reviews(tmp_path / "other.json")
    other = review()
    other.page.set_input_files("#file", tmp_path / "other.json")
    other.page.locator("#message.shown").wait_for()
    assert "no file of reviews of this page" in other.page.locator("#message").inner_text()
    assert other.progress() == "0 of 24 reviewed"


BAD = (
    {"decision": "constructor"},
    {"decision": "edited", "polygons": 5},
    {"decision": "edited", "polygons": ["<img src=x>"]},
    {"decision": "edited", "polygons": [[["a", "b"]] * 3]},
    {"decision": "edited", "polygons": [[[0, 0]] * 20_001]},
    {"decision": "accepted", "polygons": [[[0, 0], [9, 0], [9, 9]]]},
    {"decision": "edited", "polygons": [[[0, 0], [2e6, 0], [9, 9]]]},
    {"at": None},
    {"at": "2026-01-31T07:12:00"},  # of no time zone
    {"at": "9999-12-31T00:00:00Z"},  # it would outlast every later one
    {"class": "unknown"},
    {"comment": 7},
    {"frame": "1"},
)


def test_bad_reviews_of_a_file_are_left_out(review, tmp_path):
    shown = review()
    shown.page.fill("#reviewer", "AB")
    shown.page.locator("#grid").focus()
    shown.press("Enter", "a", "r", "Escape")
    saved = shown.save(tmp_path / "reviews.json")
    bad, good = saved["reviews"]
    saved["reviews"] = [None, *({**bad, **changed} for changed in BAD), good]
    (tmp_path / "bad.json").write_text(json.dumps(saved))
    other = review()
    other.page.set_input_files("#file", tmp_path / "bad.json")
    other.page.locator("#message.shown").wait_for()
    assert other.page.locator("#message").inner_text() == "1 decision of the file fits this page."
    assert other.progress() == "1 of 24 reviewed"


def test_the_button_asks_for_a_file_and_takes_each_review_once(review, browser, tmp_path):
    shown = review()
    shown.page.fill("#reviewer", "AB")
    shown.page.locator("#grid").focus()
    shown.press("Enter", "2", "a", "Escape")
    saved = shown.save(tmp_path / "reviews.json")
    other = review()
    for _ in range(2):  # loaded again, nothing changes
        with other.page.expect_file_chooser() as chooser:
            other.page.click("#open")
        chooser.value.set_files(tmp_path / "reviews.json")
        other.wait("document.querySelector('#message').textContent.startsWith('1 decision')")
        assert other.progress() == "1 of 24 reviewed"
        other.page.evaluate("say('')")
    assert other.page.input_value("#reviewer") == "AB"
    other.page.locator("#grid").focus()
    again = other.save(tmp_path / "again.json")
    assert again == saved


@pytest.fixture
def served(out) -> Iterator[str]:
    """The address of OUT on a web server: there pages may keep files of their own."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep silent."""

    serve = partial(Handler, directory=out)
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/report.html"
        server.shutdown()


PICKER = """
window.asked = 0;
window.refuses = false;
window.showSaveFilePicker = async (options) => {
  asked++;
  if (refuses) throw new DOMException("closed", "AbortError");
  const folder = await navigator.storage.getDirectory();
  return folder.getFileHandle(options.suggestedName, { create: true });
};
"""
"""The dialog cannot be tested; what it gives is a real file, in the browser's own folder."""
READ_BACK = """async () => {
  const folder = await navigator.storage.getDirectory();
  const file = await (await folder.getFileHandle("reviews.json")).getFile();
  return file.text();
}"""


def test_where_the_browser_writes_files_the_same_file_is_written_again(browser, served):
    page = browser.new_page()
    page.add_init_script(PICKER)
    page.goto(served)
    page.fill("#reviewer", "AB")
    page.locator("#grid").focus()
    for number, keys in enumerate((["Enter", "a", "Escape"], ["Enter", "r", "Escape"]), start=1):
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("s")
        page.get_by_text(f"Saved {number} decision").wait_for()
        assert len(json.loads(page.evaluate(READ_BACK))["reviews"]) == number
    assert page.evaluate("asked") == 1
    page.close()


def test_a_closed_dialog_saves_nothing_and_the_button_keeps_asking(browser, served):
    page = browser.new_page()
    page.add_init_script(PICKER)
    page.goto(served)
    page.evaluate("refuses = true")
    page.fill("#reviewer", "AB")
    page.locator("#grid").focus()
    for key in ("Enter", "a", "Escape", "s"):
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    assert page.evaluate("[asked, reviews.unsaved]") == [1, True]
    assert "wanted" in page.get_attribute("#save", "class")
    page.close()


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
        *("lesion at the border", "class uncertain", "unlike the training scans"),
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
