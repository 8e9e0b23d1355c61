"""Compiled graphs on disk: a later start reads one in a third of the time that compiling takes.

An engine takes what it reads without question, so a file counts only where this user alone could
have written it and its checksum holds. Any file may be deleted at any time.
"""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from busicli.io.files import atomic_write_unsynced

_KEPT = 4
"""Graphs in the folder; the oldest ones beyond are removed."""
_OWN_NAME = re.compile(r"[0-9a-f]{64}\.graph|\.busicli-[0-9a-f]+\.tmp")
_DIGEST_BYTES = 32
_LARGEST_BYTES = 2**28
"""A larger graph is not kept: homes are small on some clusters."""


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """The current user's folder for them; None where a system has no homes or owners of files.

    >>> str(cache_folder({"XDG_CACHE_HOME": "/var/cache/me"}))
    '/var/cache/me/busicli'
    """
    if not hasattr(os, "geteuid"):
        return None
    base = Path(environment.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        return base / "busicli"
    with suppress(RuntimeError):
        home = Path.home()
        return home / ".cache" / "busicli" if home.is_absolute() else None
    return None


@dataclass(frozen=True, slots=True)
class CachedGraph:
    """The place of one compiled graph."""

    folder: Path
    key: str
    """All that it depends on: weights, image size, precision, processor, version of the engine."""

    @property
    def path(self) -> Path:
        """A file is known by its key's hash."""
        return self.folder / f"{hashlib.sha256(self.key.encode()).hexdigest()}.graph"

    def read(self) -> memoryview | None:
        """The compiled graph, whole; None where there is none, or where anyone else may write."""
        try:
            with open(self.path, "rb", opener=_open_own) as file:
                data = memoryview(file.read())
        except (OSError, MemoryError):
            return None
        graph = data[_DIGEST_BYTES:]
        return graph if data[:_DIGEST_BYTES] == self._checksum(graph) else None

    def write(self, graph: bytes | memoryview) -> None:
        """Keep a compiled graph; nothing happens where the folder cannot be written."""
        if len(graph) > _LARGEST_BYTES - _DIGEST_BYTES:
            return
        with suppress(OSError):
            if _is_below_own(self.folder):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(self.folder):
                atomic_write_unsynced(self.path, self._checksum(graph), graph)
                self._remove_oldest()

    def _checksum(self, graph: bytes | memoryview) -> bytes:
        """Of the key too: no other graph of this user may take the place of this one."""
        digest = hashlib.sha256(self.key.encode())
        digest.update(graph)
        return digest.digest()

    def _remove_oldest(self) -> None:
        """Files that a killed process left behind too; none that the user put there."""
        files = [path for path in self.folder.iterdir() if _OWN_NAME.fullmatch(path.name)]
        files.sort(key=lambda path: path.lstat().st_mtime)
        for path in files[:-_KEPT]:
            path.unlink()


def _open_own(path: str, flags: int) -> int:
    """Open a regular file of this user in a folder of this user; OSError where it is none."""
    found = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    status = os.fstat(found)
    own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    own = own and status.st_size <= _LARGEST_BYTES
    if own and _is_private(Path(path).parent):
        return found
    os.close(found)
    raise PermissionError


def _is_private(folder: Path) -> bool:
    """Whether only this user may enter it: a file may be open to others under a lax umask."""
    status = folder.lstat()
    own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return own and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _is_below_own(folder: Path) -> bool:
    """Whether it is or would be made in a folder of this user or root.

    Under sudo it may be in another user's home, who could not remove what root makes there.
    """
    nearest = next(parent for parent in folder.parents if parent.exists())
    return nearest.stat().st_uid in (0, os.geteuid())
