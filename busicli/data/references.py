"""Reference masks for scoring masks of any tool: a folder of masks, or prepared data."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from busicli.data.class_folders import class_of
from busicli.data.mask_files import MaskFiles, short_name
from busicli.data.store import MARKER, PreparedScans, native_path
from busicli.errors import InputError
from busicli.io.escaping import first_few
from busicli.io.mask_names import bare_name
from busicli.types import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One scan's reference mask, and the names that its prediction may have."""

    case: str
    dataset: str
    label: str
    """Class: benign, malignant, normal, or empty if unknown."""
    group: int
    names: tuple[str, ...]
    """Paths without suffix; the first one that a prediction has is used."""
    masks: tuple[Path, ...]
    """Files whose union is the reference; none for a normal scan without a mask."""
    scan: Path | None = None
    """The scan, if it is beside its masks."""
    device: str = ""
    """The scanner, if known."""
    objection: str = ""
    """Why the curators of the data set object to the scan; empty for none."""


def holds_prepared_data(folder: Path) -> bool:
    """Whether `preprocess` wrote this folder."""
    return (folder / MARKER).is_file() and (folder / "cases.csv").is_file()


def references_in(folder: Path, files: MaskFiles) -> list[Reference]:
    """The scans of a folder of masks, by name; each is a group of its own, as patients are unknown.

    The folder nearest to a mask that is named like a class is its class; predictions may leave out
    its own folder if it is that one.
    Raises InputError if there is no mask, or if a scan beside other scans' masks has none and is
    not in `normal`.
    """
    if not files.masks:
        raise InputError(f"{folder} holds no mask; give the folder of the reference masks.")
    alone = [name for name in files.scans if name not in files.masks and _label(name) != "normal"]
    if alone:
        raise InputError(
            f"scans in {folder} without a mask: {len(alone)} ({first_few(alone)}); "
            "add an empty mask for scans without a lesion."
        )
    names = sorted(files.masks.keys() | files.scans.keys())
    known = _distinct([(name, _without_class(name)) for name in names])
    return [
        Reference(
            case=own[-1],
            dataset=folder.resolve().name,
            label=_label(name),
            group=number,
            names=(*own, *bare),
            masks=files.masks.get(name, ()),
            scan=files.scans.get(name),
        )
        for number, (name, own, bare) in enumerate(zip(names, known, _bare(known), strict=True))
    ]


def references_of(scans: PreparedScans) -> list[Reference]:
    """The scans of prepared data, in their order, with class, group and scanner.

    A prediction is named by the scan's path in its data set, with or without the data set's name,
    or by the case.
    """
    known = _distinct([_names_of(case) for case in scans.cases])
    return [
        Reference(
            case=case.case,
            dataset=case.dataset,
            label=case.label,
            group=case.group,
            names=(*names, *bare),
            masks=(native_path(scans.folder / case.split, case.index),),
            device=case.device,
            objection=case.objection,
        )
        for case, names, bare in zip(scans.cases, known, _bare(known), strict=True)
    ]


def _names_of(case: Case) -> tuple[str, ...]:
    path = str(PurePosixPath(case.sources[0]).with_suffix("")).lstrip("/")
    return f"{case.dataset}/{path}", path, case.case


def _label(name: str) -> str:
    return class_of(PurePosixPath(name).parent)


def _without_class(name: str) -> str:
    path = PurePosixPath(name)
    own = class_of(PurePosixPath(path.parent.name))
    return str(path.parent.parent / path.name) if own else name


def _distinct(names: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """For each scan its first name, and the names and short names that are unique."""
    asked = [tuple(dict.fromkeys(_with_short(own))) for own in names]
    count = Counter(name for own in asked for name in own)
    return [(own[0], *(name for name in own[1:] if count[name] == 1)) for own in asked]


def _bare(known: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """For each scan its names without words for images and masks, where those are unique."""
    own = [{bare_name(short_name(name)) for name in names} - set(names) for names in known]
    count = Counter(name for names in own for name in names)
    return [tuple(sorted(name for name in names if count[name] == 1)) for names in own]


def _with_short(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        yield from (name, short_name(name))
