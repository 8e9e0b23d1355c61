"""Links from the names in a manifest to the images on disk."""

import base64
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from busicli.io.escaping import percent_escape
from busicli.io.files import read_regular, walk

Links = Callable[[str], str]
"""An image's link by its written path below its folder; empty where there is none."""


def no_links(_: str) -> str:
    """No link: for images that are not there or not wanted."""
    return ""


def links_below(out: Path, folder: str) -> Links:
    """Links, relative to `out`, to the files below one of its folders.

    An escaped name can stand for two files: `caf%E9.png` for itself and for a name with that byte.
    Then neither is linked, as no scan must be shown with the image of another. A name without `%`
    stands for itself; the folder is searched for the others alone.
    """

    @cache
    def walked() -> dict[str, list[str]]:
        return _all_links(out, folder)

    def link(below: str) -> str:
        if "%" in below:
            found = walked().get(below, ())
            return found[0] if len(found) == 1 else ""
        path = f"{folder}/{below}"
        return quote(path) if (out / path).is_file() else ""

    return link


def _all_links(out: Path, folder: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    root = os.fspath(out / folder)
    for path, _, names in walk(out / folder):
        for name in names:
            below = f"{path}/{name}"[len(root) + 1 :]
            link = quote(os.fsencode(f"{folder}/{below}"))
            found.setdefault(percent_escape(below), []).append(link)
    return found


def inlined(out: Path, link: str) -> str:
    """A link that holds the JPEG image which another link leads to; empty for an empty link."""
    if not link:
        return ""
    path = out / os.fsdecode(unquote_to_bytes(link))
    return "data:image/jpeg;base64," + base64.b64encode(read_regular(path)).decode()
