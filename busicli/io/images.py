"""Decoding and encoding of images other than DICOM."""

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from busicli.errors import InputError
from busicli.imaging.arrays import as_rgb, grey_channel
from busicli.io.kinds import unread_kind, unread_tiff
from busicli.io.png import encode_scan_png
from busicli.types import Image, Mask, Probability

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
"""Formats that are read. The content decides, not the file's name."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".dcm", ".dicom")
"""A file named so that cannot be read counts as failed, any other as skipped."""
MAX_PIXELS = 100_000_000
YELLOW = (255, 213, 0)
_GREYS_AND_YELLOW = bytes(np.repeat(np.arange(255, dtype=np.uint8), 3)) + bytes(YELLOW)


class NotAnImageError(InputError):
    """The bytes are in no format that busicli reads."""


class UnreadKindError(NotAnImageError):
    """The file is of a kind that is known but not read."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"is {kind}, which is not read; store it as PNG or TIFF of 8 or 16 bits.")


class TooManyPixelsError(InputError):
    """The file has more pixels or frames than the caller allows."""

    def __init__(self, message: str, pixels: int, frames: int) -> None:
        """`pixels` are those of one of `frames` frames."""
        super().__init__(message, pixels, frames)
        self.pixels, self.frames = pixels, frames

    def __str__(self) -> str:
        return str(self.args[0])


Pillow.MAX_IMAGE_PIXELS = None  # check_pixels runs first and has a message of its own
_BYTES_A_PIXEL = 8
_BYTES_BESIDE = 64 * 2**20
"""No format needs more bytes per pixel, or more for everything else."""
_SMALLEST_FRAME = 256 * 256
"""Least number of pixels that each of several frames counts as: about the size of the network's
input, however small the frame is.
"""
WIDE = ("I", "F")
"""First letters of Pillow's modes of more than 8 bits."""


def read_scan(path: Path, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """A file's bytes.

    Raises NotAnImageError, before anything is read, if it is not a regular file (a pipe may never
    end) or is larger than a scan of `max_pixels` pixels can be (a film, an archive); OSError if it
    cannot be read.
    """
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise NotAnImageError("is a pipe, socket or device; give a regular file.")
    most = _BYTES_A_PIXEL * max_pixels + _BYTES_BESIDE
    with path.open("rb") as file:
        data = file.read(most + 1) if found.st_size <= most else b""
    if max(found.st_size, len(data)) > most:
        raise NotAnImageError(
            f"has {found.st_size:,} bytes, more than a scan of {max_pixels:,} pixels can need."
        )
    return data


def decode_scan(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """The one image in a file's bytes as (rows, columns, 3) uint8 RGB.

    EXIF rotation is applied, transparency is dropped, 16-bit and float greys are scaled to 8 bits.
    Raises InputError for anything that is not an image of FORMATS, is damaged, or has several
    frames or more than `max_pixels` pixels. The number of pixels is checked before decoding.
    """
    return rgb(only_image(data, max_pixels))


def decode_frames(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Iterator[Image]:
    """Each frame of a file's bytes, decoded as in `decode_scan`."""
    return map(rgb, _images(data, max_pixels))


def encode_mask(mask: Mask) -> bytes:
    """A mask as PNG with one byte per pixel, 0 or 255."""
    return _png(Pillow.fromarray(mask.astype(np.uint8) * np.uint8(255)), level=1)


def encode_bitmap(mask: Mask) -> bytes:
    """A mask as PNG with one bit per pixel, like those of BUSI and BUS-BRA."""
    return _png(Pillow.fromarray(mask), level=1)


def encode_probability(probability: Probability) -> bytes:
    """A probability map as 16-bit PNG: 65535 is a probability of 1."""
    return _png(Pillow.fromarray(np.rint(probability * 65535).astype(np.uint16)), level=1)


def draw_contour(scan: Image, contour: Mask) -> Image:
    """A copy of the scan with the contour's pixels in yellow."""
    image = scan.copy()
    image[contour] = YELLOW
    return image


def encode_image(image: Image) -> bytes:
    """A (rows, columns, 3) image as PNG."""
    return _png(Pillow.fromarray(image), level=6)


def encode_bare(scan: Image) -> bytes:
    """The scan alone as PNG, without loss; a grey one has one channel."""
    grey = grey_channel(scan)
    return _png(Pillow.fromarray(scan if grey is None else np.ascontiguousarray(grey)), level=1)


def encode_overlay(scan: Image, contour: Mask) -> bytes:
    """The scan with the contour's pixels in yellow, as PNG.

    A grey scan becomes a palette image, a third of the bytes. Its brightest grey, 255, becomes 254
    to make room for the colour.
    """
    grey = grey_channel(scan)
    if grey is None:
        return encode_scan_png(draw_contour(scan, contour))
    indices = np.minimum(grey, 254)
    indices[contour] = 255
    return encode_scan_png(indices, palette=_GREYS_AND_YELLOW)


def encode_jpeg(image: Image) -> bytes:
    """A small image as JPEG without chroma subsampling, so that thin lines stay sharp."""
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "JPEG", quality=80, subsampling=0)
    return buffer.getvalue()


def _images(data: bytes, max_pixels: int) -> Iterator[Pillow.Image]:
    with _opened(data) as image:
        with _decoding():
            frames = getattr(image, "n_frames", 1)
        check_pixels(image.width * image.height, max_pixels, frames=frames)
        pixels = 0
        for number in range(frames):  # a later frame may be larger than the first
            with _decoding():
                image.seek(number)
            pixels += image.width * image.height
            check_pixels(pixels, max_pixels)
            with _decoding():
                frame = ImageOps.exif_transpose(image)
            yield frame


def only_image(data: bytes, max_pixels: int) -> Pillow.Image:
    """The one image in a file's bytes; raises InputError as `decode_scan` does."""
    images = list(_images(data, max_pixels))
    if len(images) > 1:
        raise InputError(
            f"has {len(images)} frames; one is needed: store each frame in a file of its own."
        )
    return images[0]


def _opened(data: bytes) -> Pillow.Image:
    if unread := unread_tiff(data):  # some of them Pillow opens and reads wrongly
        raise UnreadKindError(unread)
    try:
        return Pillow.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # headers raise all kinds of errors, as damaged bytes do
        if not data:
            raise NotAnImageError("is empty; copy it again from its source.") from None
        if unread := unread_kind(data):
            raise UnreadKindError(unread) from error
        raise NotAnImageError("is not an image; give a PNG, JPEG, BMP or TIFF file.") from error


NO_MEMORY = "needs more memory than is free; use fewer --jobs or a smaller --max-pixels."


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise InputError(NO_MEMORY) from error
    except Exception as error:  # decoders raise all kinds of errors on damaged bytes
        raise InputError("is damaged or cut short; copy it again from its source.") from error


def check_pixels(pixels: int, max_pixels: int, *, frames: int = 1) -> None:
    """Raise TooManyPixelsError if `frames` frames of `pixels` pixels are more than allowed."""
    if pixels * frames > max_pixels:
        raise TooManyPixelsError(
            f"has {pixels * frames:,} pixels; at most {max_pixels:,} are decoded.", pixels, frames
        )
    most = max(max_pixels, MAX_PIXELS) // _SMALLEST_FRAME
    if frames > most:
        message = f"has {frames:,} frames; at most {most:,} are decoded."
        raise TooManyPixelsError(message, pixels, frames)


def rgb(image: Pillow.Image) -> Image:
    """An image of any mode as (rows, columns, 3) uint8 RGB; greys as in `decode_scan`."""
    if image.mode.startswith(WIDE):
        return as_rgb(_to_uint8(np.asarray(image)))
    if image.mode == "L":
        return as_rgb(np.asarray(image))
    colours = np.asarray(image.convert("RGB"))
    grey = grey_channel(colours)
    return colours if grey is None else as_rgb(grey.copy())


def _to_uint8(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16-bit greys scaled by 255 / 65535, floats in [0, 1] by 255, others to their own range."""
    if values.dtype == np.uint16:  # by a table: a large scan as floats would fill the memory
        table: NDArray[np.uint8] = np.round(np.arange(65536) * (255 / 65535)).astype(np.uint8)
        greys: NDArray[np.uint8] = table[values]
        return greys
    floats = values.astype(np.float64)
    if not np.isfinite(floats).all():
        raise InputError("holds NaN or infinite values; store it with finite greys.")
    low, high = float(floats.min()), float(floats.max())
    if low >= 0 and values.dtype.kind in "ui" and high <= 65535:
        floats *= 255 / 65535
    elif low >= 0 and high <= 1:
        floats *= 255
    else:
        floats = (floats - low) * (255 / (high - low or 1))
    return np.round(floats, out=floats).astype(np.uint8)


def _png(image: Pillow.Image, *, level: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()
