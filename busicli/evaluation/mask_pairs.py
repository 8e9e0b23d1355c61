"""Each scan's reference beside what a tool predicted for it, by name; what does not pair is
named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from busicli.data.mask_files import MaskFiles, known_as, mask_files, scan_files
from busicli.data.references import Reference, holds_prepared_data, references_in, references_of
from busicli.data.store import PreparedScans, open_data
from busicli.errors import InputError, UsageError
from busicli.evaluation.records import Pairing
from busicli.evaluation.score_mask import Background, MaskPair, MaskScore, scan_in
from busicli.imaging.preprocess import native_image
from busicli.io.escaping import percent_escape
from busicli.io.kinds import kind_of_file
from busicli.types import Image, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSet:
    """What masks are scored against."""

    references: Sequence[Reference]
    data: PreparedScans | None = None
    """In the references' order; None where the reference is a folder of masks."""


def find_references(
    folder: Path, split: Split | Literal["all"] | None, *, besides: Path
) -> ReferenceSet:
    """The scans of a folder of masks, or of a split (None: test) of prepared data.

    Raises UsageError where a split is asked of a folder of masks.
    """
    if holds_prepared_data(folder):
        scans = open_data(folder).select(split or "test")
        return ReferenceSet(references=references_of(scans), data=scans)
    if split:
        raise UsageError(
            f"--split is for data that preprocess wrote, but {folder} holds masks; leave it out."
        )
    return ReferenceSet(references=references_in(folder, mask_files(folder, besides=besides)))


def backgrounds(
    reference_set: ReferenceSet, scans: Path | None, *, besides: Path
) -> list[Background]:
    """How to get at each scan: in the given folder, in the data, or beside its masks."""
    if scans is not None:
        files = scan_files(scans, besides=besides)
        return [scan_in(files[name] if name else None) for name in _matched(reference_set, files)]
    if reference_set.data is not None:
        return [
            partial(_from_data, reference_set.data, row)
            for row in range(len(reference_set.references))
        ]
    return [scan_in(reference.scan) for reference in reference_set.references]


def paired(
    reference_set: ReferenceSet, found: MaskFiles, scans: Sequence[Background]
) -> list[MaskPair]:
    """Each reference with its prediction's files, in the references' order."""
    names = _matched(reference_set, found.masks)
    if not any(names):
        unread = next((path for path in found.others if kind_of_file(path)), None)
        if unread is not None:
            raise InputError(
                f"no prediction can be read: {_described(unread)} is of a kind that is not read; "
                "store masks as PNG, TIFF or .npy."
            )
        raise InputError(
            f"no prediction is named as one of the {len(reference_set.references)} references; "
            "check both folders."
        )
    return [
        MaskPair(reference=reference, predicted=found.masks[name] if name else (), background=scan)
        for reference, name, scan in zip(reference_set.references, names, scans, strict=True)
    ]


def pairing(pairs: Sequence[MaskPair], found: MaskFiles, done: Sequence[MaskScore]) -> Pairing:
    """How reference and predictions went together."""
    named = [(pair.reference.names[0], each) for pair, each in zip(pairs, done, strict=True)]
    used = {path for pair in pairs for path in pair.predicted}
    return Pairing(
        references=len(pairs),
        paired=sum(bool(pair.predicted) for pair in pairs),
        missing=tuple(name for name, each in named if each.error == "missing"),
        another_size={n: each.reason for n, each in named if each.error == "another size"},
        unreadable={n: each.reason for n, each in named if each.error == "unreadable"},
        greys_cut=tuple(name for name, each in named if each.cut),
        mostly_lesion=tuple(n for n, each in named if each.mostly_lesion == (True, False)),
        mostly_lesion_references=tuple(n for n, each in named if each.mostly_lesion[1]),
        without_reference=tuple(n for n, files in found.masks.items() if used.isdisjoint(files)),
        other_files=tuple(map(_described, found.others)),
        without_scan=tuple(name for name, each in named if not each.shown),
    )


def _described(path: Path) -> str:
    """A file's name, with its kind where that is known."""
    kind = kind_of_file(path)
    return percent_escape(path.name) + (f" ({kind})" if kind else "")


def _matched(reference_set: ReferenceSet, files: Mapping[str, Any]) -> list[str | None]:
    """For each reference the name of its files; None where it has none."""
    known = known_as(files)
    return [
        next((known[name] for name in reference.names if name in known), None)
        for reference in reference_set.references
    ]


def _from_data(data: PreparedScans, row: int, shape: tuple[int, int]) -> Image:
    """The data hold what the network sees of the scan, at its size; it is brought back."""
    return native_image(data.images[row], shape, data.preprocess, data.cases[row].box)
