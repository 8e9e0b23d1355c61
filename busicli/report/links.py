"""Links from the names in a manifest to the images on disk."""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from busicli.io.files import read_regular
from busicli.io.written_paths import WrittenPaths

Links = Callable[[str], str]
"""An image's link by its written path below its folder; empty where there is none."""


def no_links(_: str) -> str:
    """No link: for images that are not there or not wanted."""
    return ""


def links_below(out: Path, folder: str) -> Links:
    """Links, relative to `out`, to the files below one of its folders.

    A name that may stand for two files is not linked: no scan must be shown with the image of
    another.
    """
    written = WrittenPaths(out / folder)

    def link(below: str) -> str:
        path = written.find(below)
        return quote(os.fsencode(f"{folder}/{path}")) if path else ""

    return link


def inlined(out: Path, link: str) -> str:
    """A link that holds the JPEG image which another link leads to; empty for an empty link."""
    if not link:
        return ""
    path = out / os.fsdecode(unquote_to_bytes(link))
    return "data:image/jpeg;base64," + base64.b64encode(read_regular(path)).decode()
