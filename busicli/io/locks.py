"""Locks on folders, and whether the file system really has any."""

import errno
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from busicli.errors import BusicliError
from busicli.io.files import atomic_write

_log = logging.getLogger(__name__)
_MOST_READ = 200
_HELD, _TAKEN = 3, 4
_TRY = f"""
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit({_HELD})
sys.exit({_TAKEN})
"""
"""Tries to take a lock that another process holds."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock `folder` for this process; the kernel releases the lock when the process ends.

    Raises BusicliError at once, naming the other process, if the folder is locked. Warns where the
    file system grants every lock to everybody.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "holder"
    try:
        with file_lock(folder / "lock", timeout_s=0):
            _warn_if_without_effect(folder / "lock")
            atomic_write(holder, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            try:
                yield
            finally:
                holder.unlink(missing_ok=True)
    except Timeout:
        raise BusicliError(
            f"{_name_of(holder)} is writing into this folder; wait for it to end or name another "
            "folder."
        ) from None


@contextmanager
def file_lock(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock on a file, which is made.

    Raises filelock.Timeout where another process holds it, and BusicliError where the file system
    has no locks left.
    """
    lock = FileLock(path, timeout=timeout_s)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
            raise
        raise BusicliError(
            f"the file system of {path.parent} grants no lock ({errno.errorcode[error.errno]}); "
            "start its lock service (lockd), or name a folder on another drive."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _warn_if_without_effect(path: Path) -> None:
    """Let another process try the same lock: one of this process need not exclude itself."""
    if os.name != "posix":
        return
    command = [sys.executable, "-I", "-S", "-c", _TRY, os.fspath(path)]
    tried = subprocess.run(command, capture_output=True, check=False)
    if tried.returncode == _TAKEN:
        _log.warning(
            "The file system of %s does not keep locks: make sure that only one run writes there.",
            path.parent,
        )


def _name_of(holder: Path) -> str:
    """Which process holds a lock, by the file that it wrote; any process where nobody can tell."""
    try:
        with holder.open("rb") as file:
            name = file.read(_MOST_READ).decode(errors="replace").strip()
    except OSError:
        name = ""
    return name or "another process"
