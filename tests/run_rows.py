"""The rows of a run's manifest."""

import json
from pathlib import Path


def rows_by_scan(out: Path) -> dict[str, dict]:
    """Each row by its scan's name, in the manifest's order."""
    lines = (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["scan"]: row for row in map(json.loads, lines)}


def lasting_rows(out: Path) -> list[dict]:
    """The rows without what differs between runs of the same results."""
    timed = ("milliseconds", "new")
    rows = rows_by_scan(out).values()
    return [{name: value for name, value in row.items() if name not in timed} for row in rows]
