"""Scans that OUT holds and a run does not have: gone, or under other names."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes

from busicli.batch.inputs import InputFile
from busicli.batch.outputs import FOLDERS, MODEL_MASKS, OUTPUTS
from busicli.io.escaping import percent_escape
from busicli.io.files import walk

_KINDS = (*OUTPUTS, replace(OUTPUTS[0], folder=MODEL_MASKS))
"""All that a scan may have, the network's own masks of corrected scans among them."""


def orphan_files(out: Path, made: Collection[str], entries: Collection[InputFile]) -> list[Path]:
    """Every file below OUT of scans that are not among `entries`, of all kinds.

    `made` are the names, as in results, of all scans that may have files by the journal, so that
    nothing that a person put into OUT is among them. Nothing is where a folder of the scans cannot
    be read, as nobody knows what it holds.
    """
    gone = set(made).difference(percent_escape(entry.relative) for entry in entries)
    if not gone or any(entry.error for entry in entries):
        return []
    found = {
        path
        for name in gone
        for relative in _names_on_disk(name)
        for output in _KINDS
        for path in output.standing(out, relative)
    }
    return sorted(found - _of_inputs(out, entries, found))


def is_mask(out: Path, path: Path) -> bool:
    """Whether one of these files is a mask."""
    return path.is_relative_to(out / OUTPUTS[0].folder)


def remove_files(files: Collection[Path]) -> None:
    """Remove files that `orphan_files` found."""
    for path in files:
        path.unlink(missing_ok=True)


def remove_empty_folders(out: Path, names: Collection[str] = FOLDERS) -> None:
    """Remove the folders of results, with those below them, in which nothing is left."""
    for name in names:
        for folder in reversed([here for here, _, _ in walk(out / name)]):
            with suppress(OSError):  # it holds something
                folder.rmdir()


def shifted_names(made: Collection[str], scans: Iterable[str]) -> dict[str, str]:
    """Names of scans that earlier runs did not have, with the name that one of theirs may be.

    Two names may be of one scan where the folders of one end in the other's.

    >>> shifted_names({"b/1.png", "c/2.png"}, ["a/b/1.png", "2.png", "3.png", "b/2.png"])
    {'a/b/1.png': 'b/1.png', '2.png': 'c/2.png'}
    """
    asked = tuple(scans)
    gone: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(made).difference(asked)):
        gone[name.rpartition("/")[2]].append(name)
    found = {}
    for name in asked:
        others = [] if name in made else gone[name.rpartition("/")[2]]
        same = (o for o in others if o.endswith(f"/{name}") or name.endswith(f"/{o}"))
        if match := next(same, ""):
            found[name] = match
    return found


def _names_on_disk(name: str) -> Iterator[PurePosixPath]:
    """The paths for which an escaped name can stand: itself, and that with the escaped bytes."""
    for candidate in {name, os.fsdecode(unquote_to_bytes(name))}:
        if percent_escape(candidate) == name:
            yield PurePosixPath(candidate)


def _of_inputs(out: Path, entries: Collection[InputFile], found: set[Path]) -> set[Path]:
    """Those that an input may have too: `x.jpg` and `x.jpg.png` share the name of their mask."""
    if not found:
        return set()
    single, folders = set(), set()
    for entry in entries:
        for output in _KINDS:
            single.add(out / output.path(entry.relative, 1, 1))
            folders.add(out / output.folder / entry.relative)
    return {path for path in found if path in single or path.parent in folders}
