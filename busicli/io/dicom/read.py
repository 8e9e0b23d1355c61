"""DICOM ultrasound objects: checked from the header, then decoded frame by frame."""

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.imaging.arrays import as_rgb
from busicli.io.dicom import lossless
from busicli.io.dicom.codestream import image_size, is_plain_jpeg
from busicli.io.dicom.description import complete_description
from busicli.io.dicom.file_start import data_start
from busicli.io.dicom.header import DEFLATED, read_header
from busicli.io.dicom.regions import Box, boxes_of, scale_of, tissue_of
from busicli.io.images import NO_MEMORY, check_pixels
from busicli.types import Image, Scale

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_BITS = 16
ULTRASOUND = "US"
"""The modality; secondary captures of ultrasound have it too."""
_ULTRASOUND_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.3.1",
    "1.2.840.10008.5.1.4.1.1.6",  # retired forms of the two above
    "1.2.840.10008.5.1.4.1.1.3",
)
_DIRECTORY = "1.2.840.10008.1.3.10"
_DECODERS = {
    "1.2.840.10008.1.2.4.50": "pillow",  # JPEG baseline
    "1.2.840.10008.1.2.4.51": "pillow",  # JPEG extended
    "1.2.840.10008.1.2.4.57": lossless.NAME,
    "1.2.840.10008.1.2.4.70": lossless.NAME,
    "1.2.840.10008.1.2.4.80": "pyjpegls",  # JPEG-LS
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pillow",  # JPEG 2000
    "1.2.840.10008.1.2.4.91": "pillow",
    "1.2.840.10008.1.2.5": "pydicom",  # RLE
}
"""Compressed transfer syntaxes that are read, with the name of pydicom's decoder."""
_RUN_LENGTHS = "1.2.840.10008.1.2.5"
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_UNREADABLE = "is damaged or cut short; copy it again from its source."


class NotUltrasoundError(InputError):
    """A DICOM object of another kind, which is skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomScan:
    """An ultrasound object whose header has been checked."""

    header: "Dataset"
    """With the pixels as stored."""
    scale: Scale
    boxes: tuple[Box, ...]
    """Ultrasound regions according to the header."""
    tissue: tuple[Box, ...]
    """Those of tissue in two dimensions."""
    says_no_text: bool
    """Whether the header says that no text is burned into the pixels."""
    assumed: tuple[str, ...]
    """What its header does not say of its pixels, or says wrongly, as it was read."""

    @property
    def is_bounded(self) -> bool:
        """Whether decoding costs what its pixels cost: of others, a few bytes may take hours."""
        from pydicom.encaps import generate_frames

        with reading():
            header = self.header
            syntax = header.file_meta.TransferSyntaxUID
            if syntax not in _DECODERS or syntax != _JPEG_BASELINE:
                return syntax not in _DECODERS
            streams = generate_frames(header.PixelData, number_of_frames=frame_count(header))
            pixels = int(header.Rows) * int(header.Columns)
            return all(is_plain_jpeg(stream, max_pixels=pixels) for stream in streams)

    def frames(self) -> Iterator[Image]:
        """Each frame as (rows, columns, 3) uint8 RGB, in order; InputError if one is damaged."""
        with reading():
            yield from _decoded(self.header)


def is_dicom(data: bytes) -> bool:
    """Whether a file's bytes begin like DICOM, whatever its name, with a preamble or without."""
    return data_start(data) is not None


def open_dicom(data: bytes, *, max_pixels: int) -> DicomScan:
    """An ultrasound object from a file's bytes; no pixel is decoded.

    Raises NotUltrasoundError for objects of other kinds, and InputError for damaged or unreadable
    ones and if all frames together have more than `max_pixels` pixels.
    """
    _quieten()
    with reading():
        header = read_header(data)
        _check_kind(header)
        _check_has_pixels(header)
        assumed = complete_description(header)
        _check_pixel_description(header, max_pixels)
        _check_codestreams(header)
        return DicomScan(
            header=header,
            scale=scale_of(header),
            boxes=boxes_of(header),
            tissue=tissue_of(header),
            says_no_text=header.get("BurnedInAnnotation") == "NO",
            assumed=assumed,
        )


def frame_count(header: "Dataset") -> int:
    """Number of frames in the header, at least 1."""
    return int(header.get("NumberOfFrames") or 1)


def _check_kind(header: "Dataset") -> None:
    from pydicom.uid import UID

    kind = UID(str(header.file_meta.get("MediaStorageSOPClassUID", "")))
    if kind == _DIRECTORY:
        raise NotUltrasoundError("is a DICOM directory, not a scan.")
    kind = UID(str(header.get("SOPClassUID", kind)))
    if kind not in _ULTRASOUND_CLASSES and header.get("Modality") != ULTRASOUND:
        known = kind.name if kind.name != str(kind) else "unknown kind"  # never text of the file
        raise NotUltrasoundError(f"is a DICOM object but not an ultrasound scan: {known}.")


def _check_has_pixels(header: "Dataset") -> None:
    if "PixelData" not in header:
        raise InputError(
            "is encrypted; decrypt it first."
            if "EncryptedAttributesSequence" in header
            else "holds no pixels; export it again with its image."
        )


def _check_pixel_description(header: "Dataset", max_pixels: int) -> None:
    rows, columns = int(header.Rows), int(header.Columns)
    frames = frame_count(header)
    if min(rows, columns, frames) < 1:
        raise InputError(
            f"has {rows} rows, {columns} columns and {frames} frames in its header; "
            "export it again."
        )
    check_pixels(rows * columns, max_pixels, frames=frames)
    bits = int(header.BitsStored)
    if not 1 <= bits <= MAX_BITS:
        raise InputError(f"has {bits} bits per sample; export it with 1 to {MAX_BITS}.")
    syntax = header.file_meta.TransferSyntaxUID
    if not syntax.is_transfer_syntax or syntax.is_private:
        raise InputError(
            "has a transfer syntax that busicli does not know; export it uncompressed."
        )
    if syntax.is_compressed and syntax != DEFLATED and syntax not in _DECODERS:
        raise InputError(f"is stored as {syntax.name}, which is not read; export it uncompressed.")
    if header.PhotometricInterpretation == "PALETTE COLOR" and not _has_palette(header):
        raise InputError("has palette colours but no palette; export it as RGB.")


def _has_palette(header: "Dataset") -> bool:
    colours = ("Red", "Green", "Blue")
    return all(
        f"{colour}PaletteColorLookupTable{part}" in header
        for colour in colours
        for part in ("Descriptor", "Data")
    ) or all(f"Segmented{colour}PaletteColorLookupTableData" in header for colour in colours)


def _check_codestreams(header: "Dataset") -> None:
    """Refuse, before decoding, compressed frames whose size differs from the header's."""
    from pydicom.encaps import generate_frames

    syntax = header.file_meta.TransferSyntaxUID
    if syntax not in _DECODERS:
        return
    size = int(header.Rows), int(header.Columns), int(header.SamplesPerPixel)
    depth = size[2] * -(-int(header.BitsAllocated) // 8)
    if _DECODERS[syntax] == lossless.NAME and depth > size[2]:
        raise InputError(
            "is lossless JPEG of more than 8 bits, which is not read; export it uncompressed."
        )
    for frame in generate_frames(header.PixelData, number_of_frames=frame_count(header)):
        if syntax == _RUN_LENGTHS:
            if len(frame) > 1024 + 2 * size[0] * size[1] * depth:
                raise InputError("holds more pixels than its header says; export it again.")
            continue
        found = image_size(frame)
        if found is None:
            raise InputError(_UNREADABLE)
        if found != size:
            raise InputError(
                f"holds images of {found[0]} x {found[1]} x {found[2]} (rows, columns, samples) "
                f"where its header says {size[0]} x {size[1]} x {size[2]}; export it again."
            )


def _decoded(header: "Dataset") -> Iterator[Image]:
    from pydicom.pixels.utils import iter_pixels

    plugin = _DECODERS.get(header.file_meta.TransferSyntaxUID, "")
    if plugin == lossless.NAME:
        lossless.register()
    count = 0
    for values in iter_pixels(header, decoding_plugin=plugin):
        count += 1
        yield _rgb(values, header)
    if count != frame_count(header):
        raise InputError(_UNREADABLE)


def _rgb(values: NDArray[Any], header: "Dataset") -> Image:
    """Decoded values as 8-bit RGB; values of three channels are already RGB."""
    from pydicom.pixels.processing import apply_color_lut

    kind = str(header.PhotometricInterpretation)
    if kind == "PALETTE COLOR":
        values = apply_color_lut(values, header)
        wide = values.dtype.itemsize > 1 and int(values.max(initial=0)) > 255
        return (values >> 8 if wide else values).astype(np.uint8)
    if values.ndim == 3:
        stored = int(header.BitsStored)
        return values.astype(np.uint8) if stored == 8 else _stretched(values, 0, 2**stored - 1)
    grey = _grey(values, header)
    return as_rgb(255 - grey if kind == "MONOCHROME1" else grey)


def _grey(values: NDArray[Any], header: "Dataset") -> NDArray[np.uint8]:
    """8-bit greys after the header's rescaling and window, as a viewer shows them.

    Computed for every possible value instead of every pixel: a large scan as floats would need
    eight times its memory.
    """
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    bits, signed = int(header.BitsStored), bool(header.PixelRepresentation)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    every = np.arange(low, high + 1, dtype=values.dtype)
    shown = apply_voi_lut(apply_modality_lut(every, header), header)
    black, white = _ends(header, low, high)
    return _stretched(shown, black, white)[np.clip(values.astype(np.int32), low, high) - low]


def _ends(header: "Dataset", low: int, high: int) -> tuple[float, float]:
    """The values for black and white after the header's tables: the range of the last table's bits,
    else of the stored bits, rescaled.
    """
    for name in ("VOILUTSequence", "ModalityLUTSequence"):  # a window keeps the range of the latter
        for table in header.get(name) or ():
            return 0.0, float(2 ** int(table.LUTDescriptor[2]) - 1)
    slope = float(header.get("RescaleSlope", 1))
    intercept = float(header.get("RescaleIntercept", 0))
    ends = low * slope + intercept, high * slope + intercept
    return min(ends), max(ends)


def _stretched(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    share = (values.astype(np.float64) - low) / (high - low or 1)
    return np.asarray(np.rint(255 * np.clip(share, 0, 1)), np.uint8)


@contextmanager
def reading() -> Iterator[None]:
    """Wraps everything that reads a header or pixels, because pydicom parses values lazily.

    Whatever a parser or decoder raises becomes one InputError without any text of the file, which
    may name a patient. The traceback of --debug holds none either.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(NO_MEMORY) from None
    except Exception as error:
        raise InputError(_UNREADABLE) from RuntimeError(type(error).__name__)


def _quieten() -> None:
    """Turn off pydicom's warnings and log, which quote values of the file, such as names of
    patients.
    """
    pydicom: Any = importlib.import_module("pydicom")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    logging.getLogger("highdicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom|highdicom")
