"""The page: one HTML file that needs nothing but the images beside it."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from functools import cache
from importlib.resources import files as package_files
from typing import Any

from busicli.report.view_model import Page, ScanView
from busicli.settings.values import to_plain

_STYLES = ("page.css", "review.css")
_THEME = "theme.js"
"""Runs before anything is drawn, so that no white page flashes in a dark room."""
_SCRIPTS = (
    *("state.js", "elements.js", "raster.js", "reviews.js", "viewer.js"),
    *("editor.js", "points.js", "brush.js"),
    *("overview.js", "grid.js", "decide.js", "detail.js", "main.js"),
)
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&"}


def page_text(page: Page, scans: Iterable[ScanView]) -> Iterator[str]:
    """The page in pieces, to be written one after the other; the same values give the same text.

    Its data are JSON that can neither end their element nor begin another. The script shows them as
    text, never as markup. The policy in the page's head allows no other script, and nothing but
    images beside the page is loaded. What cards show comes before the script. What an open scan
    shows, most of the page, comes after it, a line a scan, so that cards are seen while it is read.
    """
    head, script, end = _template()
    details: list[str] = []
    yield f'{head}{{"page":{_json(asdict(page))},"scans":['
    for scan in scans:
        yield ("," if details else "") + "\n" + _json(_card(scan))
        details.append(_json(_details(scan)))
    yield f"\n]}}{script}"
    yield "\n".join(details)
    yield end


def _card(scan: ScanView) -> dict[str, Any]:
    """What a card shows of a scan and the filters ask of it."""
    decisions = [frame.decision for frame in scan.frames]
    values = {
        **asdict(replace(scan, frames=())),
        "sha256": "",
        "facts": (),
        "reviewed": None,
        "count": len(scan.frames),
        "thumbnail": _first_image(scan),
        "decisions": decisions if any(decisions) else (),
    }
    return _without_empty(values)


def _first_image(scan: ScanView) -> str:
    if not scan.frames:
        return ""
    frame = scan.frames[scan.first]
    return frame.thumbnail or frame.overlay


def _details(scan: ScanView) -> dict[str, Any]:
    """The rest of a scan; the image of its card is not given again."""
    frames = [_without_empty({**to_plain(frame), "decision": ""}) for frame in scan.frames]
    if frames:
        frames[scan.first].pop("thumbnail", None)
    values = {"sha256": scan.sha256, "facts": scan.facts, "reviewed": scan.reviewed}
    return _without_empty({**values, "frames": frames})


@cache
def _template() -> tuple[str, str, str]:
    """The page's text before its cards, between them and the details, and after these."""
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
    head, _, rest = text.partition("[[data]]")
    script, _, end = rest.partition("[[details]]")
    return head, script, end


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
    kept = {name: value for name, value in values.items() if value not in ("", (), [], {}, None, 0)}
    if "badge" in kept:
        kept["badge"] = _without_empty(kept["badge"])
    return kept
