"""How soon a page of thousands of scans can be used, in a real browser; by hand, not in a test.

python -m tests.benchmarks.page [--scans 5000] [--chromium PROGRAM]
"""

import argparse
import math
import os
import shutil
import tempfile
import time
from pathlib import Path

from busicli.io.scan_results import FrameMask
from busicli.report.write import write_report
from tests.made_results import done, lesion, not_done, square, write_images, write_run

FOLDERS = 50
SEEN = """() => {
  const images = [...document.querySelectorAll(".card img")].slice(0, 6);
  return images.length === 6 && images.every((image) => image.complete);
}"""
"""Whether the first images stand on the page; it allows no text to be run as a script."""


FILES = (("masks", ""), ("overlays", ""), ("images", ""), ("thumbnails", ".jpg"))
SOURCES = {"images": "overlays"}
"""Of which folder's first image another folder's are links."""
POLYGON = tuple(
    (round(100 + 40 * math.cos(t / 6), 1), round(80 + 30 * math.sin(t / 6), 1)) for t in range(38)
)
SHOWN = "() => viewer.width > 0 && document.querySelector('.lines path')"
DECIDING = """async () => {
  const taken = [];
  for (let number = 0; number < 50; number++) {
    const started = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
    while (!(viewer.width > 0)) await new Promise((done) => setTimeout(done, 1));
    taken.push(performance.now() - started);
  }
  return taken.sort((a, b) => a - b)[25];
}"""
"""From the key until the next scan's image is there."""
KEEPING = """() => {
  const started = performance.now();
  const wanted = scans.filter(isReviewable);
  const polygons = wanted[0].frames[0].polygons.map((one) =>
    one.map((point) => point.map((value) => Math.round(value * 10) / 10)));
  for (const scan of wanted) setReview(scan, 0, { decision: "edited", polygons });
  return reviews.keeps ? performance.now() - started : -1;
}"""
"""-1 where the browser could not keep them."""


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
            print(f"{name:40} {value:.4g}")


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
        confidence = round((number * 37 % 1000) / 1000, 4)
        mask = FrameMask(frame=1, path=f"masks/{name}", sha256="0" * 64, polygons=(POLYGON,))
        rows.append(done(name, found, confidence=confidence, masks=(mask,)))
        for folder, suffix in FILES:
            path = out / folder / (name + suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(out / SOURCES.get(folder, folder) / f"first.png{suffix}", path)
            except OSError:  # a disk may allow few links to one file
                shutil.copy(out / SOURCES.get(folder, folder) / f"first.png{suffix}", path)
    return write_run(out, rows, run="benchmark")


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
        step(
            "opening a scan", lambda: (view.keyboard.press("Enter"), view.wait_for_function(SHOWN))
        )
        found["decision to next scan, median of 50, ms"] = view.evaluate(DECIDING)
        found["5,000 edits kept in the browser, ms"] = view.evaluate(KEEPING)
        found["file of them, MB"] = view.evaluate("reviewsText().length / 1e6")
        step("saving them as text", lambda: view.evaluate("reviewsText().length"))
        browser.close()
    return found


if __name__ == "__main__":
    main()
