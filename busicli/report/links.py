"""From the names in a manifest to the pictures on disk, and links that lead there."""

import base64
import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from busicli.names import written_name

Links = dict[str, str]
"""A picture's link by its written path below its folder."""


def links_below(out: Path, folder: str) -> Links:
    """Links, relative to `out`, to every file below one of its folders; none where it is absent.

    A written name can stand for two files, as `caf%E9.png` does for itself and for a name with
    that byte; which is meant cannot be told, so neither is linked: no scan must be shown with the
    picture of another.
    """
    found: dict[str, list[str]] = {}
    root = os.fspath(out / folder)
    for path, _, names in os.walk(root):
        for name in names:
            below = f"{path}/{name}"[len(root) + 1 :]
            link = quote(os.fsencode(f"{folder}/{below}"))
            found.setdefault(written_name(below), []).append(link)
    return {below: links[0] for below, links in found.items() if len(links) == 1}


def inlined(out: Path, link: str) -> str:
    """The JPEG picture that a link leads to, as a link that holds it; empty for an empty one."""
    if not link:
        return ""
    path = out / os.fsdecode(unquote_to_bytes(link))
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
