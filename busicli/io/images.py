"""Images to arrays of pixels, and back: all decoding and encoding but DICOM's."""

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
from busicli.types import Image, Mask, Probability

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
"""Every other format is refused, whatever the file is called."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".dcm", ".dicom")
"""A file called so that is no scan has failed; any other is passed over."""
MAX_PIXELS = 100_000_000
YELLOW = (255, 213, 0)


class NotAnImageError(InputError):
    """The bytes are of no format that busicli reads."""


class TooManyPixelsError(InputError):
    """There are more pixels or frames than the caller wants decoded."""


Pillow.MAX_IMAGE_PIXELS = (
    None  # the check below comes first, and refuses with a sentence of its own
)
_BYTES_A_PIXEL = 8
_BYTES_BESIDE = 64 * 2**20
"""No format spends more bytes on a pixel, nor more on all that is no pixel."""
_SMALLEST_FRAME = 256 * 256
"""Pixels that each of several frames counts as at least: the network's own image of it is about
so large, however small it is.
"""
WIDE = ("I", "F")
"""First letters of Pillow's modes of more than 8 bits."""


def read_scan(path: Path, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """A file's bytes.

    Raises NotAnImageError, before anything is read, where it is no regular file (a pipe may never
    end) or larger than a scan of `max_pixels` pixels could be (a film or an archive beside the
    scans); OSError where it cannot be read.
    """
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise NotAnImageError("is a pipe, socket or device; a regular file is needed.")
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

    Rotation noted by a camera is applied, transparency is dropped, 16-bit and float greys are
    scaled to 8 bits. Raises InputError for anything that is no image of FORMATS, is damaged, has
    several frames or more than `max_pixels` pixels; nothing is decoded before that check.
    """
    return rgb(only_image(data, max_pixels))


def decode_frames(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Iterator[Image]:
    """Each frame of a file's bytes, as `decode_scan` gives one."""
    return map(rgb, _images(data, max_pixels))


def encode_mask(mask: Mask) -> bytes:
    """A mask as a PNG of one byte a pixel, 0 or 255."""
    return _png(Pillow.fromarray(mask.astype(np.uint8) * np.uint8(255)), level=1)


def encode_bitmap(mask: Mask) -> bytes:
    """A mask as a PNG of one bit a pixel, as BUSI and BUS-BRA store theirs."""
    return _png(Pillow.fromarray(mask), level=1)


def encode_probability(probability: Probability) -> bytes:
    """A map as a PNG of 16 bits a pixel: 65535 is a probability of 1."""
    return _png(Pillow.fromarray(np.rint(probability * 65535).astype(np.uint16)), level=1)


def draw_contour(scan: Image, contour: Mask) -> Image:
    """The scan with the contour's pixels in yellow; the given one stays."""
    image = scan.copy()
    image[contour] = YELLOW
    return image


def encode_image(image: Image) -> bytes:
    """A (rows, columns, 3) image as PNG."""
    return _png(Pillow.fromarray(image), level=6)


def encode_overlay(scan: Image, contour: Mask) -> bytes:
    """The scan with the contour's pixels in yellow, as PNG.

    A grey scan becomes a palette image, a seventh of the encoding time of RGB; its brightest
    grey, 255, is shown as 254 to make room for the colour.
    """
    grey = grey_channel(scan)
    if grey is None:
        return _png(Pillow.fromarray(draw_contour(scan, contour)), level=1)
    indices = np.minimum(grey, 254)
    indices[contour] = 255
    image = Pillow.fromarray(indices)
    image.putpalette(bytes(np.repeat(np.arange(255, dtype=np.uint8), 3)) + bytes(YELLOW))
    return _png(image, level=1)


def encode_jpeg(image: Image) -> bytes:
    """A small image as JPEG: colours are kept at every pixel, so that thin lines stay sharp."""
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
    """The one image in a file's bytes; InputError as `decode_scan` raises it."""
    images = list(_images(data, max_pixels))
    if len(images) > 1:
        raise InputError(f"holds {len(images)} frames; one was needed: store each in a file.")
    return images[0]


def _opened(data: bytes) -> Pillow.Image:
    try:
        return Pillow.open(io.BytesIO(data), formats=FORMATS)
    except (OSError, ValueError, SyntaxError, EOFError, Pillow.DecompressionBombError) as error:
        raise NotAnImageError("is no image; PNG, JPEG, BMP or TIFF is needed.") from error


NO_MEMORY = "needs more memory than is free; have fewer --jobs, or a smaller --max-pixels."


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise InputError(NO_MEMORY) from error
    except Exception as error:  # decoders raise whatever they like on damaged bytes
        raise InputError("is damaged or cut short; copy it again from its source.") from error


def check_pixels(pixels: int, max_pixels: int, *, frames: int = 1) -> None:
    """InputError where `frames` of so many pixels each are not to be decoded."""
    if pixels * frames > max_pixels:
        raise TooManyPixelsError(
            f"has {pixels * frames:,} pixels; at most {max_pixels:,} are decoded."
        )
    most = max(max_pixels, MAX_PIXELS) // _SMALLEST_FRAME
    if frames > most:
        raise TooManyPixelsError(f"has {frames:,} frames; at most {most:,} are decoded.")


def rgb(image: Pillow.Image) -> Image:
    """An image of any mode as (rows, columns, 3) uint8, as `decode_scan` tells."""
    if image.mode.startswith(WIDE):
        return as_rgb(_to_uint8(np.asarray(image)))
    if image.mode == "L":
        return as_rgb(np.asarray(image))
    colours = np.asarray(image.convert("RGB"))
    grey = grey_channel(colours)
    return colours if grey is None else as_rgb(grey.copy())


def _to_uint8(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16-bit greys scaled by 255 / 65535; floats in [0, 1] by 255; others by their own range."""
    if values.dtype == np.uint16:  # by a table: floats of a large scan would fill the memory
        table: NDArray[np.uint8] = np.round(np.arange(65536) * (255 / 65535)).astype(np.uint8)
        greys: NDArray[np.uint8] = table[values]
        return greys
    floats = values.astype(np.float64)
    if not np.isfinite(floats).all():
        raise InputError("holds values that are no numbers; store it with finite greys.")
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
