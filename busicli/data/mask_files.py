"""Finds the scan of each mask file in a folder by its name; no image is opened."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from busicli.errors import InputError
from busicli.io.escaping import escape_csv_formula, first_few, percent_escape
from busicli.io.images import SUFFIXES
from busicli.io.masks import scan_stem_of_mask

MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".npy")
_CELLPOSE = "_cp_masks"
"""What Cellpose appends to a scan's stem."""
_NNUNET = "_0000"
"""What nnU-Net appends to a scan's stem: the number of its only channel."""


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
    """Files with a suffix that no mask has."""


def mask_files(folder: Path, *, besides: Path) -> MaskFiles:
    """The files below a folder, without hidden files and the folder `besides` for results.

    `x_mask.png`, `x_mask_1.png` and `x_cp_masks.png` are masks of the scan x. `x.png` is a mask of
    x too, unless some file of the folder is the scan of such a mask: then it is the scan. Raises
    InputError if there is no folder, if a part cannot be read, or if two files would each be a
    scan's only mask.
    """
    _check_folder(folder, besides)
    marked: dict[str, list[Path]] = {}
    plain: dict[str, list[Path]] = {}
    others = []
    for path in _files(folder, besides):
        if path.suffix.lower() not in MASK_SUFFIXES:
            others.append(path)
            continue
        relative = PurePosixPath(path.relative_to(folder))
        stem = _stem_of_marked(relative)
        name = _written(relative.with_name(stem or relative.stem))
        (plain if stem is None else marked).setdefault(name, []).append(path)
    beside = bool(marked.keys() & _scans(plain).keys())
    if not beside:
        _check_single(plain, folder)
    masks = marked if beside else plain | marked
    return MaskFiles(
        masks={name: tuple(files) for name, files in masks.items()},
        scans=_scans(plain) if beside else {},
        others=tuple(others),
    )


def scan_files(folder: Path, *, besides: Path) -> dict[str, Path]:
    """Every image below a folder that is not a mask by its name, by name as in `mask_files`.

    nnU-Net's `x_0000.png` is the scan x. Raises InputError if there is no folder to read.
    """
    _check_folder(folder, besides)
    found: dict[str, Path] = {}
    for path in _files(folder, besides):
        relative = PurePosixPath(path.relative_to(folder))
        if _is_image(path) and _stem_of_marked(relative) is None:
            stem = relative.stem.removesuffix(_NNUNET) or relative.stem
            found.setdefault(_written(relative.with_name(stem)), path)
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
    """Each name by itself, and by its short name if that is unique."""
    count = Counter(short_name(name) for name in names)
    found = {short_name(name): name for name in names if count[short_name(name)] == 1}
    return found | {name: name for name in names}


def _written(path: PurePosixPath) -> str:
    return escape_csv_formula(percent_escape(path))


def _stem_of_marked(path: PurePosixPath) -> str | None:
    """The stem of the scan that a mask's name contains; None if it contains none."""
    if path.stem.endswith(_CELLPOSE) and path.stem != _CELLPOSE:
        return path.stem.removesuffix(_CELLPOSE)
    return scan_stem_of_mask(Path(path))


def _check_folder(folder: Path, besides: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one that exists.")
    if folder.resolve() == besides.resolve():
        raise InputError(f"{folder} cannot be both read and written; give another folder as --out.")
    if (folder / "manifest.jsonl").is_file() and (folder / "masks").is_dir():
        raise InputError(f"{folder} is a run of segment-dir; give its masks: {folder / 'masks'}.")


def _files(folder: Path, besides: Path) -> Iterator[Path]:
    """Every file by name; links to folders are not entered."""
    closed: list[OSError] = []
    besides = besides.resolve()
    for here, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and Path(here, name).resolve() != besides
        )
        yield from (Path(here, name) for name in sorted(names) if not name.startswith("."))
    if closed:
        raise InputError(
            f"{closed[0].filename} cannot be read: {closed[0].strerror}; change its permissions."
        )


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
