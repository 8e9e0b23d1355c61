"""How soon a page of thousands of scans can be used, in a real browser; by hand, not in a test.

python -m tests.benchmarks.page [--scans 5000] [--chromium PROGRAM]
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from busicli.report.write import write_report
from tests.made_results import done, lesion, not_done, square, write_images, write_run

FOLDERS = 50
SEEN = """() => {
  const images = [...document.querySelectorAll(".card img")].slice(0, 6);
  return images.length === 6 && images.every((image) => image.complete);
}"""
"""Whether the first images stand on the page; it allows no text to be run as a script."""


def main() -> None:
    """Make a run of so many scans, open its page, print what took how long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=5000)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = made(Path(scratch) / "out", given.scans)
        started = time.perf_counter()
        page = write_report(out)
        print(f"{'written in, s':40} {time.perf_counter() - started:.2f}")
        print(f"{'size, MB':40} {page.stat().st_size / 1e6:.2f}")
        for name, value in opened(page, given.chromium).items():
            print(f"{name:40} {value:.0f}")


def made(out: Path, scans: int) -> Path:
    """A run with a thumbnail and an overlay a scan; the images are hard links to one."""
    rows = []
    write_images(out, "first.png", square((240, 320), 60, 90, 80))
    for number in range(scans):
        name = f"ward {number % FOLDERS}/scan {number:05d}.png"
        if number % 500 == 7 and number < 5000:
            rows.append(not_done(name))
            continue
        found = [lesion(n, area_px=900 + number % 700) for n in range(1, 1 + number % 3)]
        rows.append(done(name, found, confidence=round((number * 37 % 1000) / 1000, 4)))
        for folder, suffix in (("masks", ""), ("overlays", ""), ("thumbnails", ".jpg")):
            path = out / folder / (name + suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(out / folder / f"first.png{suffix}", path)
            except OSError:  # a disk may allow few links to one file
                shutil.copy(out / folder / f"first.png{suffix}", path)
    return write_run(out, rows)


def opened(page: Path, chromium: str) -> dict[str, float]:
    """Milliseconds from asking for the page until its first images are seen, and of each step."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1440, "height": 900})
        view.goto("about:blank")
        found: dict[str, float] = {}

        def step(name: str, act) -> None:
            started = time.perf_counter()
            act()
            found[f"{name}, ms"] = 1000 * (time.perf_counter() - started)

        def first_images() -> None:
            view.goto(page.as_uri(), wait_until="commit")
            while not view.evaluate(SEEN):
                time.sleep(0.005)

        step("opened, first images seen", first_images)
        found["script done, ms"] = view.evaluate(
            "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        )
        step("filter", lambda: view.click("[data-tag=review]"))
        step("search", lambda: view.fill("#search", "00 5"))
        step("all again", lambda: (view.fill("#search", ""), view.click("[data-tag='']")))
        step("by name", lambda: view.select_option("#sort", "name"))
        step("to the end", lambda: view.evaluate("scrollTo(0, document.body.scrollHeight)"))
        step("key", lambda: view.keyboard.press("j"))
        found["cards in the document"] = view.locator(".card").count()
        browser.close()
    return found


if __name__ == "__main__":
    main()
