"""What a written page holds, read back."""

import json
import re
from pathlib import Path


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def data_of(page: Path) -> dict:
    """What the page's script gets to read."""
    text = text_of(page)
    data, details = (
        re.search(rf'id="{name}">(.*?)</script>', text, re.DOTALL)[1]
        for name in ("data", "details")
    )
    found = json.loads(data)
    for scan, line in zip(found["scans"], details.splitlines(), strict=True):
        scan.update(json.loads(line))
        if "thumbnail" in scan:
            scan["frames"][scan.get("first", 0)]["thumbnail"] = scan.pop("thumbnail")
    return found


def scans_of(page: Path) -> list[dict]:
    """The scans in the order in which they are looked at."""
    return sorted(data_of(page)["scans"], key=lambda scan: scan["urgency"])


def names_of(page: Path) -> list[str]:
    return [scan["name"] for scan in scans_of(page)]
