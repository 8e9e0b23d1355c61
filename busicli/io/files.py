"""Hashes, walks through folders, atomic writes of files and folders."""

import csv
import ctypes
import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from busicli.errors import BusicliError, InputError
from busicli.io.escaping import percent_escape
from busicli.io.output_paths import own_folder

MAX_DEPTH = 100
_MOST_NAMED = 60
"""Characters of a name in a sentence."""
TOO_DEEP = f"it lies more than {MAX_DEPTH} folders deep"


def sha256_bytes(*parts: bytes | memoryview) -> str:
    """SHA-256 of the concatenated parts, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits; the file is read in chunks."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading; FileNotFoundError also for a pipe or device, which may never end.

    For folders of results, which a stranger may have made.
    """
    return open(path, "rb", opener=_opened_regular)


def read_regular(path: Path) -> bytes:
    """The bytes of a file, as `open_regular` opens it."""
    with open_regular(path) as file:
        return file.read()


def _opened_regular(path: str, flags: int) -> int:
    found = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(found).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        os.close(found)
        raise FileNotFoundError(errno.ENOENT, "it is a pipe or device, not a file", path)
    return found


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file so that it is complete or unchanged, whatever happens.

    A temporary file beside it is flushed to disk and renamed over it. Missing parent folders are
    created.
    """
    with _whole(path) as file:
        file.write(data)


def write_json(path: Path, document: object) -> None:
    """As `atomic_write`, for an indented JSON document."""
    atomic_write(path, (json.dumps(document, indent=2) + "\n").encode())


def parse_json(text: bytes | str) -> Any:
    """The values of a JSON document that somebody may have damaged or made up.

    Raises InputError where it is none: also where an object names a value twice, of which one
    program would take the first and another the last.
    """
    try:
        return json.loads(text, object_pairs_hook=_named_once)
    except (ValueError, RecursionError) as error:
        raise InputError("it is no JSON, or damaged or cut short") from error


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise InputError(f"it names {percent_escape(twice[:_MOST_NAMED])} twice")
    return found


def csv_bytes(rows: Iterable[Iterable[object]]) -> bytes:
    """A CSV table in UTF-8 whose lines end as on Unix."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@contextmanager
def atomic_text(path: Path) -> Iterator[IO[str]]:
    """As `atomic_write`, for text written in parts: UTF-8, line ends as given."""
    with _whole(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.flush()
        text.detach()


def atomic_write_unsynced(path: Path, *parts: bytes | memoryview) -> None:
    """As `atomic_write`, but not flushed to disk: a power cut may leave an empty or damaged file.

    For the many files of scans, whose hashes a later run checks. `sync_file_system` follows them.
    """
    with _whole(path, sync=lambda _: None) as file:
        file.writelines(parts)


def sync_file_system(descriptor: int) -> None:
    """Flush to disk all that was written to the file system of an open file.

    Raises OSError where the disk failed or was full.
    """
    flush = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if flush is None:  # not on Linux
        os.sync()
    elif flush(descriptor):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def _whole(path: Path, sync: Callable[[int], None] = os.fsync) -> Iterator[IO[bytes]]:
    temporary = path.with_name(f".busicli-{secrets.token_hex(8)}.tmp")
    try:
        with _opened_below(temporary) as file:
            yield file
            file.flush()
            sync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _opened_below(path: Path) -> IO[bytes]:
    """A new file and its folders, which another process may just be removing as empty."""
    for _ in range(2):
        with suppress(FileNotFoundError):
            return path.open("xb")
        path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def walk(
    folder: Path,
    on_error: Callable[[OSError], object] = lambda _: None,
    *,
    follow_links: bool = False,
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk` from the top, but at most MAX_DEPTH folders deep.

    A deeper tree would exhaust the stack here or where results are written; `on_error` is called
    for each folder that is too deep, as for one that cannot be read. Who follows links must take
    folders away that were entered before.
    """
    for here, folders, names in os.walk(folder, onerror=on_error, followlinks=follow_links):
        path = Path(here)
        yield path, folders, names  # the caller may take folders away
        if len(path.relative_to(folder).parts) >= MAX_DEPTH:
            for name in folders:
                on_error(OSError(errno.ENAMETOOLONG, TOO_DEEP, str(path / name)))
            folders.clear()


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed `atomic_write` left below a folder of results.

    Those of another run further below are not touched: it may be writing them.
    """
    for here, folders, names in walk(folder):
        folders[:] = [name for name in folders if not own_folder(here / name).is_dir()]
        for name in names:
            if name.startswith(".busicli-") and name.endswith(".tmp"):
                (here / name).unlink(missing_ok=True)


@contextmanager
def atomic_directory(target: Path, *, marker: str) -> Iterator[Path]:
    """A temporary folder beside `target` that replaces it when the block ends without error.

    An existing `target` is replaced only if it holds the file `marker`, a sign that busicli made
    it. Raises BusicliError for any other non-empty folder and for the current folder.
    """
    target = target.absolute()
    if target.resolve() == Path.cwd():
        raise BusicliError("the current folder cannot be replaced; name a folder below it.")
    if target.exists() and not (target / marker).is_file() and _holds_anything(target):
        raise BusicliError(
            f"{target} exists and holds no {marker}, so busicli did not make it; "
            "name another folder or empty this one."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}-{secrets.token_hex(8)}")
    scratch.mkdir()
    try:
        yield scratch
        _swap_in(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _holds_anything(path: Path) -> bool:
    return not path.is_dir() or any(path.iterdir())


def _swap_in(scratch: Path, target: Path) -> None:
    """Rename `scratch` to `target`; an existing target moves aside first and is deleted last."""
    if not target.exists():
        os.replace(scratch, target)
        return
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-old-"))
    os.replace(target, aside / "old")
    os.replace(scratch, target)
    shutil.rmtree(aside, ignore_errors=True)
