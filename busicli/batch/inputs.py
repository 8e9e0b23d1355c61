"""The inputs of a run: a folder searched, or paths from a list."""

import os
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from busicli.batch.outputs import is_within_results
from busicli.errors import InputError
from busicli.io.bounded import is_bounded_image
from busicli.io.dicom.read import is_dicom
from busicli.io.escaping import percent_escape
from busicli.io.files import MAX_DEPTH, TOO_DEEP, walk
from busicli.io.images import IMAGE_STARTS, SUFFIXES, decode_frames, read_scan
from busicli.io.litter import litter_file, litter_folder
from busicli.io.mask_names import masks_by_name, scan_stem, stem_of, twins
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
    mask_of: tuple[Path, ...] = ()
    """Scans of which it is a mask if its content is one; none where the name settles it."""
    named_as_mask: bool = False
    """Whether its name, too, says that it is a mask of these."""

    @property
    def not_done(self) -> str:
        """Why it is not opened at all; empty where it is."""
        return self.skip or self.error or self.clash

    def absolute(self) -> "InputFile":
        """The same for a process with another current folder."""
        here = Path.cwd()
        return replace(self, path=here / self.path, mask_of=tuple(here / p for p in self.mask_of))


def from_folder(scans: Path, out: Path) -> list[InputFile]:
    """Every file below `scans`, sorted by name; `out` is not searched.

    Links to folders, results of other runs and folders of operating systems are not entered: each
    is one skipped input. A folder that cannot be read is a failed one. Raises InputError where
    `scans` is no folder, is `out` or lies in results, and where `out` is a folder of scans below
    it.
    """
    _check_folders(scans, out)
    closed: list[OSError] = []
    found: list[InputFile] = []
    for folder, folders, names in walk(scans, closed.append):
        found += _not_entered(folder, folders, scans, out.resolve())
        for name in names:
            path = folder / name
            relative = PurePosixPath(path.relative_to(scans))
            found.append(InputFile(path=path, relative=relative, skip=_litter(Path(name))))
    found += [_closed_folder(error, scans) for error in closed]
    found.sort(key=lambda entry: os.fsencode(entry.relative))
    return list(_with_clashes(_with_masks(found)))


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


def from_list(paths: Iterable[Path], root: Path | None = None) -> list[InputFile]:
    """The listed files in their order; one listed twice counts once.

    A scan is named by its path below `root` (None: the current folder), or by its absolute path
    without the first slash. Results of a run are skipped, and masks whose scan is listed or beside
    them. Raises InputError where there is no folder `root`.
    """
    if root is not None and not root.is_dir():
        raise InputError(f"there is no folder {root}; give the folder that holds the scans.")
    here = Path.cwd()
    top = Path(os.path.normpath(here / root)) if root else here
    found: dict[Path, InputFile] = {}
    for path in paths:
        whole = Path("/", os.path.normpath(here / path).lstrip("/"))  # two slashes stay two
        below = whole.relative_to(top if top in whole.parents else "/")
        skip = _litter(below) or (RESULT if is_within_results(whole) else "")
        error = TOO_DEEP if len(below.parts) > MAX_DEPTH + 1 else ""
        entry = InputFile(path=path, relative=PurePosixPath(below), skip=skip, error=error)
        found.setdefault(whole, entry)
    scans = {entry.relative for entry in found.values()}
    beside = {below: path for entry in found.values() for below, path in _scan_beside(entry, scans)}
    return list(_with_clashes(_with_masks(list(found.values()), beside)))


def _holds_others_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir()) and not own_folder(folder).is_dir()


def _left_out(folder: Path) -> str:
    """Why a folder is not searched; empty where it is."""
    # Path's own methods would raise below a folder that cannot be searched
    if os.path.islink(folder):  # noqa: PTH114
        return "a link to a folder, which is not entered"
    if os.path.isdir(own_folder(folder)):  # noqa: PTH112
        return "a folder with results of busicli, which is not searched"
    owner = litter_folder(folder.name)
    return f"a folder of {owner}, which is not searched" if owner else ""


def _litter(path: Path) -> str:
    """Why a file is left out that an operating system left; empty for any other."""
    owners = (litter_file(path.name), *(litter_folder(part) for part in path.parent.parts))
    return next((f"a file of {owner}" for owner in owners if owner), "")


def _scan_beside(
    entry: InputFile, listed: Container[PurePosixPath]
) -> Iterator[tuple[PurePosixPath, Path]]:
    """The scan beside a file that has a mask's name, where it is there but not listed."""
    stem = scan_stem(stem_of(entry.path.name))
    for suffix in ("", *SUFFIXES) if stem and not entry.skip else ():
        below = entry.relative.with_name(f"{stem}{suffix}")
        path = entry.path.with_name(below.name)
        # Path.is_file would raise below a folder that cannot be searched
        if below not in listed and os.path.isfile(path):  # noqa: PTH113
            yield below, path


def _with_masks(
    found: Sequence[InputFile], beside: Mapping[PurePosixPath, Path] | None = None
) -> Iterator[InputFile]:
    """The inputs, with what is known of those that may be masks: by name, or beside a namesake.

    `beside` holds scans that are no inputs of the run, by their names.
    """
    paths = {entry.relative: entry.path for entry in found if not entry.not_done}
    paths |= beside or {}
    masks = masks_by_name(paths)
    namesakes = twins(path for path in paths if path not in masks)
    for entry in found:
        mask = None if entry.not_done else masks.get(entry.relative)
        if mask is not None and mask.certain:
            yield replace(entry, skip=MASK)
        elif mask is not None:
            yield replace(entry, mask_of=(paths[mask.scan],), named_as_mask=True)
        elif others := namesakes.get(entry.relative):
            yield replace(entry, mask_of=tuple(paths[other] for other in others))
        else:
            yield entry


def _with_clashes(found: Iterable[InputFile]) -> Iterator[InputFile]:
    """Mark scans whose mask would overwrite another's, also on disks that ignore case.

    Files of such names are opened: what holds no scan has no mask.
    """
    entries = list(found)
    wanted = Counter(_mask_name(entry) for entry in entries if not entry.not_done)
    taken: dict[str, InputFile] = {}
    for entry in entries:
        name = _mask_name(entry)
        if entry.not_done or wanted[name] == 1 or not _holds_scan(entry.path):
            yield entry
            continue
        first = taken.setdefault(name, entry)
        clash = f"its mask would overwrite that of {percent_escape(first.relative)}"
        yield entry if first is entry else replace(entry, clash=clash)


def _mask_name(entry: InputFile) -> str:
    """The name of an input's mask, equal for names that differ in case alone."""
    suffix = "" if entry.relative.suffix == ".png" else ".png"
    return f"{entry.relative}{suffix}".casefold()


def _holds_scan(path: Path) -> bool:
    """Whether a file holds an image or DICOM; only what costs little is decoded to find out."""
    try:
        data = read_scan(path)
        if not is_bounded_image(data):
            return is_dicom(data) or data.startswith(IMAGE_STARTS)
        return any(True for _ in decode_frames(data))
    except (InputError, OSError):
        return False


def _closed_folder(error: OSError, scans: Path) -> InputFile:
    path = Path(os.fsdecode(error.filename))
    relative = PurePosixPath(path.relative_to(scans))
    return InputFile(
        path=path, relative=relative, error=f"this folder cannot be read: {error.strerror}"
    )
