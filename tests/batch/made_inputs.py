"""Files to find, and what was found."""

import os
from collections.abc import Iterable
from pathlib import Path

from PIL import Image as Pillow

from busicli.batch.inputs import InputFile


def empty_files(folder: Path, *names: str | bytes) -> Path:
    """What a file is, its content decides later: here they hold nothing."""
    for name in names:
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def images(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("L", (3, 2)).save(path, "PNG")  # the content decides
    return folder


def names(entries: Iterable[InputFile]) -> list[str]:
    return [str(entry.relative) for entry in entries]


def skipped(entries: Iterable[InputFile]) -> list[str]:
    return [str(entry.relative) for entry in entries if entry.skip]
