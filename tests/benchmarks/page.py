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
WATCH = """(() => {
  window.seen = 0;
  window.events = [];
  const look = () => {
    const images = [...document.querySelectorAll(".card img")].slice(0, 6);
    if (images.length === 6 && images.every((image) => image.naturalWidth)) {
      window.seen = performance.now();
    } else setTimeout(look, 4);
  };
  setTimeout(look);
  const watcher = new PerformanceObserver((list) => {
    events.push(...list.getEntries().map((event) => event.duration));
  });
  watcher.observe({ type: "event", durationThreshold: 16 });
})()"""
"""When the first images are there, and how long each click or key takes until it is painted."""

FILES = (("masks", ""), ("overlays", ""), ("images", ""), ("thumbnails", ".jpg"))
SOURCES = {"images": "overlays"}
"""Of which folder's first image another folder's are links."""
POLYGON = tuple(
    (round(100 + 40 * math.cos(t / 6), 1), round(80 + 30 * math.sin(t / 6), 1)) for t in range(38)
)
OPENING = """async () => {
  const started = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  while (!(viewer.width > 0)) await new Promise((done) => setTimeout(done, 1));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - started;
}"""
"""From the key until the scan and its contours are painted."""
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
SAVING = """() => {
  const started = performance.now();
  reviewsText();
  return performance.now() - started;
}"""
SETTLE_S = 0.3
"""After each step, so that what it costs is over."""


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
    """What each step takes: by the browser's own clock until it is painted, and its main thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1440, "height": 900})
        view.add_init_script(WATCH)
        view.goto("about:blank")
        clock = view.context.new_cdp_session(view)
        clock.send("Performance.enable", {"timeDomain": "threadTicks"})
        found: dict[str, float] = {}

        def cpu_ms() -> float:
            values = clock.send("Performance.getMetrics")["metrics"]
            return 1000 * next(m["value"] for m in values if m["name"] == "TaskDuration")

        def step(name: str, act) -> None:
            view.evaluate("events.length = 0")
            before = cpu_ms()
            act()
            time.sleep(SETTLE_S)
            found[f"{name}, ms"] = view.evaluate("Math.max(0, ...events)")
            found[f"{name}, CPU ms"] = cpu_ms() - before

        def click(place: str) -> None:
            box = view.locator(place).bounding_box()
            view.mouse.click(box["x"] + 8, box["y"] + 8)

        before = cpu_ms()
        view.goto(page.as_uri())
        while not view.evaluate("seen > 0"):
            time.sleep(0.01)
        found["opened, CPU ms"] = cpu_ms() - before
        found["first images seen, ms"] = view.evaluate("seen")
        step("filter", lambda: click("[data-tag=review]"))
        step("all again", lambda: click("[data-tag='']"))
        step("search", lambda: (view.focus("#search"), view.keyboard.type("00 5")))
        view.fill("#search", "")
        step("by name", lambda: view.select_option("#sort", "name"))
        step("to the end", lambda: view.evaluate("scrollTo(0, document.body.scrollHeight)"))
        view.locator("#grid").focus()
        step("key", lambda: view.keyboard.press("j"))
        found["cards in the document"] = view.locator(".card").count()
        found["opening a scan, ms"] = view.evaluate(OPENING)
        found["decision to next scan, median of 50, ms"] = view.evaluate(DECIDING)
        found["5,000 edits kept in the browser, ms"] = view.evaluate(KEEPING)
        found["file of them, MB"] = view.evaluate("reviewsText().length / 1e6")
        found["saving them as text, ms"] = view.evaluate(SAVING)
        browser.close()
    return found


if __name__ == "__main__":
    main()
