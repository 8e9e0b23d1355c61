"""Reads one scan with its masks and prepares their arrays: the task that runs in parallel."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.imaging.arrays import Box
from busicli.imaging.field_shape import FieldShape, field_shape
from busicli.imaging.preprocess import network_image, network_mask, view_box
from busicli.imaging.similarity import grayscale, perceptual_hash, thumbnail
from busicli.io.files import sha256_bytes
from busicli.io.images import MAX_PIXELS, encode_bitmap, read_scan
from busicli.io.masks import MOST, certain, find_mask, has_two_values
from busicli.io.scans import ScanFile, decode_one
from busicli.settings import PreprocessSettings
from busicli.types import Doubt, Failed, Fingerprint, Image, Mask, SourceCase, View


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCase:
    """A scan ready to be stored."""

    source: SourceCase
    image: Image
    """(size, size, 3) uint8, of the part of the scan that the network sees."""
    mask: NDArray[np.uint8]
    """(size, size) uint8 of 0 and 1, of the same part."""
    native_mask: bytes
    """One-bit PNG of the united mask at the scan's own size."""
    tissue: bytes | None
    """One-bit PNG of where tissue is in the view; None where all of it may be."""
    shape: tuple[int, int]
    """Rows and columns of the scan."""
    view: View | None
    """The part of the scan that image and mask show; None for the whole."""
    doubts: tuple[Doubt, ...]
    """What was assumed of the scan."""
    fingerprint: Fingerprint
    mask_sha256: str
    mostly_lesion: bool
    """Whether more than half of the scan is."""
    thumbnail: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CasePreparation:
    """Prepares cases with fixed settings; an object, so that worker processes can receive it."""

    settings: PreprocessSettings
    max_pixels: int = MAX_PIXELS

    def __call__(self, source: SourceCase) -> PreparedCase | Failed:
        """The prepared case, or why it failed: unreadable files, masks of another size."""
        errors: list[Failed] = []
        data, file, masks = b"", None, []
        with _noted(source.scan, errors):
            data = read_scan(source.scan, max_pixels=self.max_pixels)
            file = _scan_of(data, self.max_pixels)
        for path in source.masks:
            with _noted(path, errors):
                masks.append(_mask_of(file, path, self.max_pixels))
        if file is None or errors:
            return replace(errors[0], others=tuple(errors[1:]))
        scan = file.frames[0]
        mask = np.zeros(scan.shape[:2], bool)
        for part in masks:
            mask |= part
        box, doubts = view_box(scan, self.settings, file.tissue)
        tissue = _tissue(scan[box], self.settings)
        grey = grayscale(scan)  # of the whole scan: near copies share all that is in it
        return PreparedCase(
            source=source,
            image=network_image(scan[box], self.settings, tissue),
            mask=network_mask(mask[box], self.settings),
            native_mask=encode_bitmap(mask),
            tissue=None if tissue is None else encode_bitmap(tissue.inside()),
            shape=scan.shape[:2],
            view=_view(box, scan.shape),
            doubts=(*_doubts(file), *doubts),
            fingerprint=scan_fingerprint(data, scan, grey),
            mask_sha256=sha256_bytes(f"{mask.shape}".encode(), np.packbits(mask).data),
            mostly_lesion=bool(mask.mean() > MOST),
            thumbnail=thumbnail(grey),
        )


def scan_fingerprint(data: bytes, scan: Image, grey: NDArray[np.uint8]) -> Fingerprint:
    """Hashes of a scan's file, of its decoded pixels and of its structure."""
    return Fingerprint(
        sha256=sha256_bytes(data),
        pixels_sha256=sha256_bytes(f"{scan.shape}".encode(), np.ascontiguousarray(scan).data),
        phash=perceptual_hash(grey),
    )


def _tissue(view: Image, settings: PreprocessSettings) -> FieldShape | None:
    if settings.views == "whole":
        return None
    return field_shape(np.ascontiguousarray(view[..., 1]))


def _view(box: Box, shape: tuple[int, ...]) -> View | None:
    rows, columns = box
    view = (rows.start, columns.start, rows.stop, columns.stop)
    return None if view == (0, 0, *shape[:2]) else view


def _doubts(file: ScanFile) -> tuple[Doubt, ...]:
    holds: dict[Doubt, bool] = {
        "rest of the image missing": file.cut_short,
        "uncertain greys": not file.certain_greys,
    }
    return tuple(doubt for doubt, held in holds.items() if held)


@contextmanager
def _noted(path: Path, errors: list[Failed]) -> Iterator[None]:
    """Add a file's error to `errors` and continue with the scan's other files."""
    try:
        yield
    except InputError as error:
        errors.append(Failed(_short(path), str(error).rstrip(".")))
    except OSError as error:
        errors.append(Failed(_short(path), f"cannot be read: {error.strerror}"))


def _scan_of(data: bytes, max_pixels: int) -> ScanFile:
    file = decode_one(data, max_pixels=max_pixels)
    if has_two_values(file.frames[0]):
        raise InputError("has at most two greys, as masks have; give the scan.")
    return file


def _mask_of(file: ScanFile | None, path: Path, max_pixels: int) -> Mask:
    found = find_mask(read_scan(path, max_pixels=max_pixels), max_pixels=max_pixels)
    own = found.mask.shape
    if file is not None and own != file.frames[0].shape[:2]:
        rows, columns = file.frames[0].shape[:2]
        raise InputError(f"is {own[0]} x {own[1]} px but its scan is {rows} x {columns}")
    return certain(found)


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
