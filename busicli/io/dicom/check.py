"""Checks of a DICOM object before anything of it is decoded."""

import logging
import warnings

from pydicom import Dataset, config
from pydicom.encaps import generate_frames
from pydicom.uid import UID

from busicli.errors import InputError
from busicli.io.dicom import jpeg
from busicli.io.dicom.codestream import image_size
from busicli.io.dicom.description import complete_description
from busicli.io.dicom.header import DEFLATED, read_header
from busicli.io.dicom.pixels import DECODERS, RUN_LENGTHS, frame_count
from busicli.io.dicom.read import UNREADABLE, NotUltrasoundError
from busicli.io.images import check_pixels

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
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_END = b"\xff\xd9"
"""Without this end its decoder may look for more pixels forever."""


def checked_header(data: bytes, max_pixels: int) -> tuple[Dataset, tuple[str, ...]]:
    """The header of an ultrasound object, and what was assumed of its pixels.

    Raises NotUltrasoundError or InputError as `busicli.io.dicom.read.open_dicom`.
    """
    _quieten()
    header = read_header(data)
    _check_kind(header)
    _check_has_pixels(header)
    assumed = complete_description(header)
    _check_pixel_description(header, max_pixels)
    _check_codestreams(header)
    return header, assumed


def _check_kind(header: Dataset) -> None:
    kind = UID(str(header.file_meta.get("MediaStorageSOPClassUID", "")))
    if kind == _DIRECTORY:
        raise NotUltrasoundError("is a DICOM directory, not a scan.")
    kind = UID(str(header.get("SOPClassUID", kind)))
    if kind not in _ULTRASOUND_CLASSES and header.get("Modality") != ULTRASOUND:
        known = kind.name if kind.name != str(kind) else "unknown kind"  # never text of the file
        raise NotUltrasoundError(f"is a DICOM object but not an ultrasound scan: {known}.")


def _check_has_pixels(header: Dataset) -> None:
    if "PixelData" not in header:
        raise InputError(
            "is encrypted; decrypt it first."
            if "EncryptedAttributesSequence" in header
            else "holds no pixels; export it again with its image."
        )


def _check_pixel_description(header: Dataset, max_pixels: int) -> None:
    rows, columns = int(header.Rows), int(header.Columns)
    frames = frame_count(header)
    if min(rows, columns, frames) < 1:
        raise InputError(
            f"has {rows} x {columns} pixels and {frames} as its number of frames in its header; "
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
    if syntax.is_compressed and syntax != DEFLATED and syntax not in DECODERS:
        raise InputError(f"is stored as {syntax.name}, which is not read; export it uncompressed.")
    if header.PhotometricInterpretation == "PALETTE COLOR" and not _has_palette(header):
        raise InputError("has palette colours but no palette; export it as RGB.")


def _has_palette(header: Dataset) -> bool:
    colours = ("Red", "Green", "Blue")
    return all(
        f"{colour}PaletteColorLookupTable{part}" in header
        for colour in colours
        for part in ("Descriptor", "Data")
    ) or all(f"Segmented{colour}PaletteColorLookupTableData" in header for colour in colours)


def _check_codestreams(header: Dataset) -> None:
    """Refuse, before decoding, compressed frames whose size differs from the header's."""
    syntax = header.file_meta.TransferSyntaxUID
    if syntax not in DECODERS:
        return
    size = int(header.Rows), int(header.Columns), int(header.SamplesPerPixel)
    depth = size[2] * -(-int(header.BitsAllocated) // 8)
    if syntax in jpeg.LOSSLESS and depth > size[2]:
        raise InputError(
            "is lossless JPEG of more than 8 bits, which is not read; export it uncompressed."
        )
    for frame in generate_frames(header.PixelData, number_of_frames=frame_count(header)):
        if syntax == RUN_LENGTHS:
            if len(frame) > 1024 + 2 * size[0] * size[1] * depth:
                raise InputError("holds more pixels than its header says; export it again.")
            continue
        found = image_size(frame)
        if found is None or (syntax in _JPEG_LS and not frame.rstrip(b"\0").endswith(_END)):
            raise InputError(UNREADABLE)
        if found != size:
            raise InputError(
                f"holds images of {found[0]} x {found[1]} x {found[2]} (rows, columns, samples) "
                f"where its header says {size[0]} x {size[1]} x {size[2]}; export it again."
            )


def _quieten() -> None:
    """Turn off pydicom's warnings and log, which quote values of the file, such as names of
    patients.
    """
    config.settings.reading_validation_mode = config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    logging.getLogger("highdicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom|highdicom")
