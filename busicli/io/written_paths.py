"""The files that names in results stand for."""

from functools import cached_property
from pathlib import Path, PurePosixPath

from busicli.io.escaping import percent_escape
from busicli.io.files import walk


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
        for folder, _, names in walk(self._root):
            for name in names:
                below = PurePosixPath((folder / name).relative_to(self._root))
                found.setdefault(percent_escape(below), []).append(below)
        return found
