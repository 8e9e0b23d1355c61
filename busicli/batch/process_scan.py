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
    DicomSteps,
    Result,
    check_wanted,
    dicom_results,
    identifiers,
    left_out,
    shown_frames,
)
from busicli.batch.inputs import Work
from busicli.errors import InputError
from busicli.imaging.contour import outline
from busicli.imaging.preprocess import network_image
from busicli.inference.segmentation import interpret
from busicli.io.dicom.read import DicomScan, NotUltrasoundError
from busicli.io.escaping import written_name
from busicli.io.files import sha256_bytes, sha256_file, write_whole
from busicli.io.images import (
    SUFFIXES,
    NotAPictureError,
    TooManyPixelsError,
    encode_mask,
    encode_overlay,
    encode_probability,
    read_scan,
)
from busicli.io.output_paths import Layout
from busicli.io.scans import decode_file
from busicli.parallel.threads import in_time
from busicli.report.thumbnail import encode_thumbnail
from busicli.settings import Choices, ConfidenceSettings, PreprocessSettings
from busicli.types import Image, Lesion, LesionMm, Mask, Probability, Scale, Spacing

Row = dict[str, Any]
Changed = Callable[[Work], None]
_OF_ITS_NAME = (
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY),
)
"""What a file system says of a name that it cannot hold, or holds as something else."""
_NO_MILLIMETRES = {f.name: None for f in fields(LesionMm)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The settings that a scan meets on its way."""

    layout: Layout
    preprocess: PreprocessSettings
    chosen: Choices
    """Of the weights' card: how masks are made and trusted."""
    max_pixels: int
    timeout_s: float
    overlays: bool
    probabilities: bool
    thumbnails: bool
    spacing: Spacing | None
    """Of pictures; DICOM objects say themselves."""
    dicom: DicomSteps


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A scan on its way to the network."""

    work: Work
    sha256: str
    frames: tuple[Image, ...]
    shown: tuple[Image, ...]
    """The frames as overlays and other pictures may show them."""
    inputs: NDArray[np.uint8] = field(repr=False)
    """(frames, size, size, 3)."""
    scale: Scale
    dicom: DicomScan | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What came of one frame, ready to be written."""

    mask: Mask
    found: tuple[tuple[Lesion, LesionMm | None], ...]
    files: dict[Path, bytes]
    """The mask's is the first."""
    confidence: float | None


def open_scan(
    work: Work, steps: Steps, earlier: Row | None, changed: Changed = lambda _: None
) -> Opened | Row:
    """The opened scan, or its row at once: skipped, failed, or done in an earlier run.

    `changed` is told of a scan that was done, but is not what it was, before it is decoded.
    """
    if work.not_done:
        return _row(work, "skipped" if work.skip else "failed", work.not_done)
    try:
        return in_time(lambda: _open_scan(work, steps, earlier, changed), limit_s=steps.timeout_s)
    except TimeoutError:
        return _row(
            work,
            "failed",
            f"was not decoded after {steps.timeout_s:g} s; look at its drive, or raise --timeout",
        )


def _open_scan(work: Work, steps: Steps, earlier: Row | None, changed: Changed) -> Opened | Row:
    started = time.monotonic()
    data = b"unread"
    try:
        data = read_scan(work.path, max_pixels=steps.max_pixels)
        sha256 = sha256_bytes(data)
        if earlier is not None and _unchanged(earlier, work, sha256, steps):
            return earlier
        if earlier is not None and earlier["status"] == "ok":
            changed(work)
        found = decode_file(data, spacing=steps.spacing, max_pixels=steps.max_pixels)
        frames, dicom = found.frames, found.dicom
        if dicom is not None:
            check_wanted(dicom, steps.dicom)
    except (NotAPictureError, NotUltrasoundError) as error:
        other = isinstance(error, NotUltrasoundError)
        meant = not other and (_named_as_scan(work.path) or _cut_short(work.path, data))
        return _row(work, "failed" if meant else "skipped", str(error).rstrip("."))
    except TooManyPixelsError as error:
        return _row(work, "failed", f"{str(error).rstrip('.')}: raise --max-pixels")
    except InputError as error:
        return _row(work, "failed", str(error).rstrip("."))
    except OSError as error:
        return _row(work, "failed", f"cannot be read: {error.strerror}")
    inputs = np.stack([network_image(frame, steps.preprocess) for frame in frames])
    return Opened(
        work=work,
        sha256=sha256,
        frames=frames,
        shown=frames if dicom is None else shown_frames(dicom, frames, steps.dicom),
        inputs=inputs,
        scale=found.scale,
        dicom=dicom,
        seconds=time.monotonic() - started,
    )


def finish_scan(
    opened: Opened, probabilities: NDArray[np.float32], steps: Steps, network_seconds: float
) -> Row:
    """Write masks and overlays of every frame and return the scan's row, its lesions in full.

    Nothing is written of a scan that fails.
    """
    started = time.monotonic()
    try:
        frames = [_frame(opened, i, probabilities[i], steps) for i in range(len(opened.frames))]
        written = list(_dicom_files(opened, frames, steps))
        whose = _whose(opened, steps)
        _write({p: r.data for p, r in written}, *(frame.files for frame in frames))
    except InputError as error:
        return _row(opened.work, "failed", str(error).rstrip("."))
    masks = [
        {
            "frame": number,
            "path": _below(path, steps),
            "sha256": sha256_bytes(data),
            **({} if frame.confidence is None else {"confidence": round(frame.confidence, 4)}),
        }
        for number, frame in enumerate(frames, start=1)
        for path, data in list(frame.files.items())[:1]
    ]
    row = {
        **_row(opened.work, "ok", ""),
        "lesions": [
            {"frame": number, **asdict(lesion), **(asdict(mm) if mm else _NO_MILLIMETRES)}
            for number, frame in enumerate(frames, start=1)
            for lesion, mm in frame.found
        ],
        **_trust([frame.confidence for frame in frames], steps.chosen.confidence),
        "millimetres": _millimetres(opened.scale, frames),
        "sha256": opened.sha256,
        "masks": masks,
    }
    if steps.dicom.maker.deidentified:
        row["shown_whole"] = not (opened.dicom and opened.dicom.boxes)
    if steps.dicom.kinds:
        row["dicom"] = [
            {"kind": r.kind, "frame": r.frame, "path": _below(path, steps)} for path, r in written
        ]
        row["dicom_left_out"] = left_out(opened.dicom, len(frames), steps.dicom)
    seconds = opened.seconds + network_seconds + time.monotonic() - started
    return {**row, **whose, "milliseconds": round(1000 * seconds, 1)}


def _write(*files: dict[Path, bytes]) -> None:
    """All of a scan's files, or none; InputError where its own name is what hinders that.

    OSError for all else that hinders, which would hinder any scan.
    """
    places = [(path, data) for some in files for path, data in some.items()]
    try:
        for path, data in places:
            write_whole(path, data)
    except OSError as error:
        if error.errno not in _OF_ITS_NAME:
            raise
        for path, _ in places:
            with suppress(OSError):
                path.unlink()
        raise InputError(f"its results cannot be written: {error.strerror}") from error


def _frame(opened: Opened, index: int, probability: Probability, steps: Steps) -> _Frame:
    scan = opened.shown[index]
    settings = steps.preprocess, steps.chosen
    said = interpret(probability, scan.shape[:2], settings, opened.scale)
    place = opened.work.relative, index + 1, len(opened.frames)
    files = {steps.layout.mask(*place): encode_mask(said.mask)}
    if steps.overlays:
        files[steps.layout.overlay(*place)] = encode_overlay(scan, outline(said.mask))
    if steps.probabilities:
        files[steps.layout.probability(*place)] = encode_probability(said.probability)
    if steps.thumbnails:
        files[steps.layout.thumbnail(*place)] = encode_thumbnail(scan, said.mask)
    return _Frame(mask=said.mask, found=said.found, files=files, confidence=said.confidence)


def _dicom_files(
    opened: Opened, frames: Sequence[_Frame], steps: Steps
) -> Iterator[tuple[Path, Result]]:
    if opened.dicom is None:
        return
    masks = [frame.mask for frame in frames]
    found = [frame.found for frame in frames]
    for result in dicom_results(opened.dicom, opened.shown, masks, found, steps.dicom):
        place = opened.work.relative, result.frame, len(frames)
        yield steps.layout.dicom(*place, result.kind), result


def _whose(opened: Opened, steps: Steps) -> Row:
    """The patient, if that was asked for."""
    if opened.dicom is None or not steps.dicom.keep_identifiers:
        return {}
    return {"identifiers": identifiers(opened.dicom)}


def _millimetres(scale: Scale, frames: Sequence[_Frame]) -> str:
    """Where millimetres came from, or why there are none; and how many lesions go without."""
    found = [millimetres for frame in frames for _, millimetres in frame.found]
    without = sum(millimetres is None for millimetres in found)
    if not scale.regions or not without:
        return scale.origin
    return f"{scale.origin}; {without} of {len(found)} lesions lie outside of them"


def _below(path: Path, steps: Steps) -> str:
    return written_name(path.relative_to(steps.layout.out))


def _trust(trusted: Sequence[float | None], settings: ConfidenceSettings | None) -> Row:
    """The least trusted frame's confidence counts; null where the weights cannot tell."""
    if settings is None:
        return {"confidence": None, "review": None}
    lowest = min(value for value in trusted if value is not None)
    return {"confidence": round(lowest, 4), "review": lowest < settings.review_below}


def _named_as_scan(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _cut_short(path: Path, data: bytes) -> bool:
    """Whether a file without a suffix, as scanners write them, is empty or no more than the zeros
    that a DICOM object begins with: a copy that was broken off.
    """
    return not (path.suffix or path.name.startswith(".") or data.strip(b"\0"))


def _row(work: Work, status: str, reason: str) -> Row:
    return {"scan": written_name(work.relative), "status": status, "reason": reason}


def _unchanged(earlier: Row, work: Work, sha256: str, steps: Steps) -> bool:
    """Whether an earlier row still holds: the same scan, every mask that it wrote, and all that
    goes with it.
    """
    if earlier["status"] != "ok" or earlier["sha256"] != sha256:
        return False
    masks = earlier["masks"]
    for mask in masks:  # the row's own path is written for readers, and may differ from the name
        place = work.relative, mask["frame"], len(masks)
        path = steps.layout.mask(*place)
        if not (path.is_file() and sha256_file(path) == mask["sha256"]):
            return False
        beside = (
            (steps.overlays, steps.layout.overlay),
            (steps.probabilities, steps.layout.probability),
            (steps.thumbnails, steps.layout.thumbnail),
        )
        if not all(where(*place).is_file() for wanted, where in beside if wanted):
            return False
    objects = (
        steps.layout.dicom(work.relative, made["frame"], len(masks), made["kind"])
        for made in earlier.get("dicom", ())
    )
    return all(path.is_file() for path in objects)
