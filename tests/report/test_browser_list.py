import pytest

from busicli.report.write import write_report
from tests.made_results import (
    done,
    write_images,
    write_run,
)


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


def test_of_thousands_of_scans_only_those_near_the_window_are_in_the_document(view, tmp_path):
    rows = [done(f"{n:04d}.png", confidence=0.9) for n in range(3000)]
    write_images(tmp_path, "2999.png")
    shown = view(write_report(write_run(tmp_path, rows)))
    assert len(shown.names()) < 60
    shown.page.keyboard.press("End")
    assert shown.current() == "2999.png"
    assert len(shown.names()) < 60
    shown.page.locator(".card[aria-selected=true] img").wait_for()
