"""The page that reviews, as a person at its keys and with a mouse uses it."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAIT_S = 20
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Review:
    """A page that reviews, and what it complained about."""

    page: Any
    said: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def open(self, scan: str) -> None:
        self.page.fill("#search", scan)
        self.press("Enter", "Enter")
        self.wait("viewer.width > 0")

    def wait(self, condition: str) -> None:
        """Until it holds: the page forbids the code that Playwright's own waiting makes there."""
        until = time.monotonic() + WAIT_S
        while not self.page.evaluate(condition):
            assert time.monotonic() < until, condition
            time.sleep(0.02)

    def opened(self) -> str:
        return self.page.locator("#detail[open] .whole-name").inner_text()

    def progress(self) -> str:
        return self.page.locator("#progress").inner_text()

    def drawn(self) -> list:
        return self.page.evaluate("viewer.polygons")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the image is on the screen."""
        box = self.page.locator(".pane").first.bounding_box()
        shown = self.page.evaluate("[viewer.x, viewer.y, viewer.scale]")
        return box["x"] + shown[0] + x * shown[2], box["y"] + shown[1] + y * shown[2]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        mouse.move(*self.at(*end), steps=8)
        mouse.up()

    def save(self, path: Path) -> dict:
        with self.page.expect_download() as download:
            self.press("s")
        download.value.save_as(path)
        return json.loads(path.read_text())
