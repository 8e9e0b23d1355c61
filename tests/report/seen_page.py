"""A page in the browser, and what it did."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MARKUP = "ward/<img src=x onerror=alert(1)>.png"


NOT_UTF8 = os.fsdecode(b"ward/caf\xe9 100%#?.png")


@dataclass
class View:
    """A page in the browser and all that it did which nobody sees."""

    page: Any
    folder: Path
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Names of the cards in the document, in their order."""
        cards = self.page.locator(".card")
        texts = cards.evaluate_all(
            "cards => cards.map(c => [Number(c.getAttribute('aria-posinset')),"
            " c.querySelector('.card-name').textContent])"
        )
        return [name for _, name in sorted(texts)]

    def current(self) -> str:
        return self.page.locator(".card[aria-selected=true] .card-name").inner_text()

    def status(self) -> str:
        return self.page.locator("#status").inner_text()

    def opened(self) -> str | None:
        """The name of the scan that is open."""
        name = self.page.locator("#detail[open] .whole-name")
        return name.inner_text() if name.count() else None


def missing(request: Any) -> list[str]:
    """The address of a request that failed, unless the page itself gave it up: an image that a
    filter hides, or one still on its way when the test ends.
    """
    return [] if request.failure == "net::ERR_ABORTED" else [request.url]
