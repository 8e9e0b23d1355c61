"""Scan files of any format: frames, and the size of pixels if it is known."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from busicli.io.bounded import is_bounded_image
from busicli.io.dicom.read import DicomScan, is_dicom, open_dicom
from busicli.io.images import MAX_PIXELS, NotAnImageError, UnreadKindError, decode_frames
from busicli.types import Image, Region, Scale, Spacing, View

FramesDecoder = Callable[[bytes], tuple[Image, ...]]
"""Decodes the frames of a file's bytes, each (rows, columns, 3) uint8 RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFile:
    """The content of a scan file."""

    frames: tuple[Image, ...] = field(repr=False)
    """Each (rows, columns, 3) uint8 RGB."""
    scale: Scale
    """How pixels become millimetres."""
    tissue: tuple[View, ...] = ()
    """Regions of tissue that a DICOM header describes."""
    dicom: DicomScan | None = field(default=None, repr=False)
    """None for an image that is not DICOM."""


def decode_file(
    data: bytes,
    *,
    spacing: Spacing | None = None,
    max_pixels: int = MAX_PIXELS,
    elsewhere: FramesDecoder | None = None,
) -> ScanFile:
    """The scans in a file's bytes, whose content decides the format.

    `spacing` is for images; a DICOM object has its own. `elsewhere` decodes the frames of files
    whose costs nothing bounds; without it they are decoded here. Raises NotAnImageError,
    NotUltrasoundError or InputError, whose messages continue after the file's name.
    """
    if is_dicom(data):
        scan = open_dicom(data, max_pixels=max_pixels)
        there = elsewhere if elsewhere and not scan.is_bounded else None
        frames = there(data) if there else tuple(scan.frames())
        return ScanFile(frames=frames, scale=scan.scale, tissue=scan.tissue, dicom=scan)
    try:
        there = elsewhere if elsewhere and not is_bounded_image(data) else None
        frames = there(data) if there else tuple(decode_frames(data, max_pixels=max_pixels))
    except NotAnImageError as error:
        if isinstance(error, UnreadKindError) or not data:
            raise
        raise NotAnImageError(
            "is not a scan; give a PNG, JPEG, BMP, TIFF or DICOM ultrasound file."
        ) from error
    if spacing is None:
        return ScanFile(
            frames=frames, scale=Scale(origin="none: the image's spacing was not given")
        )
    rows, columns = map(int, np.max([frame.shape[:2] for frame in frames], axis=0))
    return ScanFile(frames=frames, scale=scale_of_all((rows, columns), spacing, "--pixel-spacing"))


def scale_of_all(shape: tuple[int, int], spacing: Spacing, origin: str) -> Scale:
    """One spacing for a whole scan of `shape` (rows, columns); where the skin is, is unknown."""
    whole = Region(box=(0, 0, *shape), spacing=spacing, begins_at_skin=False)
    return Scale(origin=origin, regions=(whole,))
