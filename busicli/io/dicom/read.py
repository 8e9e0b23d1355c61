"""DICOM ultrasound objects: whether a file is one, and what is known of it before it is decoded.

pydicom is imported only where a DICOM file is found: importing it takes half a second.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from busicli.errors import InputError
from busicli.imaging.greys import Shown
from busicli.io.dicom.file_start import data_start
from busicli.io.images import NO_MEMORY
from busicli.types import Scale, View

if TYPE_CHECKING:
    from pydicom import Dataset

UNREADABLE = "is damaged or cut short; copy it again from its source."


class NotUltrasoundError(InputError):
    """A DICOM object of another kind, which is skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomScan:
    """An ultrasound object whose header has been checked."""

    header: "Dataset"
    """With the pixels as stored."""
    scale: Scale
    boxes: tuple[View, ...]
    """Ultrasound regions according to the header."""
    tissue: tuple[View, ...]
    """Those of tissue in two dimensions."""
    says_no_text: bool
    """Whether the header says that no text is burned into the pixels."""
    assumed: tuple[str, ...]
    """What its header does not say of its pixels, or says wrongly, as it was read."""

    @property
    def is_bounded(self) -> bool:
        """Whether decoding costs what its pixels cost: of others, a few bytes may take hours."""
        from busicli.io.dicom.pixels import is_bounded

        with reading():
            return is_bounded(self.header)

    @property
    def is_lossy_jpeg(self) -> bool:
        """Whether the frames are JPEG streams whose decoder fills what is missing."""
        from busicli.io.dicom.jpeg import LOSSY

        return self.header.file_meta.TransferSyntaxUID in LOSSY

    def frames(self) -> Iterator[Shown]:
        """Each frame, in order; InputError if one is damaged."""
        from busicli.io.dicom.pixels import decoded_frames

        with reading():
            yield from decoded_frames(self.header)


def is_dicom(data: bytes) -> bool:
    """Whether a file's bytes begin like DICOM, whatever its name, with a preamble or without."""
    return data_start(data) is not None


def open_dicom(data: bytes, *, max_pixels: int) -> DicomScan:
    """An ultrasound object from a file's bytes; no pixel is decoded.

    Raises NotUltrasoundError for objects of other kinds, and InputError for damaged or unreadable
    ones and if all frames together have more than `max_pixels` pixels.
    """
    from busicli.io.dicom.check import checked_header
    from busicli.io.dicom.regions import boxes_of, scale_of, tissue_of

    with reading():
        header, assumed = checked_header(data, max_pixels)
        return DicomScan(
            header=header,
            scale=scale_of(header),
            boxes=boxes_of(header),
            tissue=tissue_of(header),
            says_no_text=header.get("BurnedInAnnotation") == "NO",
            assumed=assumed,
        )


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
        raise InputError(UNREADABLE) from RuntimeError(type(error).__name__)
