"""The header of a DICOM object, read with bounds on what a hostile file can make of it."""

import io
import zlib

from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset

from busicli.errors import InputError
from busicli.io.dicom.file_start import data_start

DEFLATED = "1.2.840.10008.1.2.1.99"
MAX_INFLATED = 64 * 2**20
"""Limit of a deflated file's bytes; its header cannot be read without inflating it."""
MAX_READS = 50_000
"""Reads of a header: two or three for each element, one for each item of a sequence."""
MAX_VALUE = 2**18
"""Bytes of a value that is parsed; a number of two bytes becomes an object of hundreds."""
_BULK_GROUPS = range(0x5000, 0x8000)
"""Groups of curves, overlays and pixels, which are not parsed; private ones have odd numbers."""
_DOCUMENT = 0x0042


class _CountedBytes(io.BytesIO):
    """A file that refuses to be read in too many parts, each of which would become an object."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise InputError("has more elements than a scan can need; export it again.")
        return super().read(size)


def read_header(data: bytes) -> Dataset:
    """The data set of a file's bytes that begin as DICOM does; its values are not parsed yet.

    Raises InputError where it inflates to more than MAX_INFLATED, has too many elements or items,
    or holds a value too long to be parsed; what pydicom raises where it is damaged.
    """
    file = _CountedBytes(data)
    file.seek(data_start(data) or 0)
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    if meta.get("TransferSyntaxUID") == DEFLATED:
        header = _inflated(data, file.tell(), meta)
    else:
        file.seek(0)
        header = dcmread(file, force=True)  # without a preamble too
    _check_values(header)
    return header


def _inflated(data: bytes, start: int, meta: Dataset) -> Dataset:
    """The data set of a deflated file, as pydicom reads it: PS3.5 A.5."""
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = inflating.decompress(data[start:], MAX_INFLATED)
    if inflating.unconsumed_tail:
        raise InputError(
            f"inflates to more than {MAX_INFLATED // 2**20} MiB; store it without deflating."
        )
    file = _CountedBytes(plain)
    content = read_dataset(file, False, True)
    return FileDataset(file, content, data[:128], FileMetaDataset(meta), False, True)


def _check_values(header: Dataset) -> None:
    """Refuse values that would swell when they are parsed, also in sequences that were read."""
    for tag in header.keys():  # noqa: SIM118  # the data set's own iterator parses its values
        element = header.get_item(tag)
        if isinstance(element, RawDataElement):
            parsed = not (tag.is_private or tag.group in _BULK_GROUPS or tag.group == _DOCUMENT)
            if parsed and len(element.value or b"") > MAX_VALUE:
                raise InputError(
                    f"holds a value of {len(element.value):,} bytes in its header; export it again."
                )
        elif element is not None and element.VR == "SQ":
            for item in element.value:
                _check_values(item)
