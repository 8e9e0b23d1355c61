"""The first half of a scan's way: from its file to inputs of the network."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from busicli.batch.dicom_outputs import DicomSource, dicom_source, displayed_frames
from busicli.batch.inputs import MASK, InputFile
from busicli.batch.mask_content import is_mask
from busicli.batch.outputs import Output, has_masks, lost_outputs, masks_stand
from busicli.errors import InputError
from busicli.inference.segmenter import Segmenter
from busicli.inference.views import FrameLayout
from busicli.io.decode_process import ProcessDecoder
from busicli.io.dicom.maker import Maker
from busicli.io.dicom.read import DicomScan, NotUltrasoundError
from busicli.io.escaping import percent_escape
from busicli.io.files import sha256_bytes
from busicli.io.images import SUFFIXES, NotAnImageError, TooManyPixelsError, read_scan
from busicli.io.review_store import CHANGED_AFTER_REVIEW
from busicli.io.scan_results import ScanResult, Status
from busicli.io.scans import ScanFile, decode_file
from busicli.parallel.killable import KillableCall, ProcessPool
from busicli.parallel.limits import limit_reached
from busicli.parallel.threads import with_timeout
from busicli.types import Image, Scale, Spacing

Changed = Callable[[InputFile], None]
ORDINARY_PIXELS = 16 * 2**20
"""Of all frames of a scan; a larger one waits until there is memory for it."""
_BYTES_A_PIXEL, _BYTES_A_STORED_PIXEL = 10, 4
"""What a scan needs: for each pixel of the frame at work, and for each of all frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """How a run treats each of its scans."""

    out: Path
    outputs: tuple[Output, ...]
    """What is written."""
    segmenter: Segmenter = field(repr=False)
    max_pixels: int
    timeout_s: float
    """How long reading and decoding a scan may take."""
    decoders: ProcessPool = field(repr=False)
    """Where files are decoded whose costs nothing bounds."""
    spacing: Spacing | None
    """Of images; DICOM files hold their own."""
    maker: Maker
    """What DICOM objects say of the program."""
    keep_identifiers: bool
    """Whether results hold patient and study."""

    @property
    def wants_objects(self) -> bool:
        """Whether DICOM objects are written."""
        return any(output.is_object for output in self.outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedScan:
    """A decoded scan, ready for the network."""

    entry: InputFile
    sha256: str
    displayed: tuple[Image, ...] = field(repr=False)
    """The frames as images for people may show them."""
    layouts: tuple[FrameLayout, ...]
    """What the network looks at in each frame."""
    inputs: NDArray[np.uint8] = field(repr=False)
    """(views of all frames, size, size, 3)."""
    scale: Scale
    dicom: DicomScan | None
    source: DicomSource | None
    """For DICOM objects; None where none are wanted, and of images."""
    seconds: float
    """What loading took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptScan:
    """A scan whose earlier result holds, and which lacks images that are drawn from its mask."""

    entry: InputFile
    result: ScanResult
    displayed: tuple[Image, ...] = field(repr=False)
    """The frames as images for people may show them."""
    lost: tuple[Output, ...]
    """What is to be drawn."""


@dataclass(frozen=True, slots=True)
class LargeScan:
    """A scan that is not decoded before there is room for it."""

    needed_bytes: int


def load_scan(
    entry: InputFile,
    settings: ScanSettings,
    earlier: ScanResult | None,
    on_change: Changed = lambda _: None,
) -> LoadedScan | KeptScan | ScanResult:
    """The loaded scan, or its result at once: skipped, failed, or kept from an earlier run.

    `on_change` is called, before decoding, for a scan that was segmented but has changed or lacks
    files.
    """
    try:
        return _in_time(entry, settings, earlier, on_change)
    except TooManyPixelsError as error:
        return not_segmented(entry, "failed", f"{str(error).rstrip('.')}: raise --max-pixels")


def load_unless_large(
    entry: InputFile,
    settings: ScanSettings,
    earlier: ScanResult | None,
    on_change: Changed = lambda _: None,
) -> LoadedScan | KeptScan | ScanResult | LargeScan:
    """As `load_scan`; a large scan is not decoded."""
    if settings.max_pixels <= ORDINARY_PIXELS:
        return load_scan(entry, settings, earlier, on_change)
    ordinary = replace(settings, max_pixels=ORDINARY_PIXELS)
    try:
        return _in_time(entry, ordinary, earlier, on_change)
    except TooManyPixelsError as error:
        if error.pixels * error.frames > settings.max_pixels:
            return load_scan(entry, settings, earlier)
        needed = error.pixels * (_BYTES_A_PIXEL + error.frames * _BYTES_A_STORED_PIXEL)
        return LargeScan(needed)


def _in_time(
    entry: InputFile, settings: ScanSettings, earlier: ScanResult | None, on_change: Changed
) -> LoadedScan | KeptScan | ScanResult:
    if entry.not_done:
        return not_segmented(entry, "skipped" if entry.skip else "failed", entry.not_done)
    decoding = KillableCall(settings.decoders)
    try:
        return with_timeout(
            lambda: _load(entry, settings, decoding, earlier, on_change), limit_s=settings.timeout_s
        )
    except TimeoutError:
        decoding.kill()
        limit = f"{settings.timeout_s:g} s"
        reason = f"was not decoded after {limit}; look at its drive, or raise --timeout"
        return not_segmented(entry, "failed", reason)


def not_segmented(entry: InputFile, status: Status, reason: str) -> ScanResult:
    """The result of an input without a mask; a full stop at the end of the reason is dropped."""
    scan = percent_escape(entry.relative)
    return ScanResult(scan=scan, status=status, reason=reason.rstrip("."))


def _load(
    entry: InputFile,
    settings: ScanSettings,
    decoding: KillableCall,
    earlier: ScanResult | None,
    on_change: Changed,
) -> LoadedScan | KeptScan | ScanResult:
    started = time.monotonic()
    data = b"unread"
    try:
        data = read_scan(entry.path, max_pixels=settings.max_pixels)
        sha256 = sha256_bytes(data)
        decode = partial(
            decode_file,
            spacing=settings.spacing,
            max_pixels=settings.max_pixels,
            elsewhere=ProcessDecoder(decoding, settings.max_pixels),
        )
        if is_mask(entry, data, decode):
            return not_segmented(entry, "skipped", MASK)
        kept = _kept(earlier, entry, sha256, settings)
        lost = _lost(kept, entry, settings)
        if kept and not lost:
            return kept
        if earlier is not None and earlier.status == "ok":
            unchanged = kept is None and earlier.sha256 == sha256
            if unchanged and earlier.reviewed and has_masks(settings.out, earlier, entry.relative):
                return not_segmented(entry, "failed", CHANGED_AFTER_REVIEW)
            on_change(entry)
        scan = decode(data)
        if kept and all(output.draw_frame for output in lost):
            shown = _displayed(scan, settings)
            return KeptScan(entry=entry, result=kept, displayed=shown, lost=lost)
        return _prepared(entry, sha256, scan, settings, started)
    except (NotAnImageError, NotUltrasoundError) as error:
        other = isinstance(error, NotUltrasoundError)
        meant = not other and (_named_as_scan(entry.path) or _cut_short(entry.path, data))
        return not_segmented(entry, "failed" if meant else "skipped", str(error))
    except TooManyPixelsError:
        raise
    except InputError as error:
        return not_segmented(entry, "failed", str(error))
    except OSError as error:
        if reached := limit_reached(error):  # it is not this scan's
            raise reached from error
        return not_segmented(entry, "failed", f"cannot be read: {error.strerror}")


def _prepared(
    entry: InputFile, sha256: str, scan: ScanFile, settings: ScanSettings, started: float
) -> LoadedScan:
    dicom, segmenter, maker = scan.dicom, settings.segmenter, settings.maker
    wanted = dicom is not None and settings.wants_objects
    source = dicom_source(dicom, maker, sha256) if dicom is not None and wanted else None
    layouts = tuple(segmenter.layout(scan.frame(image)) for image in scan.frames)
    pairs = zip(scan.frames, layouts, strict=True)
    return LoadedScan(
        entry=entry,
        sha256=sha256,
        displayed=_displayed(scan, settings),
        layouts=layouts,
        inputs=np.concatenate([segmenter.network_images(*pair) for pair in pairs]),
        scale=scan.scale,
        dicom=dicom,
        source=source,
        seconds=time.monotonic() - started,
    )


def _displayed(scan: ScanFile, settings: ScanSettings) -> tuple[Image, ...]:
    if scan.dicom is None:
        return scan.frames
    return displayed_frames(scan.dicom, scan.frames, deidentify=settings.maker.deidentified)


def _kept(
    earlier: ScanResult | None, entry: InputFile, sha256: str, settings: ScanSettings
) -> ScanResult | None:
    """An earlier result that still holds: of the same scan, with the same masks."""
    if earlier is None or earlier.status != "ok" or earlier.sha256 != sha256:
        return None
    return earlier if masks_stand(settings.out, earlier, entry.relative) else None


def _lost(kept: ScanResult | None, entry: InputFile, settings: ScanSettings) -> tuple[Output, ...]:
    """The outputs that a kept result lacks; of a reviewed one those that its mask is enough for."""
    if kept is None:
        return ()
    lost = lost_outputs(settings.out, kept, entry.relative, settings.outputs)
    return tuple(output for output in lost if output.draw_frame) if kept.reviewed else tuple(lost)


def _named_as_scan(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _cut_short(path: Path, data: bytes) -> bool:
    """Whether a file is what is left of a broken copy of a scanner's file.

    Scanners write names without a suffix; the copy is empty or holds only the zeros that a DICOM
    file begins with.
    """
    return not (path.suffix or path.name.startswith(".") or data.strip(b"\0"))
