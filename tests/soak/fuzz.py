"""Corpora of scans, made by this script, and their mutations: what readers of files are fed."""

import io
import traceback
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image as Pillow
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from busicli.errors import InputError
from busicli.io.masks import find_mask
from busicli.io.scans import decode_file
from tests.dicom_maker import compressed, region, ultrasound

MAX_PIXELS = 4_000_000
GREY = (np.arange(40 * 48).reshape(40, 48) % 251).astype(np.uint8)
COLOUR = np.dstack([GREY, GREY[::-1], np.full_like(GREY, 7)])
EXTREMES = (b"\0", b"\1", b"\x7f", b"\x80", b"\xff", b"\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff")
Corpus = list[bytes]


def _stored(form: str, image: np.ndarray = GREY, mode: str = "", **options: object) -> bytes:
    made = Pillow.fromarray(image)
    buffer = io.BytesIO()
    (made.convert(mode) if mode else made).save(buffer, form, **options)
    return buffer.getvalue()


def _turned() -> Pillow.Exif:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return exif


def png() -> Corpus:
    """Grey, colour, palette, 16 bits, interlaced, animated, with text."""
    wide = GREY.astype(np.uint16) * 200
    second = Pillow.fromarray(GREY[::-1])
    forms = [_stored("PNG", mode=mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")]
    animated = _stored("PNG", save_all=True, append_images=[second])
    return [*forms, _stored("PNG", wide), animated, _stored("PNG", exif=_turned())]


def jpeg() -> Corpus:
    """Grey, colour, CMYK, progressive, turned by EXIF."""
    forms = [_stored("JPEG", COLOUR, mode) for mode in ("L", "RGB", "CMYK")]
    progressive = _stored("JPEG", COLOUR, progressive=True)
    return [*forms, progressive, _stored("JPEG", exif=_turned())]


def bmp() -> Corpus:
    """1, 8, 24 and 32 bits."""
    return [_stored("BMP", mode=mode) for mode in ("1", "L", "P", "RGB", "RGBA")]


def tiff() -> Corpus:
    """Every compression that Pillow writes, floats, several frames."""
    names = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    forms = [_stored("TIFF", COLOUR, compression=name) for name in names]
    frames = _stored("TIFF", save_all=True, append_images=[Pillow.fromarray(GREY[::-1])])
    return [*forms, _stored("TIFF", GREY / np.float32(255)), frames]


def dicom() -> Corpus:
    """Each transfer syntax that is read and can be written here."""
    regions = [region((0, 0, 39, 47), 0.01, 0.01)]
    plain = (DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000)
    baseline = ultrasound(COLOUR, syntax=JPEGBaseline8Bit, photometric="YBR_FULL_422")
    packed = [compressed(ultrasound(COLOUR), syntax) for syntax in (RLELossless, JPEGLSLossless)]
    return [
        ultrasound(GREY, regions=regions),
        ultrasound(np.stack([COLOUR, COLOUR])),
        ultrasound(GREY.astype(np.uint16) * 9, WindowCenter=900, WindowWidth=1200),
        *(ultrasound(GREY, syntax=syntax, regions=regions) for syntax in plain),
        baseline,
        *packed,
    ]


CORPORA: dict[str, Callable[[], Corpus]] = {
    "png": png,
    "jpeg": jpeg,
    "bmp": bmp,
    "tiff": tiff,
    "dicom": dicom,
}


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A few of: bits flipped, extremes written, parts left out, repeated or taken from another."""
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            return other
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
        kind = int(rng.integers(6))
        if kind == 0:
            flipped = data[at] ^ 1 << int(rng.integers(8))
            data = data[:at] + bytes([flipped]) + data[at + 1 :]
        elif kind == 1:
            extreme = EXTREMES[int(rng.integers(len(EXTREMES)))]
            data = data[:at] + extreme + data[at + len(extreme) :]
        elif kind == 2:
            data = data[:at] + data[at + length :]
        elif kind == 3:
            data = data[:at] + data[at : at + length] * int(rng.integers(2, 50)) + data[at:]
        elif kind == 4:
            begin = int(rng.integers(len(other)))
            data = data[:at] + other[begin : begin + length] + data[at + length :]
        else:
            data = data[:at]
    return data


def answer(parts: Sequence[bytes]) -> list[bytes]:
    """In a process of its own: the fault that reading a file as a scan, then as a mask, raised that
    is no refusal; empty where there is none.
    """
    for read in (decode_file, find_mask):
        try:
            read(parts[0], max_pixels=MAX_PIXELS)
        except InputError:
            continue
        except BaseException:
            return [traceback.format_exc().encode()]
    return [b""]
