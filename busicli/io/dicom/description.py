"""What a header leaves out of its pixels' description, as viewers assume it."""

from collections.abc import Callable

from pydicom import Dataset
from pydicom.encaps import generate_fragments
from pydicom.uid import UID

from busicli.errors import InputError

_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_COLOUR = (
    *("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"),
    *("YBR_ICT", "YBR_RCT"),
)
_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_BIG = "1.2.840.10008.1.2.2"
_STREAM_STARTS = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")


def complete_description(header: Dataset) -> tuple[str, ...]:
    """Fill in what the header does not say of its pixels, or says wrongly; what was assumed.

    The values are those that viewers assume: `BitsStored 8`. Raises InputError, naming the
    attribute, where none can be: sizes, and a kind of colours that nobody knows.
    """
    return tuple(_set_all(header))


def _set_all(header: Dataset) -> list[str]:
    assumed: list[str] = []

    def assume(name: str, value: str | int) -> None:
        if name in header:
            delattr(header, name)  # unread: setting a value would read the one that is there
        setattr(header, name, value)
        assumed.append(f"{name} {value}")

    _assume_syntax(header, assumed)
    for name in ("Rows", "Columns"):
        if _whole(header, name) is None:
            raise InputError(f"has no {name} in its header; export it again.")
    _assume_samples(header, assume)
    _assume_bits(header, assume)
    if header.SamplesPerPixel > 1 and _whole(header, "PlanarConfiguration") not in (0, 1):
        assume("PlanarConfiguration", 0)
    if _whole(header, "PixelRepresentation") not in (0, 1):
        assume("PixelRepresentation", 0)
    if _whole(header, "NumberOfFrames") is None:
        count = _frames(header)
        if count > 1 or "NumberOfFrames" in header:
            assume("NumberOfFrames", count)
    return assumed


def _assume_syntax(header: Dataset, assumed: list[str]) -> None:
    """The transfer syntax that the data set itself was read by, where its pixels are plain."""
    if header.file_meta.get("TransferSyntaxUID"):
        return
    if header["PixelData"].is_undefined_length:
        raise InputError(
            "does not say how its pixels are compressed (no TransferSyntaxUID); export it again as "
            "a DICOM file (Part 10)."
        )
    implicit, little = header.original_encoding
    syntax = UID(_IMPLICIT if implicit else _EXPLICIT if little else _BIG)
    header.file_meta.TransferSyntaxUID = syntax
    assumed.append(f"TransferSyntaxUID {syntax.name}")


def _assume_samples(header: Dataset, assume: Callable[[str, str | int], None]) -> None:
    """Samples per pixel and kind of colours, each from the other or from the pixels' length."""
    kind = str(header.get("PhotometricInterpretation") or "")
    known = " ".join(kind.upper().split())
    samples = _whole(header, "SamplesPerPixel")
    if samples is None:
        samples = 1 if known in _GREY else 3 if known in _COLOUR else _samples(header)
        assume("SamplesPerPixel", samples)
    if known not in (*_GREY, *_COLOUR):
        if known:
            raise InputError(
                "has a PhotometricInterpretation that is not read; export it as RGB or MONOCHROME2."
            )
        jpeg = header.file_meta.TransferSyntaxUID in _JPEG
        known = "MONOCHROME2" if samples == 1 else "YBR_FULL_422" if jpeg else "RGB"
    if known != kind:
        assume("PhotometricInterpretation", known)


def _assume_bits(header: Dataset, assume: Callable[[str, str | int], None]) -> None:
    stored, allocated = _whole(header, "BitsStored"), _whole(header, "BitsAllocated")
    if allocated is None:
        allocated = _allocated(header, stored)
        assume("BitsAllocated", allocated)
    if stored is None or stored > allocated:
        stored = allocated
        assume("BitsStored", stored)
    if _whole(header, "HighBit") is None or header.HighBit >= allocated:
        assume("HighBit", stored - 1)


def _allocated(header: Dataset, stored: int | None) -> int:
    """Bits of a sample by the pixels' length, else whole bytes for those that are stored."""
    values = _values(header) * header.SamplesPerPixel
    length = len(header.get("PixelData") or b"")
    if not _is_encapsulated(header) and values and length >= values:
        return 16 if length >= 2 * values else 8
    return 16 if stored is not None and stored > 8 else 8


def _samples(header: Dataset) -> int:
    """Samples per pixel by the pixels' length, or by a stream's own header."""
    from busicli.io.dicom.codestream import image_size

    data = header.get("PixelData") or b""
    if _is_encapsulated(header):
        sizes = (image_size(bytes(fragment)) for fragment in generate_fragments(data))
        return next((size[2] for size in sizes if size), 1)
    size = _values(header) * -(-(_whole(header, "BitsAllocated") or 8) // 8)
    return 3 if size and len(data) >= 3 * size and not _whole(header, "NumberOfFrames") else 1


def _frames(header: Dataset) -> int:
    """The number of frames by the pixels' length, or by the streams; 1 where that fits none."""
    data = header.get("PixelData") or b""
    if _is_encapsulated(header):
        fragments = (bytes(fragment) for fragment in generate_fragments(data))
        return sum(fragment.startswith(_STREAM_STARTS) for fragment in fragments)
    size = header.Rows * header.Columns * header.SamplesPerPixel * header.BitsAllocated // 8
    count, left = divmod(len(data), size) if size else (1, 0)
    return count if left == 0 or left == 1 == count * size % 2 else 1


def _is_encapsulated(header: Dataset) -> bool:
    syntax = header.file_meta.TransferSyntaxUID
    known = syntax.is_transfer_syntax and not syntax.is_private
    return bool(known and syntax.is_encapsulated)


def _values(header: Dataset) -> int:
    return int(header.Rows) * int(header.Columns) * (_whole(header, "NumberOfFrames") or 1)


def _whole(header: Dataset, name: str) -> int | None:
    """A whole number of the header; None where there is none, or none that can be read."""
    try:
        return int(header.get(name))
    except (TypeError, ValueError, OverflowError):
        return None
