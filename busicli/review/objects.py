"""DICOM objects of reviewed scans: made again, so that they say who verified what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from busicli.batch.dicom_outputs import (
    DicomSource,
    FrameImage,
    ScanFrames,
    dicom_source,
    displayed_frames,
    run_maker,
)
from busicli.batch.outputs import Output, wanted_outputs
from busicli.errors import InputError
from busicli.inference.segmenter import Segmentation
from busicli.io.escaping import percent_escape
from busicli.io.files import atomic_write, sha256_bytes
from busicli.io.images import read_scan
from busicli.io.run_record import RunSettings
from busicli.io.scan_results import DicomFile, ScanResult
from busicli.io.scans import ScanFile, decode_file
from busicli.types import Mask

REJECTED = "a person rejected the scan"
NOT_FOUND = "the scan was not found for its review; name its folder with --scans"


@dataclass(frozen=True, slots=True)
class ReviewedObjects:
    """How DICOM objects of reviewed scans are made again."""

    out: Path
    settings: RunSettings
    scans: Path | None
    """Folder of the scans; None where nobody knows it."""

    def renew(
        self, result: ScanResult, relative: PurePosixPath, masks: Sequence[Mask]
    ) -> ScanResult:
        """Write the objects of a reviewed scan that had some, from its masks as reviewed.

        A rejected scan has none any more. Objects that cannot be made again are removed too, as
        they would contradict the mask; the result says why.
        """
        if not result.dicom or result.reviewed is None:
            return result
        for made in result.dicom:
            for output in self._wanted(made.kind):
                path = output.path(relative, made.frame, len(result.masks))
                (self.out / path).unlink(missing_ok=True)
        if result.reviewed.decision == "rejected":
            return replace(result, dicom=(), dicom_left_out=REJECTED)
        try:
            return self._written(result, relative, masks)
        except InputError as error:
            return replace(result, dicom=(), dicom_left_out=str(error).rstrip("."))

    def _wanted(self, kind: str) -> list[Output]:
        return [out for out in wanted_outputs(self.settings.outputs) if out.name == kind]

    def _written(
        self, result: ScanResult, relative: PurePosixPath, masks: Sequence[Mask]
    ) -> ScanResult:
        scan = self._scan(result, relative)
        maker = replace(run_maker(self.settings), reviewed=result.reviewed)
        if scan.dicom is None:
            raise InputError(NOT_FOUND)
        source = dicom_source(scan.dicom, maker, result.sha256)
        images = displayed_frames(scan.dicom, scan.frames, deidentify=maker.deidentified)
        segmented = [_segmentation(result, n, mask) for n, mask in enumerate(masks, start=1)]
        made: list[DicomFile] = []
        for output in wanted_outputs(self.settings.outputs):
            if not output.is_object or output.left_out(source, len(masks)):
                continue
            for number, data in _encoded(output, source, segmented, images):
                path = output.path(relative, number, len(masks))
                atomic_write(self.out / path, data)
                made.append(DicomFile(kind=output.name, frame=number, path=percent_escape(path)))
        return replace(result, dicom=tuple(made))

    def _scan(self, result: ScanResult, relative: PurePosixPath) -> ScanFile:
        path = self.scans / relative if self.scans else None
        if path is None or not path.is_file():
            raise InputError(NOT_FOUND)
        data = read_scan(path, max_pixels=self.settings.max_pixels)
        if sha256_bytes(data) != result.sha256:
            raise InputError("the scan has changed since; run segment-dir again")
        return decode_file(data, max_pixels=self.settings.max_pixels)


def _encoded(
    output: Output,
    source: DicomSource,
    segmented: Sequence[Segmentation],
    images: Sequence[np.ndarray],
) -> list[tuple[int, bytes]]:
    """Each object of a kind, with its frame, or 0 for the whole scan."""
    if output.encode_scan:
        return [(0, output.encode_scan(ScanFrames(segmentations=segmented, dicom=source)))]
    frames = (
        FrameImage(number=number, image=image, segmentation=found, dicom=source)
        for number, (image, found) in enumerate(zip(images, segmented, strict=True), start=1)
    )
    encoded = ((frame.number, output.file_of(frame)) for frame in frames)
    return [(number, data) for number, data in encoded if data is not None]


def _segmentation(result: ScanResult, frame: int, mask: Mask) -> Segmentation:
    return Segmentation(
        mask=mask,
        probability=np.zeros((0, 0), np.float32),
        lesions=tuple(lesion for lesion in result.lesions if lesion.frame == frame),
    )
