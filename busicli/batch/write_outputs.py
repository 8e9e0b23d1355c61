"""The second half of a scan's way: from the network's output to files and a result."""

import errno
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from busicli.batch.dicom_outputs import (
    FrameImage,
    ScanFrames,
    identifiers,
    left_empty,
    object_key,
)
from busicli.batch.load_scan import KeptScan, LoadedScan, ScanSettings, not_segmented
from busicli.batch.outputs import OUTPUTS, Output
from busicli.errors import InputError
from busicli.imaging.polygons import mask_polygons
from busicli.inference.engines import Predictions
from busicli.inference.review import REASONS
from busicli.inference.segmenter import Segmentation
from busicli.io.escaping import percent_escape
from busicli.io.files import atomic_write_unsynced, read_regular, sha256_bytes
from busicli.io.masks import decode_mask
from busicli.io.scan_results import DicomFile, FrameMask, ScanResult
from busicli.types import ClassProbabilities, Scale

DECIMALS = 4
"""Of confidence and class probabilities in results."""
_OF_ITS_NAME = (
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ),
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY),
)
"""Errors of a file system that cannot hold a name, or holds it as something else."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A file to be written."""

    output: Output
    frame: int
    """0 for the whole scan."""
    path: PurePosixPath
    """Below OUT."""
    data: bytes


def write_outputs(
    loaded: LoadedScan, predicted: Predictions, settings: ScanSettings, network_seconds: float
) -> ScanResult:
    """Write all files of a scan and return its result. A scan that fails leaves no file.

    `predicted` holds what the network says of all views of all frames, in their order.
    """
    started = time.monotonic()
    try:
        made = _encoded(loaded, predicted, settings)
        _write(made, settings.out)
    except InputError as error:
        return not_segmented(loaded.entry, "failed", str(error))
    seconds = loaded.seconds + network_seconds + time.monotonic() - started
    result = replace(
        _result(loaded, made.files, made.segmentations),
        milliseconds=round(1000 * seconds, 1),
        shown_whole=_shown_whole(loaded, settings),
    )
    return _with_dicom(result, loaded, made, settings)


def _with_dicom(
    result: ScanResult, loaded: LoadedScan, made: "_Encoded", settings: ScanSettings
) -> ScanResult:
    """The result with what is said of DICOM: objects, patient, assumptions."""
    scan = loaded.dicom
    return replace(
        result,
        identifiers=identifiers(scan) if scan and settings.keep_identifiers else None,
        object_key=object_key(scan) if scan else "",
        assumed=scan.assumed if scan else (),
        dicom=_objects(made.files) if settings.wants_objects else None,
        dicom_left_out=_left_out(loaded, made, settings) if settings.wants_objects else "",
    )


def draw_outputs(kept: KeptScan, settings: ScanSettings) -> ScanResult:
    """Draw the images that a kept result lacks from its masks, and return it."""
    drawn, count, relative = _Encoded([], [], []), len(kept.displayed), kept.entry.relative
    for number, image in enumerate(kept.displayed, start=1):
        path = settings.out / OUTPUTS[0].path(relative, number, count)
        mask = decode_mask(read_regular(path), max_pixels=settings.max_pixels)
        views = kept.result.boxes_of(number)
        for output in kept.lost:
            if output.draw_frame:
                data = output.draw_frame(image, mask, views)
                path_below = output.path(relative, number, count)
                drawn.files.append(_Made(output, number, path_below, data))
    try:
        _write(drawn, settings.out)
    except InputError as error:
        return not_segmented(kept.entry, "failed", str(error))
    return replace(kept.result, files={**kept.result.files, **_hashes(drawn.files)})


@dataclass(frozen=True, slots=True)
class _Encoded:
    """What a scan's files come to."""

    files: list[_Made]
    """Those that are made."""
    segmentations: list[Segmentation]
    """Of every frame, without their maps, which for a long cine would fill the memory."""
    left_out: list[str]
    """Why objects could not be made."""

    def add(
        self, loaded: LoadedScan, output: Output, frame: int, encode: Callable[[], bytes | None]
    ) -> None:
        """Make one file, if there is one; an object that cannot be made has its reason."""
        try:
            data = encode()
        except InputError as error:
            if not output.is_object:
                raise
            self.left_out.append(str(error))
            return
        if data is not None:
            path = output.path(loaded.entry.relative, frame, len(loaded.layouts))
            self.files.append(_Made(output, frame, path, data))


def _encoded(loaded: LoadedScan, predicted: Predictions, settings: ScanSettings) -> _Encoded:
    """Every file of a scan, in the table's order."""
    count = len(loaded.layouts)
    outputs = [out for out in settings.outputs if not out.left_out(loaded.source, count)]
    done = _Encoded([], [], [])
    needs_map = any(output.name == "probabilities" for output in outputs)
    for frame in _frames(loaded, predicted, settings):
        without_map = replace(frame.segmentation, probability=np.zeros((0, 0), np.float32))
        done.segmentations.append(without_map)
        if not needs_map:  # a large one would stand beside what is drawn
            frame = replace(frame, segmentation=without_map)
        for output in outputs:
            done.add(loaded, output, frame.number, partial(output.file_of, frame))
        del frame  # a large one's map must not stand beside the next one's
    whole = ScanFrames(segmentations=done.segmentations, dicom=loaded.source)
    for output in outputs:
        if output.encode_scan:
            done.add(loaded, output, 0, partial(output.encode_scan, whole))
    done.files.sort(key=lambda made: (OUTPUTS.index(made.output), made.frame))
    return done


def _frames(
    loaded: LoadedScan, predicted: Predictions, settings: ScanSettings
) -> Iterator[FrameImage]:
    first = 0
    for number, layout in enumerate(loaded.layouts, start=1):
        own = predicted[first : first + len(layout.views)]
        first += len(layout.views)
        yield FrameImage(
            number=number,
            image=loaded.displayed[number - 1],
            segmentation=settings.segmenter.interpret(own, layout, loaded.scale).of_frame(number),
            dicom=loaded.source,
        )


def _write(made: _Encoded, out: Path) -> None:
    """All of a scan's files, or none; objects whose names are too long are left out.

    Raises InputError where the scan's own name is the obstacle, OSError where any scan would fail.
    """
    written: list[Path] = []
    for file in tuple(made.files):
        try:
            atomic_write_unsynced(out / file.path, file.data)
            written.append(out / file.path)
        except OSError as error:
            if error.errno not in _OF_ITS_NAME:
                raise
            if not file.output.is_object:
                _remove(written)
                raise InputError(f"its results cannot be written: {error.strerror}") from error
            made.files.remove(file)
            made.left_out.append(f"its DICOM results cannot be written: {error.strerror}")


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _result(
    loaded: LoadedScan, files: Sequence[_Made], segmentations: Sequence[Segmentation]
) -> ScanResult:
    certain = [_rounded(found.confidence) for found in segmentations]
    known = [value for value in certain if value is not None]
    reasons = {reason for found in segmentations for reason in found.why_review}
    masks = [made for made in files if made.output.name == "masks"]
    return ScanResult(
        scan=percent_escape(loaded.entry.relative),
        status="ok",
        lesions=tuple(lesion for found in segmentations for lesion in found.lesions),
        confidence=min(known, default=None),
        why_review=tuple(reason for reason in REASONS if reason in reasons),
        class_probabilities=_classes(segmentations),
        views=tuple(view for found in segmentations for view in found.views),
        sha256=loaded.sha256,
        masks=tuple(
            FrameMask(
                frame=made.frame,
                path=percent_escape(made.path),
                sha256=sha256_bytes(made.data),
                confidence=certain[made.frame - 1],
                polygons=mask_polygons(segmentations[made.frame - 1].mask),
            )
            for made in masks
        ),
        files=_hashes(made for made in files if made.output.name != "masks"),
        millimetres=_millimetres(loaded.scale, segmentations),
        regions=loaded.scale.regions,
    )


def _hashes(files: Iterable[_Made]) -> dict[str, str]:
    """SHA-256 of files by their paths below OUT, as results name them."""
    return {percent_escape(made.path): sha256_bytes(made.data) for made in files}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)


def _classes(segmentations: Sequence[Segmentation]) -> ClassProbabilities | None:
    """Those of the frame that is least normal."""
    known = [f.class_probabilities for f in segmentations if f.class_probabilities is not None]
    if not known:
        return None
    least = min(known, key=lambda classes: classes.normal)
    return ClassProbabilities(
        normal=round(least.normal, DECIMALS),
        benign=round(least.benign, DECIMALS),
        malignant=round(least.malignant, DECIMALS),
    )


def _millimetres(scale: Scale, segmentations: Sequence[Segmentation]) -> str:
    """Where millimetres come from or why there are none, and how many lesions have none."""
    lesions = [lesion for found in segmentations for lesion in found.lesions]
    without = sum(lesion.millimetres is None for lesion in lesions)
    if not scale.regions or not without:
        return scale.origin
    return f"{scale.origin}; {without} of {len(lesions)} lesions lie outside of them"


def _shown_whole(loaded: LoadedScan, settings: ScanSettings) -> bool | None:
    if not settings.maker.deidentified:
        return None
    return not (loaded.dicom and loaded.dicom.boxes)


def _objects(files: Sequence[_Made]) -> tuple[DicomFile, ...]:
    return tuple(
        DicomFile(kind=made.output.name, frame=made.frame, path=percent_escape(made.path))
        for made in files
        if made.output.is_object
    )


def _left_out(loaded: LoadedScan, made: _Encoded, settings: ScanSettings) -> str:
    """Why some of the wanted files are not there, or not whole; empty where all are."""
    reasons = [out.left_out(loaded.source, len(loaded.layouts)) for out in settings.outputs]
    reasons += [*made.left_out, left_empty(loaded.source)]
    return "; ".join(dict.fromkeys(filter(None, reasons)))
