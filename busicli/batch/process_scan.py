"""One scan's way through a run: opened and prepared, later finished and written."""

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from busicli.batch.dicom_outputs import (
    DicomOutput,
    DicomSettings,
    check_requested,
    display_frames,
    identifiers,
    make_dicom_outputs,
    missing_outputs,
)
from busicli.batch.inputs import InputFile
from busicli.errors import InputError
from busicli.imaging.contour import contour_mask
from busicli.inference.engines import Predictions
from busicli.inference.review import REASONS
from busicli.inference.segmenter import Frame, Segmentation, Segmenter
from busicli.inference.views import FrameLayout
from busicli.io.dicom.read import DicomScan, NotUltrasoundError
from busicli.io.escaping import percent_escape
from busicli.io.files import atomic_write, sha256_bytes, sha256_file
from busicli.io.images import (
    SUFFIXES,
    NotAnImageError,
    TooManyPixelsError,
    encode_mask,
    encode_overlay,
    encode_probability,
    read_scan,
)
from busicli.io.output_paths import OutputPaths
from busicli.io.scans import decode_file
from busicli.parallel.threads import with_timeout
from busicli.report.thumbnail import encode_thumbnail
from busicli.types import Image, Lesion, LesionMm, Scale, Spacing

Row = dict[str, Any]
Changed = Callable[[InputFile], None]
_OF_ITS_NAME = (
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY),
)
"""What a file system says of a name that it cannot hold, or holds as something else."""
_NO_MILLIMETRES = {f.name: None for f in fields(LesionMm)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """The settings that a scan meets on its way."""

    paths: OutputPaths
    segmenter: Segmenter
    max_pixels: int
    timeout_s: float
    overlays: bool
    probabilities: bool
    thumbnails: bool
    spacing: Spacing | None
    """Of images; DICOM objects say themselves."""
    dicom: DicomSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedScan:
    """A scan on its way to the network."""

    entry: InputFile
    sha256: str
    frames: tuple[Image, ...]
    displayed: tuple[Image, ...]
    """The frames as overlays and other images may show them."""
    layouts: tuple[FrameLayout, ...]
    """What the network looks at in each frame."""
    inputs: NDArray[np.uint8] = field(repr=False)
    """(views of all frames, size, size, 3)."""
    scale: Scale
    dicom: DicomScan | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What came of one frame, ready to be written."""

    segmentation: Segmentation
    files: dict[Path, bytes]
    """The mask's is the first."""


def load_scan(
    entry: InputFile,
    scan_settings: ScanSettings,
    earlier: Row | None,
    on_change: Changed = lambda _: None,
) -> LoadedScan | Row:
    """The opened scan, or its row at once: skipped, failed, or done in an earlier run.

    `on_change` is called for a scan that was done, but is not what it was, before it is decoded.
    """
    if entry.not_done:
        return _row(entry, "skipped" if entry.skip else "failed", entry.not_done)
    try:
        return with_timeout(
            lambda: _load_scan(entry, scan_settings, earlier, on_change),
            limit_s=scan_settings.timeout_s,
        )
    except TimeoutError:
        return _row(
            entry,
            "failed",
            f"was not decoded after {scan_settings.timeout_s:g} s; look at its drive, or raise "
            "--timeout",
        )


def _load_scan(
    entry: InputFile, scan_settings: ScanSettings, earlier: Row | None, on_change: Changed
) -> LoadedScan | Row:
    started = time.monotonic()
    data = b"unread"
    try:
        data = read_scan(entry.path, max_pixels=scan_settings.max_pixels)
        sha256 = sha256_bytes(data)
        if earlier is not None and _unchanged(earlier, entry, sha256, scan_settings):
            return earlier
        if earlier is not None and earlier["status"] == "ok":
            on_change(entry)
        found = decode_file(
            data, spacing=scan_settings.spacing, max_pixels=scan_settings.max_pixels
        )
        frames, dicom = found.frames, found.dicom
        if dicom is not None:
            check_requested(dicom, scan_settings.dicom)
    except (NotAnImageError, NotUltrasoundError) as error:
        other = isinstance(error, NotUltrasoundError)
        meant = not other and (_named_as_scan(entry.path) or _cut_short(entry.path, data))
        return _row(entry, "failed" if meant else "skipped", str(error).rstrip("."))
    except TooManyPixelsError as error:
        return _row(entry, "failed", f"{str(error).rstrip('.')}: raise --max-pixels")
    except InputError as error:
        return _row(entry, "failed", str(error).rstrip("."))
    except OSError as error:
        return _row(entry, "failed", f"cannot be read: {error.strerror}")
    segmenter = scan_settings.segmenter
    scans = [Frame(image=frame, scale=found.scale, tissue=found.tissue) for frame in frames]
    layouts = [segmenter.layout(scan) for scan in scans]
    pairs = zip(frames, layouts, strict=True)
    return LoadedScan(
        entry=entry,
        sha256=sha256,
        frames=frames,
        displayed=frames if dicom is None else display_frames(dicom, frames, scan_settings.dicom),
        layouts=tuple(layouts),
        inputs=np.concatenate([segmenter.network_images(*pair) for pair in pairs]),
        scale=found.scale,
        dicom=dicom,
        seconds=time.monotonic() - started,
    )


def write_outputs(
    loaded: LoadedScan,
    predicted: Predictions,
    scan_settings: ScanSettings,
    network_seconds: float,
) -> Row:
    """Write masks and overlays of every frame and return the scan's row, its lesions in full.

    Nothing is written of a scan that fails.
    """
    started = time.monotonic()
    try:
        ends = np.cumsum([len(layout.views) for layout in loaded.layouts])
        frames = [
            _frame(loaded, i, predicted[end - len(layout.views) : end], scan_settings)
            for i, (end, layout) in enumerate(zip(ends, loaded.layouts, strict=True))
        ]
        written = list(_dicom_files(loaded, frames, scan_settings))
        patient = _patient(loaded, scan_settings)
        _write({p: r.data for p, r in written}, *(frame.files for frame in frames))
    except InputError as error:
        return _row(loaded.entry, "failed", str(error).rstrip("."))
    masks = [
        {
            "frame": number,
            "path": _below(path, scan_settings),
            "sha256": sha256_bytes(data),
            **_confidence(frame.segmentation),
        }
        for number, frame in enumerate(frames, start=1)
        for path, data in list(frame.files.items())[:1]
    ]
    row = {
        **_row(loaded.entry, "ok", ""),
        "lesions": [
            _lesion_row(number, lesion)
            for number, frame in enumerate(frames, start=1)
            for lesion in frame.segmentation.lesions
        ],
        **_trust([frame.segmentation for frame in frames]),
        "millimetres": _millimetres(loaded.scale, frames),
        "sha256": loaded.sha256,
        "masks": masks,
    }
    if scan_settings.dicom.maker.deidentified:
        row["shown_whole"] = not (loaded.dicom and loaded.dicom.boxes)
    if scan_settings.dicom.kinds:
        row["dicom"] = [
            {"kind": r.kind, "frame": r.frame, "path": _below(path, scan_settings)}
            for path, r in written
        ]
        row["dicom_left_out"] = missing_outputs(loaded.dicom, len(frames), scan_settings.dicom)
    seconds = loaded.seconds + network_seconds + time.monotonic() - started
    return {**row, **patient, "milliseconds": round(1000 * seconds, 1)}


def _write(*files: dict[Path, bytes]) -> None:
    """All of a scan's files, or none; InputError where its own name is what hinders that.

    OSError for all else that hinders, which would hinder any scan.
    """
    outputs = [(path, data) for some in files for path, data in some.items()]
    try:
        for path, data in outputs:
            atomic_write(path, data)
    except OSError as error:
        if error.errno not in _OF_ITS_NAME:
            raise
        for path, _ in outputs:
            with suppress(OSError):
                path.unlink()
        raise InputError(f"its results cannot be written: {error.strerror}") from error


def _frame(
    loaded: LoadedScan, index: int, predicted: Predictions, scan_settings: ScanSettings
) -> _Frame:
    scan = loaded.displayed[index]
    segmentation = scan_settings.segmenter.interpret(predicted, loaded.layouts[index], loaded.scale)
    target = loaded.entry.relative, index + 1, len(loaded.frames)
    files = {scan_settings.paths.mask(*target): encode_mask(segmentation.mask)}
    if scan_settings.overlays:
        files[scan_settings.paths.overlay(*target)] = encode_overlay(
            scan, contour_mask(segmentation.mask)
        )
    if scan_settings.probabilities:
        files[scan_settings.paths.probability(*target)] = encode_probability(
            segmentation.probability
        )
    if scan_settings.thumbnails:
        files[scan_settings.paths.thumbnail(*target)] = encode_thumbnail(scan, segmentation.mask)
    return _Frame(segmentation=segmentation, files=files)


def _dicom_files(
    loaded: LoadedScan, frames: Sequence[_Frame], scan_settings: ScanSettings
) -> Iterator[tuple[Path, DicomOutput]]:
    if loaded.dicom is None:
        return
    masks = [frame.segmentation.mask for frame in frames]
    found = [frame.segmentation.lesions for frame in frames]
    for result in make_dicom_outputs(
        loaded.dicom, loaded.displayed, masks, found, scan_settings.dicom
    ):
        target = loaded.entry.relative, result.frame, len(frames)
        yield scan_settings.paths.dicom(*target, result.kind), result


def _patient(loaded: LoadedScan, scan_settings: ScanSettings) -> Row:
    """The patient, if that was asked for."""
    if loaded.dicom is None or not scan_settings.dicom.keep_identifiers:
        return {}
    return {"identifiers": identifiers(loaded.dicom)}


def _millimetres(scale: Scale, frames: Sequence[_Frame]) -> str:
    """Where millimetres came from, or why there are none; and how many lesions go without."""
    found = [lesion.millimetres for frame in frames for lesion in frame.segmentation.lesions]
    without = sum(millimetres is None for millimetres in found)
    if not scale.regions or not without:
        return scale.origin
    return f"{scale.origin}; {without} of {len(found)} lesions lie outside of them"


def _below(path: Path, scan_settings: ScanSettings) -> str:
    return percent_escape(path.relative_to(scan_settings.paths.out))


def _lesion_row(frame: int, lesion: Lesion) -> Row:
    measured = asdict(lesion)
    return {"frame": frame, **measured, **(measured.pop("millimetres") or _NO_MILLIMETRES)}


def _confidence(segmentation: Segmentation) -> Row:
    known = segmentation.confidence
    return {} if known is None else {"confidence": round(known, 4)}


def _trust(frames: Sequence[Segmentation]) -> Row:
    """The least trusted frame's confidence counts; null where the weights give none."""
    known = [frame.confidence for frame in frames if frame.confidence is not None]
    return {
        "confidence": round(min(known), 4) if known else None,
        "review": any(frame.review for frame in frames),
        "why_review": [r for r in REASONS if any(r in frame.why_review for frame in frames)],
        "views": [
            {"frame": number, **asdict(view)}
            for number, frame in enumerate(frames, start=1)
            for view in frame.views
        ],
    }


def _named_as_scan(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _cut_short(path: Path, data: bytes) -> bool:
    """Whether a file without a suffix, as scanners write them, is empty or no more than the zeros
    that a DICOM object begins with: a copy that was broken off.
    """
    return not (path.suffix or path.name.startswith(".") or data.strip(b"\0"))


def _row(entry: InputFile, status: str, reason: str) -> Row:
    return {"scan": percent_escape(entry.relative), "status": status, "reason": reason}


def _unchanged(earlier: Row, entry: InputFile, sha256: str, scan_settings: ScanSettings) -> bool:
    """Whether an earlier row still holds: the same scan, every mask that it wrote, and all that
    goes with it.
    """
    if earlier["status"] != "ok" or earlier["sha256"] != sha256:
        return False
    masks = earlier["masks"]
    for mask in masks:  # the row's own path is written for readers, and may differ from the name
        target = entry.relative, mask["frame"], len(masks)
        path = scan_settings.paths.mask(*target)
        if not (path.is_file() and sha256_file(path) == mask["sha256"]):
            return False
        companions = (
            (scan_settings.overlays, scan_settings.paths.overlay),
            (scan_settings.probabilities, scan_settings.paths.probability),
            (scan_settings.thumbnails, scan_settings.paths.thumbnail),
        )
        if not all(where(*target).is_file() for wanted, where in companions if wanted):
            return False
    objects = (
        scan_settings.paths.dicom(entry.relative, made["frame"], len(masks), made["kind"])
        for made in earlier.get("dicom", ())
    )
    return all(path.is_file() for path in objects)
