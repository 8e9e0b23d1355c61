"""Hashes, files and folders that appear whole or not at all, and the lock on an output folder."""

import hashlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from busicli.errors import BusicliError


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of some bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that, whatever happens, it is either as it was or complete.

    A temporary file beside it is flushed to the disk and renamed over it. Missing parent folders
    are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".busicli-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(target: Path, *, marker: str) -> Iterator[Path]:
    """A scratch folder beside `target` that takes its place when the block ends without error.

    An older `target` is replaced only if it holds the file `marker`, which says that busicli made
    it; any other non-empty folder raises BusicliError and is left alone.
    """
    if target.exists() and not (target / marker).is_file() and _holds_anything(target):
        raise BusicliError(
            f"{target} exists and holds no {marker}, so busicli did not make it; "
            "name another folder or empty this one."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        os.chmod(scratch, 0o777 & ~_umask())
        yield scratch
        _swap_in(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold `folder` alone; the kernel lets go with the process, however it dies.

    Raises BusicliError at once, naming the holder, where another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "holder"
    try:
        with FileLock(folder / "lock", timeout=0):
            write_whole(holder, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            yield
            holder.unlink(missing_ok=True)
    except Timeout:
        name = holder.read_text().strip() if holder.is_file() else "another process"
        raise BusicliError(
            f"{name} is writing into this folder; wait for it to end or name another folder."
        ) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _holds_anything(path: Path) -> bool:
    return not path.is_dir() or any(path.iterdir())


def _swap_in(scratch: Path, target: Path) -> None:
    """Rename `scratch` to `target`; an older one moves aside first and is deleted last."""
    if not target.exists():
        os.replace(scratch, target)
        return
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-old-"))
    os.replace(target, aside / "old")
    os.replace(scratch, target)
    shutil.rmtree(aside, ignore_errors=True)
