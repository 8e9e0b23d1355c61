"""Finds the scan of each mask file in a folder by its name; no image is opened."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from busicli.errors import InputError
from busicli.io.escaping import escape_csv_formula, first_few, percent_escape
from busicli.io.images import SUFFIXES
from busicli.io.litter import files_below
from busicli.io.mask_names import (
    MASK_SUFFIXES,
    bare_name,
    is_marked,
    masks_by_name,
    scan_stem,
    stem_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFiles:
    """The files of a folder by the scan's name: its path below the folder, without suffix.

    Names are written as in tables: bytes that are not UTF-8 become %XX.
    """

    masks: Mapping[str, tuple[Path, ...]]
    """Files whose union is the scan's mask; at least one."""
    scans: Mapping[str, Path]
    """Scans beside their masks, as in BUSI's layout, including scans without a mask."""
    others: tuple[Path, ...]
    """Files with a suffix that no mask has, and masks of structures that are no lesion."""


def mask_files(folder: Path, *, besides: Path, known: Collection[str] = ()) -> MaskFiles:
    """The files below a folder, without hidden files and the folder `besides` for results.

    Names and folders tell the masks of a scan: see `busicli.io.mask_names`. Where no file is the
    mask of another, all are masks: `x.png` as well as `x_mask.png` is one of x. Names in `known`
    are those of scans: `x_lesion_2.png` is then no mask of x. Raises InputError if there is no
    folder, if a part cannot be read, or if two files would each be a scan's only mask.
    """
    _check_folder(folder, besides)
    files = {PurePosixPath(f.relative_to(folder)): f for f in files_below(folder, besides=besides)}
    of_scan = masks_by_name(files)
    scans = {mask.scan for mask in of_scan.values()}
    masks: dict[str, list[Path]] = {}
    plain: dict[str, list[Path]] = {}
    others = []
    for relative, path in files.items():
        stem = scan_stem(stem_of(relative.name))
        if relative in of_scan and of_scan[relative].lesion:
            masks.setdefault(_name(of_scan[relative].scan), []).append(path)
        elif relative in of_scan or not (_is_image(path) or path.suffix.lower() in MASK_SUFFIXES):
            others.append(path)
        elif stem is not None and not (relative in scans or short_name(_name(relative)) in known):
            masks.setdefault(_written(relative.with_name(stem)), []).append(path)
        else:
            plain.setdefault(_name(relative), []).append(path)
    for own in masks.values():
        others += _records(own)
    if not of_scan:
        _check_single(plain, folder)
    return MaskFiles(
        masks={n: tuple(own) for n, own in (masks if of_scan else plain | masks).items()},
        scans=_scans(plain) if of_scan else {},
        others=tuple(others),
    )


def scan_files(folder: Path, *, besides: Path) -> dict[str, Path]:
    """Every image below a folder that is not a mask by its name, by name as in `mask_files`.

    Raises InputError if there is no folder to read.
    """
    _check_folder(folder, besides)
    files = {PurePosixPath(f.relative_to(folder)): f for f in files_below(folder, besides=besides)}
    of_scan = masks_by_name(files)
    found: dict[str, Path] = {}
    for relative, path in files.items():
        if _is_image(path) and relative not in of_scan and not is_marked(relative):
            found.setdefault(_name(relative), path)
    return found


def short_name(name: str) -> str:
    """A name without the scan's own suffix, which segment-dir keeps in mask names.

    >>> short_name("a/x.jpg"), short_name("a/x"), short_name("a/1.5 mm")
    ('a/x', 'a/x', 'a/1.5 mm')
    """
    path = PurePosixPath(name)
    while path.suffix.lower() in SUFFIXES:
        path = path.with_suffix("")
    return str(path)


def known_as(names: Collection[str]) -> dict[str, str]:
    """Each name by itself, and by its short name and its bare name if those are unique."""
    own = {name: {short_name(name), bare_name(short_name(name))} for name in names}
    count = Counter(alias for aliases in own.values() for alias in aliases)
    found = {alias: name for name, aliases in own.items() for alias in aliases if count[alias] == 1}
    return found | {name: name for name in names}


def _name(relative: PurePosixPath) -> str:
    return _written(relative.with_name(stem_of(relative.name) or relative.name))


def _written(path: PurePosixPath) -> str:
    return escape_csv_formula(percent_escape(path))


def _check_folder(folder: Path, besides: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one that exists.")
    if folder.resolve() == besides.resolve():
        raise InputError(f"{folder} cannot be both read and written; give another folder as --out.")
    if (folder / "manifest.jsonl").is_file() and (folder / "masks").is_dir():
        raise InputError(f"{folder} is a run of segment-dir; give its masks: {folder / 'masks'}.")


def _records(files: list[Path]) -> list[Path]:
    """What Cellpose keeps beside its masks (`x_seg.npy`), taken out of a scan's files."""
    found = [file for file in files if len(files) > 1 and file.name.endswith("_seg.npy")]
    files[:] = [file for file in files if file not in found]
    return found


def _scans(plain: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """The first image of each name; an array beside scans, as of Cellpose's GUI, is not one."""
    images = {name: [f for f in files if _is_image(f)] for name, files in plain.items()}
    return {name: files[0] for name, files in images.items() if files}


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _check_single(plain: Mapping[str, Sequence[Path]], folder: Path) -> None:
    for name, files in plain.items():
        if len(files) > 1:
            raise InputError(
                f"{first_few([file.name for file in files])} in {folder} would each be the mask of "
                f"{name}; keep one of them."
            )
