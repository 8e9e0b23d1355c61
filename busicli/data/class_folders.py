"""Data sets whose classes are folders: BUSI's layout, and what others make of it.

Only names are looked at, and the first bytes of files whose names do not tell what they hold.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from busicli.data.objections import objection_by_name
from busicli.io.dicom.read import is_dicom
from busicli.io.images import IMAGE_STARTS, SUFFIXES, UnreadKindError
from busicli.io.kinds import UNREAD_SUFFIXES, unread_kind
from busicli.io.litter import files_below
from busicli.io.mask_names import (
    MaskOf,
    folder_words,
    is_marked,
    masks_by_name,
    may_be_scan,
    stem_of,
)
from busicli.types import CLASSES, LESION_CLASSES, Failed, Found, SourceCase

Files = Mapping[PurePosixPath, Path]
_HEAD = 4096
"""Bytes that tell what a file holds."""


def class_of(folder: PurePosixPath) -> str:
    """The class that the folder nearest to a file names; empty where none does.

    >>> class_of(PurePosixPath("Malignant/images")), class_of(PurePosixPath("train/benign_masks"))
    ('malignant', 'benign')
    >>> class_of(PurePosixPath("ward"))
    ''
    """
    words = (folder_words(part) for part in reversed(folder.parts))
    return next((own[0] for own in words if len(own) == 1 and own[0] in CLASSES), "")


def class_files(folder: Path) -> dict[PurePosixPath, Path]:
    """The images below a folder by their paths in it; none where no folder names a class.

    They include images of kinds that are not read, and DICOM files without a suffix.
    """
    files = {
        PurePosixPath(path.relative_to(folder)): path
        for path in files_below(folder)
        if path.name.lower().endswith((*SUFFIXES, *UNREAD_SUFFIXES)) or _is_bare_dicom(path)
    }
    return files if any(class_of(relative.parent) for relative in files) else {}


def _is_bare_dicom(path: Path) -> bool:
    return may_be_scan(PurePosixPath(path)) and is_dicom(_head(path))


def _unread_kind(path: Path) -> str:
    head = _head(path) if path.name.lower().endswith(UNREAD_SUFFIXES) else b""
    return "" if head.startswith(IMAGE_STARTS) else unread_kind(head)


def _head(path: Path) -> bytes:
    """The first bytes; none of a pipe, nor where the file cannot be read: decoding reports that."""
    if not path.is_file():
        return b""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def read_classes(files: Files, name: str) -> Found:
    """The scans of `class_files` with their masks; `name` is the data set.

    Folders of classes may hold others (`malignant/images`) or lie in them (`images/malignant`).
    Masks are found by name and layout, see `busicli.io.mask_names`; BrEaST's `_other` masks show no
    lesion and are left out. A scan is named without its folders, unless another has that name. A
    scan in no folder of a class is an error, as is a mask without its scan, and a scan of a kind
    that is not read.
    """
    masks = masks_by_name(files)
    of_scan: dict[PurePosixPath, list[Path]] = defaultdict(list)
    for relative, mask in masks.items():
        if mask.lesion:
            of_scan[mask.scan].append(files[relative])
    errors = _without_class(files, masks)
    cases: list[SourceCase] = []
    stems = Counter(stem_of(r.name) for r in files.keys() - masks.keys() if class_of(r.parent))
    for relative in files.keys() - masks.keys():
        label = class_of(relative.parent)
        if label and (kind := _unread_kind(files[relative])):
            errors.append(Failed(str(relative), str(UnreadKindError.of(kind)).rstrip(".")))
        elif is_marked(relative) and label:
            errors.append(Failed(str(relative), "is a mask without its scan"))
        elif label in LESION_CLASSES and relative not in of_scan:
            errors.append(Failed(str(relative), f"has no mask {stem_of(relative.name)}_mask.png"))
        elif label:
            case = _case(name, relative, files[relative], of_scan.get(relative, ()))
            alone = stems[case.case] == 1
            cases.append(case if alone else replace(case, case=str(relative.with_name(case.case))))
    return sorted(cases, key=lambda case: case.scan), sorted(errors, key=lambda each: each.what)


def _case(name: str, relative: PurePosixPath, scan: Path, masks: Sequence[Path]) -> SourceCase:
    stem = stem_of(relative.name)
    return SourceCase(
        dataset=name,
        case=stem,
        label=class_of(relative.parent),
        scan=scan,
        masks=tuple(sorted(masks)),
        objection=objection_by_name(stem),
    )


def _without_class(files: Files, masks: Mapping[PurePosixPath, MaskOf]) -> list[Failed]:
    """One error for each folder that holds scans and names no class."""
    folders = Counter(
        str(relative.parent)
        for relative in files
        if relative not in masks and may_be_scan(relative) and not class_of(relative.parent)
    )
    return [
        Failed(
            folder,
            f"holds {count} image{'s' if count > 1 else ''}, but neither it nor a folder around it "
            f"is named {', '.join(CLASSES[:-1])} or {CLASSES[-1]}",
        )
        for folder, count in folders.items()
    ]
