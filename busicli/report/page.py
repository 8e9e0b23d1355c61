"""The page: one HTML file that needs nothing but the images beside it."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import cache
from importlib.resources import files as package_files
from typing import Any

from busicli.report.view_model import Page, ScanView

_STYLES = ("page.css", "review.css")
_THEME = "theme.js"
"""Runs before anything is drawn, so that no white page flashes in a dark room."""
_SCRIPTS = (
    *("state.js", "elements.js", "raster.js", "reviews.js", "viewer.js", "editor.js"),
    *("overview.js", "grid.js", "decide.js", "detail.js", "main.js"),
)
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&"}


def page_text(page: Page, scans: Iterable[ScanView]) -> Iterator[str]:
    """The page in pieces, to be written one after the other; the same values give the same text.

    Its data are JSON that can neither end their element nor begin another. The script shows them as
    text, never as markup. The policy in the page's head allows no other script, and nothing but
    images beside the page is loaded.
    """
    before, after = _template()
    yield before
    yield f'{{"page":{_json(asdict(page))},"scans":['
    separator = "\n"
    for scan in scans:
        yield separator + _json(_without_empty(asdict(scan)))
        separator = ",\n"
    yield "\n]}"
    yield after


@cache
def _template() -> tuple[str, str]:
    """The page's text before and after its data."""
    style, theme = "".join(map(_asset, _STYLES)), _asset(_THEME)
    script = "".join(_asset(name) for name in _SCRIPTS)
    policy = (
        "default-src 'none'; img-src 'self' file: data:; "
        f"style-src {_source(style)}; script-src {_source(theme)} {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    text = _asset("page.html")
    parts = {"policy": policy, "style": style, "theme": theme, "script": script}
    for name, part in parts.items():
        text = text.replace(f"[[{name}]]", part)
    before, _, after = text.partition("[[data]]")
    return before, after


def _asset(name: str) -> str:
    """A file of the package as text, with the line ends that a browser hashes."""
    text = package_files("busicli.report").joinpath("assets", name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(value: Any) -> str:
    """Compact JSON in ASCII without the characters that HTML interprets.

    Raises ValueError for NaN and infinity, which browsers do not parse.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(_UNSAFE)


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is empty: with thousands of scans that is most of the page."""
    kept = {name: value for name, value in values.items() if value not in ("", (), {}, None, 0)}
    if "badge" in kept:
        kept["badge"] = _without_empty(kept["badge"])
    if "frames" in kept:
        kept["frames"] = [_without_empty(frame) for frame in kept["frames"]]
    return kept
