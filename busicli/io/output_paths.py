"""Names of what stands below an output folder."""

import os
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from busicli.io.escaping import percent_escape

Kind = Literal["seg", "sr", "sc"]
"""DICOM objects: segmentation, measurement report, secondary capture."""
KINDS: tuple[Kind, ...] = get_args(Kind)


def own_folder(out: Path) -> Path:
    """Folder of the journal and the lock. It says that busicli made what stands beside it."""
    return out / ".busicli"


def stays_below(written: object) -> bool:
    """Whether something names what lies below a folder: a path without a way up or a NUL.

    >>> [stays_below(path) for path in ("a/..b.png", "../b.png", "/b.png", "./b", "", None)]
    [True, False, False, False, False, False]
    """
    return (
        isinstance(written, str)
        and "\0" not in written
        and not {"", ".", ".."} & {*written.split("/")}
    )


class WrittenPaths:
    """The files below a folder by their paths as results write them, which are escaped.

    A path without `%` stands for itself. The folder is searched for the others alone.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, written: str) -> PurePosixPath | None:
        """The file's path below the folder; None where there is none, or two of that name."""
        if "%" in written:
            found = self._escaped.get(written, [])
            return found[0] if len(found) == 1 else None
        return PurePosixPath(written) if (self._root / written).is_file() else None

    @cached_property
    def _escaped(self) -> dict[str, list[PurePosixPath]]:
        found: dict[str, list[PurePosixPath]] = {}
        for folder, _, names in os.walk(self._root):
            for name in names:
                below = PurePosixPath(Path(folder, name).relative_to(self._root))
                found.setdefault(percent_escape(below), []).append(below)
        return found
