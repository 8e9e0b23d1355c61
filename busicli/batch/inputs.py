"""The inputs of a run: a folder searched, or paths from a list."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from busicli.batch.outputs import is_within_results
from busicli.errors import InputError
from busicli.io.escaping import percent_escape
from busicli.io.images import SUFFIXES
from busicli.io.masks import scan_stem_of_mask
from busicli.io.output_paths import own_folder

MASK = "a mask beside its scan"
"""Reason why most skipped files are no scans."""
RESULT = "a result of busicli"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One input file."""

    path: Path
    relative: PurePosixPath
    """Path below the scans' folder, or as listed: its name in every result."""
    skip: str = ""
    """Why it is no scan, known from its name alone; empty for a scan."""
    error: str = ""
    """Why it cannot be read, known before it is opened: a closed folder."""
    clash: str = ""
    """A sentence on the scan whose mask its own would overwrite; empty where none."""

    @property
    def not_done(self) -> str:
        """Why it is not opened at all; empty where it is."""
        return self.skip or self.error or self.clash


def from_folder(scans: Path, out: Path) -> list[InputFile]:
    """Every file below `scans`, sorted by name; `out` is not searched.

    Links to folders and results of other runs are not entered: each is one skipped input. A folder
    that cannot be read is a failed one. Raises InputError where `scans` is no folder, is `out` or
    lies in results, and where `out` is a folder of scans below it.
    """
    _check_folders(scans, out)
    closed: list[OSError] = []
    found: list[InputFile] = []
    for folder, folders, names in os.walk(scans, onerror=closed.append):
        found += _not_entered(Path(folder), folders, scans, out.resolve())
        siblings = {Path(name).stem for name in names if Path(name).suffix.lower() in SUFFIXES}
        for name in names:
            path = Path(folder, name)
            relative = PurePosixPath(path.relative_to(scans))
            found.append(InputFile(path=path, relative=relative, skip=_skip(path, siblings)))
    found += [_closed_folder(error, scans) for error in closed]
    found.sort(key=lambda entry: os.fsencode(entry.relative))
    return list(_with_clashes(found))


def _check_folders(scans: Path, out: Path) -> None:
    """Raise InputError where scans and results would mix."""
    if not scans.is_dir():
        if scans.is_file():
            raise InputError(f"{scans} is a file; give its folder, or use busicli show.")
        raise InputError(f"there is no folder {scans}; give the folder that holds the scans.")
    if own_folder(scans).is_dir() or is_within_results(scans.resolve()):
        raise InputError(
            f"{scans} holds results of busicli, whose masks would be taken for scans; "
            "give the folder that holds the scans."
        )
    whole, out = scans.resolve(), out.resolve()
    if out == whole:
        raise InputError(
            f"{scans} is to be read and written, and masks would be taken for scans; "
            "name another folder for the results."
        )
    if whole in out.parents and _holds_others_files(out):
        raise InputError(
            f"{out.relative_to(whole)} is a folder of the scans and holds files of its own, which "
            "would be left out; name another folder for the results."
        )


def _not_entered(folder: Path, folders: list[str], scans: Path, out: Path) -> Iterator[InputFile]:
    """The subfolders that are not searched, as skipped inputs; they are removed from `folders`.

    `out` is no input.
    """
    for name in sorted(folders):
        path = folder / name
        why, is_out = _left_out(path), path.resolve() == out
        if why or is_out:
            folders.remove(name)
        if why and not is_out:
            yield InputFile(path=path, relative=PurePosixPath(path.relative_to(scans)), skip=why)


def from_list(paths: Iterable[Path]) -> list[InputFile]:
    """The listed files in their order; one listed twice counts once.

    A scan is named by its path below the current folder, or by its absolute path without the root.
    Results of a run are skipped.
    """
    here = Path.cwd()
    found: dict[Path, InputFile] = {}
    for path in paths:
        whole = Path("/", os.path.normpath(here / path).lstrip("/"))  # two slashes stay two
        below = whole.relative_to(here if here in whole.parents else "/")
        relative = PurePosixPath(below)
        stem = scan_stem_of_mask(path)
        siblings = {stem} if stem and _has_scan(path, stem) else set()
        skip = _skip(path, siblings) or (RESULT if is_within_results(whole) else "")
        found.setdefault(whole, InputFile(path=path, relative=relative, skip=skip))
    return list(_with_clashes(found.values()))


def _holds_others_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir()) and not own_folder(folder).is_dir()


def _left_out(folder: Path) -> str:
    """Why a folder is not searched; empty where it is."""
    # Path's own methods would raise below a folder that cannot be searched
    if os.path.islink(folder):  # noqa: PTH114
        return "a link to a folder, which is not entered"
    own = os.path.isdir(own_folder(folder))  # noqa: PTH112
    return "a folder with results of busicli, which is not searched" if own else ""


def _skip(path: Path, siblings: set[str]) -> str:
    """Only masks beside their scans are skipped by name; the content decides on all others."""
    stem = scan_stem_of_mask(path)
    return MASK if stem is not None and stem in siblings else ""


def _has_scan(mask: Path, stem: str) -> bool:
    # Path.is_file would raise below a folder that cannot be searched
    candidates = (mask.with_name(stem + suffix) for suffix in SUFFIXES)
    return any(os.path.isfile(mask_name) for mask_name in candidates)  # noqa: PTH113


def _with_clashes(found: Iterable[InputFile]) -> Iterator[InputFile]:
    """Mark scans whose mask would overwrite another's, also on disks that ignore case."""
    taken: dict[str, InputFile] = {}
    for entry in found:
        if entry.skip or entry.error:
            yield entry
            continue
        mask_name = str(entry.relative).casefold()
        mask_name += (
            "" if mask_name.endswith(".png") and entry.relative.suffix == ".png" else ".png"
        )
        first = taken.setdefault(mask_name, entry)
        clash = f"its mask would overwrite that of {percent_escape(first.relative)}"
        yield entry if first is entry else replace(entry, clash=clash)


def _closed_folder(error: OSError, scans: Path) -> InputFile:
    path = Path(os.fsdecode(error.filename))
    relative = PurePosixPath(path.relative_to(scans))
    return InputFile(
        path=path, relative=relative, error=f"this folder cannot be read: {error.strerror}"
    )
