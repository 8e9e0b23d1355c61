"""One scan's way through a run: opened and prepared, later finished and written."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from busicli.confidence import confidence
from busicli.errors import InputError
from busicli.files import sha256_bytes, sha256_file, write_whole
from busicli.images import (
    SUFFIXES,
    NotAPictureError,
    decode_frames,
    encode_mask,
    encode_overlay,
    encode_probability,
)
from busicli.layout import Layout
from busicli.measure import lesions
from busicli.names import written_name
from busicli.outline import outline
from busicli.postprocess import lesion_mask
from busicli.preprocess import native_probability, network_image
from busicli.records import Image
from busicli.settings import Choices, ConfidenceSettings, PreprocessSettings
from busicli.worklist import Work

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The settings that a scan meets on its way."""

    layout: Layout
    preprocess: PreprocessSettings
    chosen: Choices
    """Of the weights' card: how masks are made and trusted."""
    max_pixels: int
    overlays: bool
    probabilities: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A scan on its way to the network."""

    work: Work
    sha256: str
    frames: tuple[Image, ...]
    inputs: NDArray[np.uint8] = field(repr=False)
    """(frames, size, size, 3)."""
    seconds: float


def open_scan(work: Work, steps: Steps, earlier: Row | None) -> Opened | Row:
    """The opened scan, or its row at once: skipped, failed, or done in an earlier run."""
    started = time.monotonic()
    if work.skip or work.fault:
        status = "skipped" if work.skip else "failed"
        return _row(work, status, work.skip or work.fault)
    try:
        data = work.path.read_bytes()
        sha256 = sha256_bytes(data)
        if earlier is not None and _unchanged(earlier, work, sha256, steps):
            return earlier
        frames = tuple(decode_frames(data, max_pixels=steps.max_pixels))
    except NotAPictureError as error:
        named_as_one = work.path.suffix.lower() in SUFFIXES
        return _row(work, "failed" if named_as_one else "skipped", str(error).rstrip("."))
    except InputError as error:
        return _row(work, "failed", str(error).rstrip("."))
    except OSError as error:
        return _row(work, "failed", f"cannot be read: {error.strerror}")
    inputs = np.stack([network_image(frame, steps.preprocess) for frame in frames])
    seconds = time.monotonic() - started
    return Opened(work=work, sha256=sha256, frames=frames, inputs=inputs, seconds=seconds)


def finish_scan(
    opened: Opened, probabilities: NDArray[np.float32], steps: Steps, network_seconds: float
) -> Row:
    """Write masks and overlays of every frame and return the scan's row, its lesions in full."""
    started = time.monotonic()
    found: list[Row] = []
    masks: list[Row] = []
    trusted: list[float] = []
    for number, (frame, probability) in enumerate(
        zip(opened.frames, probabilities, strict=True), start=1
    ):
        native = native_probability(probability, frame.shape[:2], steps.preprocess)
        mask = lesion_mask(native, steps.chosen.postprocess)
        found += [{"frame": number, **asdict(lesion)} for lesion in lesions(mask, native)]
        place = opened.work.relative, number, len(opened.frames)
        path = steps.layout.mask(*place)
        data = encode_mask(mask)
        write_whole(path, data)
        if steps.overlays:
            write_whole(steps.layout.overlay(*place), encode_overlay(frame, outline(mask)))
        if steps.probabilities:
            write_whole(steps.layout.probability(*place), encode_probability(native))
        if steps.chosen.confidence is not None:
            small = lesion_mask(probability, steps.chosen.postprocess)
            trusted.append(confidence(probability, small, steps.chosen.confidence))
        name = written_name(path.relative_to(steps.layout.out))
        masks.append({"frame": number, "path": name, "sha256": sha256_bytes(data)})
    seconds = opened.seconds + network_seconds + time.monotonic() - started
    return {
        **_row(opened.work, "ok", ""),
        "lesions": found,
        **_trust(trusted, steps.chosen.confidence),
        "sha256": opened.sha256,
        "masks": masks,
        "milliseconds": round(1000 * seconds, 1),
    }


def _trust(trusted: Sequence[float], settings: ConfidenceSettings | None) -> Row:
    """The least trusted frame's confidence counts; null where the weights cannot tell."""
    if settings is None:
        return {"confidence": None, "review": None}
    lowest = min(trusted)
    return {"confidence": round(lowest, 4), "review": lowest < settings.review_below}


def _row(work: Work, status: str, reason: str) -> Row:
    return {"scan": written_name(work.relative), "status": status, "reason": reason}


def _unchanged(earlier: Row, work: Work, sha256: str, steps: Steps) -> bool:
    """Whether an earlier row still holds: the same scan, every mask that it wrote, its overlays."""
    if earlier["status"] != "ok" or earlier["sha256"] != sha256:
        return False
    masks = earlier["masks"]
    for mask in masks:  # the row's own path is written for readers, and may differ from the name
        path = steps.layout.mask(work.relative, mask["frame"], len(masks))
        if not (path.is_file() and sha256_file(path) == mask["sha256"]):
            return False
        overlay = steps.layout.overlay(work.relative, mask["frame"], len(masks))
        if steps.overlays and not overlay.is_file():
            return False
        map_ = steps.layout.probability(work.relative, mask["frame"], len(masks))
        if steps.probabilities and not map_.is_file():
            return False
    return True
