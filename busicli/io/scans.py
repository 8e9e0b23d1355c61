"""Scan files of any format: frames, and the size of pixels if it is known."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from busicli.errors import InputError
from busicli.imaging.cut_short import ends_in_grey, ends_within_a_row
from busicli.imaging.greys import Shown
from busicli.io.bounded import is_bounded_image
from busicli.io.dicom.codestream import may_have_passes
from busicli.io.dicom.read import DicomScan, is_dicom, open_dicom
from busicli.io.images import MAX_PIXELS, NotAnImageError, UnreadKindError, decode_frames
from busicli.types import Image, Region, Scale, Spacing, View

_MORE = b"".join(bytes([*range(64, 128), 0xFF, 0xD0 + number]) for number in range(8))
"""What a JPEG decoder takes for pixels as long as some are missing, with every restart marker."""
_JPEG_PASS = b"\xff\xda"
"""Stands in every TIFF whose strips are JPEG, and by chance in others."""
FramesDecoder = Callable[[bytes], tuple[Shown, ...]]
"""Decodes the frames of a file's bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame of a scan, with what its file says of it."""

    image: Image = field(repr=False)
    """(rows, columns, 3) uint8 RGB."""
    scale: Scale
    """How its pixels become millimetres."""
    tissue: tuple[View, ...] = ()
    """The DICOM header's regions of tissue."""
    certain_greys: bool = True
    """False where its greys or colours had to be guessed."""
    cut_short: bool = False
    """Whether its last rows, or its last details, seem to be missing from the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFile:
    """The content of a scan file."""

    frames: tuple[Image, ...] = field(repr=False)
    """Each (rows, columns, 3) uint8 RGB."""
    certain_greys: bool = True
    """False where the range of greys, or the colour space, of a frame had to be guessed."""
    scale: Scale
    """How pixels become millimetres."""
    tissue: tuple[View, ...] = ()
    """Regions of tissue that a DICOM header describes."""
    dicom: DicomScan | None = field(default=None, repr=False)
    """None for an image that is not DICOM."""
    cut_short: bool = False
    """Whether the last rows of a frame, or its last details, seem to be missing."""

    def frame(self, image: Image) -> Frame:
        """One of its frames with what the file says of it."""
        return Frame(
            image=image,
            scale=self.scale,
            tissue=self.tissue,
            certain_greys=self.certain_greys,
            cut_short=self.cut_short,
        )


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
        images, certain = _images(there(data) if there else scan.frames())
        del scan.header.PixelData  # once more the memory of all frames
        return ScanFile(
            frames=images,
            certain_greys=certain,
            scale=scan.scale,
            tissue=scan.tissue,
            dicom=scan,
            cut_short=scan.is_lossy_jpeg and any(map(ends_in_grey, images)),
        )
    there = elsewhere if elsewhere and not is_bounded_image(data) else None
    decode = there or partial(decode_frames, max_pixels=max_pixels)
    try:
        images, certain = _images(decode(data))
    except NotAnImageError as error:
        if isinstance(error, UnreadKindError) or not data:
            raise
        raise NotAnImageError(
            "is not a scan; give a PNG, JPEG, BMP, TIFF or DICOM ultrasound file."
        ) from error
    scale = Scale(origin="none: the image's spacing was not given")
    if spacing is not None:
        rows, columns = map(int, np.max([image.shape[:2] for image in images], axis=0))
        scale = scale_of_all((rows, columns), spacing, "--pixel-spacing")
    cut_short = any(_is_cut_short(data, image) for image in images)
    return ScanFile(
        frames=images,
        certain_greys=certain,
        scale=scale,
        cut_short=cut_short or _lacks_passes(data, images, decode),
    )


def _is_cut_short(data: bytes, frame: Image) -> bool:
    """Of formats without checksums, whose decoders fill what is missing without a word."""
    if data.startswith(b"\xff\xd8"):
        return ends_in_grey(frame)
    if data.startswith(b"BM"):
        upward = int.from_bytes(data[22:26], "little", signed=True) > 0
        return ends_within_a_row(frame[::-1] if upward else frame)
    if not data.startswith((b"II", b"MM")):
        return False
    return ends_within_a_row(frame) or (_JPEG_PASS in data and ends_in_grey(frame))


def _lacks_passes(
    data: bytes, images: Sequence[Image], decode: Callable[[bytes], Iterable[Shown]]
) -> bool:
    """Whether a JPEG of several passes over its pixels, each with more detail, is cut within one.

    What stands behind it is then taken for more of its pixels; behind a whole image it is not read.
    """
    if not may_have_passes(data):
        return False
    try:
        longer, _ = _images(decode(data[:-2] + _MORE + data[-2:]))
    except InputError:
        return True
    return not all(map(np.array_equal, longer, images))


def _images(frames: Iterable[Shown]) -> tuple[tuple[Image, ...], bool]:
    """The frames' images, and whether all of them are certain."""
    every = tuple(frames)
    return tuple(frame.image for frame in every), all(frame.certain for frame in every)


def decode_one(data: bytes, *, max_pixels: int = MAX_PIXELS) -> ScanFile:
    """As `decode_file`, for a file of one frame; InputError where it has several."""
    scan = decode_file(data, max_pixels=max_pixels)
    if len(scan.frames) > 1:
        raise InputError(
            f"has {len(scan.frames)} frames; one is needed: store each frame in a file of its own."
        )
    return scan


def scale_of_all(shape: tuple[int, int], spacing: Spacing, origin: str) -> Scale:
    """One spacing for a whole scan of `shape` (rows, columns); where the skin is, is unknown."""
    whole = Region(box=(0, 0, *shape), spacing=spacing, begins_at_skin=False)
    return Scale(origin=origin, regions=(whole,))
