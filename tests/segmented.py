"""Phantoms to segment, and what tests read of the results."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

_TIMED = ("run.json", "manifest.jsonl", "report.html")
"""Files that hold times."""


def copied(scans: Path, folder: Path, *numbers: int) -> Path:
    """Some phantoms in one flat folder."""
    folder.mkdir(parents=True)
    for number in numbers:
        shutil.copy(next(scans.glob(f"*/phantom-{number:02d}.png")), folder)
    return folder


def rows_by_scan(out: Path) -> dict[str, dict]:
    """Each row of the manifest by its scan's name, in the manifest's order."""
    return {row["scan"]: row for row in _rows(out)}


def lasting_rows(out: Path) -> list[dict]:
    """The rows without what differs between runs of the same results."""
    timed = ("milliseconds", "new")
    return [{name: value for name, value in row.items() if name not in timed} for row in _rows(out)]


def _rows(out: Path) -> list[dict]:
    lines = (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def results(out: Path, tree: Callable[[Path], dict[str, bytes]]) -> dict[str, object]:
    """All that must come out the same, however often a run was interrupted or divided."""
    found: dict[str, object] = {
        name: None if name in _TIMED else data
        for name, data in tree(out).items()
        if not name.startswith(".busicli/")
    }
    return {**found, "manifest.jsonl": lasting_rows(out)}


def stamps(out: Path) -> dict[str, int]:
    """When each mask was written, in nanoseconds."""
    return {str(p): p.stat().st_mtime_ns for p in out.glob("masks/**/*.png")}


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))
