from tests.report.seen_page import MARKUP


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
