"""One scan's mask by any tool against its reference: from files to scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from busicli.data.references import Reference
from busicli.errors import InputError
from busicli.evaluation.output import Scored
from busicli.evaluation.seen import ScanHashes, scan_hashes
from busicli.imaging.metrics import PixelCounts, image_score, pixel_counts
from busicli.io.escaping import percent_escape
from busicli.io.images import read_scan
from busicli.io.masks import MOST, decode_reference, find_mask
from busicli.io.scans import decode_one
from busicli.report.thumbnail import encode_comparison
from busicli.types import Failed, Image, Mask

T = TypeVar("T")
ErrorKind = Literal["", "missing", "another size", "unreadable"]
"""Why a prediction counts as an empty mask; empty where it does not."""
Background = Callable[[tuple[int, int]], Image | None]
"""The scan at (rows, columns), or None where it is not at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPair:
    """One scan's reference, and the files of its prediction: none where it is missing."""

    reference: Reference
    predicted: tuple[Path, ...]
    background: Background


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A predicted mask as it is scored."""

    mask: Mask
    error: ErrorKind = ""
    reason: str = ""
    """More of the error in a few words; empty for none, and where there is nothing to add."""
    cut: bool = False
    """Whether it held many greys, as a map does, and was cut at half of their range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskScore:
    """One scan's scores, and what was wrong with the files."""

    scored: Scored
    counts: PixelCounts
    error: ErrorKind
    reason: str
    cut: bool
    mostly_lesion: tuple[bool, bool]
    """Whether more than half of the scan is lesion, by the prediction and by the reference."""
    shown: bool
    """Whether the scan was at hand for its image."""
    hashes: ScanHashes | None
    """Of the scan, from its file; None where it is not at hand."""


def score_mask(pair: MaskPair) -> MaskScore | Failed:
    """Score one scan at its own size; a prediction that cannot be used counts as an empty mask.

    Without a usable reference the scan is Failed.
    """
    reference = pair.reference
    try:
        expected = read_reference_mask(reference)
    except InputError as error:
        return Failed(reference.names[0], str(error).rstrip("."))
    prediction = read_predicted_mask(pair.predicted, expected.shape)
    predicted = prediction.mask
    score = image_score(
        predicted,
        expected,
        case=reference.case,
        dataset=reference.dataset,
        label=reference.label,
        group=reference.group,
    )
    score = replace(score, device=reference.device, objection=reference.objection)
    image, shown = background_image(pair, expected.shape)
    return MaskScore(
        scored=Scored(score=score, image=encode_comparison(image, predicted, expected)),
        counts=pixel_counts(predicted[None].astype(np.float32), expected[None]),
        error=prediction.error,
        reason=prediction.reason,
        cut=prediction.cut,
        mostly_lesion=(bool(predicted.mean() > MOST), bool(expected.mean() > MOST)),
        shown=shown,
        hashes=scan_hashes(image) if shown else None,
    )


def read_reference_mask(reference: Reference) -> Mask:
    """The union of a scan's masks, (rows, columns); of the scan's size where there is none.

    Raises InputError, naming the file, where one cannot be read or is of another size.
    """
    if not reference.masks and reference.scan is not None:
        return np.zeros(_read(reference.scan, _scan).shape[:2], bool)
    parts = [_read(path, decode_reference) for path in reference.masks]
    for path, part in zip(reference.masks, parts, strict=True):
        if part.shape != parts[0].shape:
            raise InputError(
                f"{percent_escape(path.name)} is {_size(part.shape)} but "
                f"{percent_escape(reference.masks[0].name)} is {_size(parts[0].shape)}"
            )
    return _union(parts)


def read_predicted_mask(files: Sequence[Path], shape: tuple[int, ...]) -> Prediction:
    """The union of a prediction's files at (rows, columns); empty where it cannot be used."""
    nothing = np.zeros(shape, bool)
    if not files:
        return Prediction(mask=nothing, error="missing")
    try:
        parts = [_read(path, find_mask) for path in files]
    except InputError as error:
        return Prediction(mask=nothing, error="unreadable", reason=str(error).rstrip("."))
    for part in parts:
        found = part.mask.shape
        if found != shape:
            reason = f"{_size(found)}, not {_size(shape)}"
            return Prediction(mask=nothing, error="another size", reason=reason)
    union = _union([part.mask for part in parts])
    return Prediction(mask=union, cut=any(part.cut for part in parts))


def background_image(pair: MaskPair, shape: tuple[int, int]) -> tuple[Image, bool]:
    """The scan at (rows, columns), or black where it is not at hand; and whether it was."""
    scan = pair.background(shape)
    return (np.zeros((*shape, 3), np.uint8), False) if scan is None else (scan, True)


def scan_in(file: Path | None) -> Background:
    """The scan in a file, where there is one that can be read and is of the masks' size."""

    def read(shape: tuple[int, int]) -> Image | None:
        try:
            scan = None if file is None else _read(file, _scan)
        except InputError:
            return None
        return scan if scan is not None and scan.shape[:2] == shape else None

    return read


def _read(path: Path, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(read_scan(path))
    except OSError as error:
        raise InputError(
            f"{percent_escape(path.name)} cannot be read: {error.strerror}."
        ) from error
    except InputError as error:
        raise InputError(f"{percent_escape(path.name)} {error}") from error


def _scan(data: bytes) -> Image:
    return decode_one(data).frames[0]


def _union(parts: Sequence[Mask]) -> Mask:
    union: Mask = np.logical_or.reduce(parts)
    return union


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]} px"
