"""Decoding and encoding of images other than DICOM."""

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from busicli.errors import InputError
from busicli.imaging.arrays import as_rgb, grey_channel
from busicli.imaging.greys import Shown, real_levels, shown, shown_image, unsigned_levels
from busicli.io.kinds import unread_kind, unread_tiff
from busicli.io.pixel_header import PixelHeader, is_page, page_count, pixel_header
from busicli.io.png import encode_scan_png
from busicli.types import Image, Mask, Probability

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
"""Formats that are read. The content decides, not the file's name."""
IMAGE_STARTS = (b"\x89PNG", b"\xff\xd8", b"BM", b"II*\0", b"MM\0*")
"""First bytes of these."""
SUFFIXES = (*(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".dcm", ".dicom"),)
"""A file named so that cannot be read counts as failed, any other as skipped."""
MAX_PIXELS = 50_000_000
"""Of all frames of a scan: one of so many pixels takes less than 1 GB."""
YELLOW = (255, 213, 0)
GREEN = (0, 158, 115)
"""Bluish green of Okabe and Ito: colour-blind eyes distinguish it from yellow."""
_GREYS_AND_LINES = bytes([*np.repeat(np.arange(254, dtype=np.uint8), 3), *GREEN, *YELLOW])


class NotAnImageError(InputError):
    """The bytes are in no format that busicli reads."""


class UnreadKindError(NotAnImageError):
    """The file is of a kind that is known but not read."""

    @classmethod
    def of(cls, kind: str) -> Self:
        """The error for a kind with its article, such as `a GIF image`."""
        return cls(f"is {kind}, which is not read; store it as PNG or TIFF of 8 or 16 bits.")


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
_FEWEST_LEVELS = 16
"""Of colours of 16 bits, of which Pillow reads the upper 8."""


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

    EXIF rotation is applied, transparency is dropped, greys of other depths are scaled to 8 bits.
    Raises InputError for anything that is not an image of FORMATS, is damaged, or has several
    frames or more than `max_pixels` pixels. The number of pixels is checked before decoding.
    """
    return _shown(_only_page(data, max_pixels)).image


def decode_frames(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Iterator[Shown]:
    """Each frame of a file's bytes, decoded as in `decode_scan`, and whether its greys are certain.

    Thumbnails and masks among the pages of a TIFF are no frames, nor is the second image of a
    JPEG.
    """
    return map(_shown, _pages(data, max_pixels))


def encode_mask(mask: Mask) -> bytes:
    """A mask as PNG with one byte per pixel, 0 or 255."""
    return _png(Pillow.fromarray(mask.astype(np.uint8) * np.uint8(255)), level=1)


def encode_bitmap(mask: Mask) -> bytes:
    """A mask as PNG with one bit per pixel, like those of BUSI and BUS-BRA."""
    return _png(Pillow.fromarray(mask), level=1)


def encode_probability(probability: Probability) -> bytes:
    """A probability map as 16-bit PNG: 65535 is a probability of 1."""
    return _png(Pillow.fromarray(np.rint(probability * 65535).astype(np.uint16)), level=1)


def draw_contour(scan: Image, contour: Mask, outline: Mask | None = None) -> Image:
    """A copy of the scan, the outline of what was looked at in green, the contour in yellow."""
    image = np.array(scan, order="C")
    if outline is not None:
        image[outline] = GREEN
    image[contour] = YELLOW
    return image


def encode_image(image: Image) -> bytes:
    """A (rows, columns, 3) image as PNG."""
    return _png(Pillow.fromarray(image), level=6)


def encode_bare(scan: Image) -> bytes:
    """The scan alone as PNG; a grey one has one channel.

    Without loss, for reviewed masks are trained on with it, and overlays are drawn from it again.
    Colours mostly repeat a grey, which only a search for repeats packs well.
    """
    grey = grey_channel(scan)
    return _png(Pillow.fromarray(scan), level=1) if grey is None else encode_scan_png(grey)


def encode_overlay(scan: Image, contour: Mask, outline: Mask) -> bytes:
    """The scan as `draw_contour` draws it, as PNG.

    A grey scan becomes a palette image, a third of the bytes. Its brightest greys, 254 and 255,
    become 253 to make room for the colours.
    """
    grey = grey_channel(scan)
    if grey is None:
        return encode_scan_png(draw_contour(scan, contour, outline))
    indices = np.minimum(grey, 253)
    np.copyto(indices, 254, where=outline)
    np.copyto(indices, 255, where=contour)
    return encode_scan_png(indices, palette=_GREYS_AND_LINES)


def encode_jpeg(image: Image) -> bytes:
    """A small image as JPEG without chroma subsampling, so that thin lines stay sharp."""
    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "JPEG", quality=80, subsampling=0)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class _Page:
    image: Pillow.Image
    header: PixelHeader


def _pages(data: bytes, max_pixels: int) -> Iterator[_Page]:
    with _opened(data) as image:
        with _decoding():
            count = page_count(image)
        check_pixels(image.width * image.height, max_pixels, frames=count)
        pixels = 0
        for number in range(count):  # a later frame may be larger than the first
            if not _is_page(image, number, count):
                continue
            pixels += image.width * image.height
            check_pixels(pixels, max_pixels)
            with _decoding():
                page = _Page(ImageOps.exif_transpose(image), pixel_header(image, data))
            yield page
        if not pixels:
            raise InputError("holds thumbnails or masks only; export it again with its image.")


def _is_page(image: Pillow.Image, number: int, count: int) -> bool:
    """Turn to a page; whether it is a frame. A page that is no frame may be of any kind."""
    with _decoding():
        try:
            image.seek(number)
        except (OSError, SyntaxError, ValueError, KeyError):
            if is_page(image):
                raise
    return count == 1 or is_page(image)


def _only_page(data: bytes, max_pixels: int) -> _Page:
    pages = list(_pages(data, max_pixels))
    if len(pages) != 1:
        raise InputError(
            f"has {len(pages)} frames; one is needed: store each frame in a file of its own."
        )
    return pages[0]


def only_image(data: bytes, max_pixels: int) -> Pillow.Image:
    """The one image in a file's bytes; raises InputError as `decode_scan` does."""
    return _only_page(data, max_pixels).image


def _opened(data: bytes) -> Pillow.Image:
    if unread := unread_tiff(data):  # some of them Pillow opens and reads wrongly
        raise UnreadKindError.of(unread)
    try:
        return Pillow.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # headers raise all kinds of errors, as damaged bytes do
        if not data:
            raise NotAnImageError("is empty; copy it again from its source.") from None
        if unread := unread_kind(data):
            raise UnreadKindError.of(unread) from error
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
    """An image of 8 bits a sample as (rows, columns, 3) uint8 RGB, one channel where it is grey."""
    if image.mode in ("L", "1"):
        return as_rgb(np.asarray(image.convert("L")))
    if image.mode == "La":  # Pillow converts it in two steps only
        image = image.convert("LA")
    colours = np.asarray(image.convert("RGB"))
    grey = grey_channel(colours)
    return colours if grey is None else as_rgb(grey.copy())


def _shown(page: _Page) -> Shown:
    """A page as a viewer shows it."""
    image, header = page.image, page.header
    if not image.mode.startswith(WIDE):
        colours = rgb(image)
        if header.room > 8 and int(colours.max(initial=0)) < _FEWEST_LEVELS:
            raise InputError(
                f"holds colours of {header.room} bits that fill less than a sixteenth of their "
                "range; store it with 8 bits."
            )
        return shown_image(colours)
    values = np.asarray(image)
    whole = values.dtype.kind in "ui" and int(values.min(initial=0)) >= 0
    if whole and int(values.max(initial=0)) < 2**16:
        levels, certain = unsigned_levels(values, header.stated, header.room)
    else:
        levels, certain = real_levels(values)
    return shown(255 - levels if header.white_is_zero else levels, certain=certain)


def _png(image: Pillow.Image, *, level: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()
