"""Frames of a DICOM object, decoded and shown as a viewer does."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.pixels.utils import iter_pixels

from busicli.errors import InputError
from busicli.imaging.greys import Levels, Shown, bits_for, shown, shown_image, whole_levels
from busicli.io.dicom import jpeg
from busicli.io.dicom.codestream import has_colour_transform, is_plain_jpeg
from busicli.io.dicom.display import bit_range, display_of, grey_levels
from busicli.io.dicom.read import UNREADABLE
from busicli.types import Image

DECODERS = {
    **dict.fromkeys(jpeg.DECODER_DEPENDENCIES, jpeg.NAME),
    "1.2.840.10008.1.2.4.80": "pyjpegls",  # JPEG-LS
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pillow",  # JPEG 2000
    "1.2.840.10008.1.2.4.91": "pillow",
    "1.2.840.10008.1.2.5": "pydicom",  # RLE
}
"""Compressed transfer syntaxes that are read, with the name of pydicom's decoder."""
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
RUN_LENGTHS = "1.2.840.10008.1.2.5"
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_OWN_BITS = frozenset(DECODERS) - {RUN_LENGTHS}
"""Syntaxes whose streams hold samples without unused bits around them."""
NEAR = 6
"""Levels by which a grey pixel's channels differ at most."""
MOSTLY, HARDLY = 0.5, 0.25
"""Shares of pixels that are grey in the true colour space, and in the wrong one."""

Samples = NDArray[Any]


def frame_count(header: Dataset) -> int:
    """Number of frames in the header, at least 1."""
    return int(header.get("NumberOfFrames") or 1)


def is_bounded(header: Dataset) -> bool:
    """Whether decoding costs what the pixels cost."""
    syntax = header.file_meta.TransferSyntaxUID
    if syntax not in DECODERS or syntax != _JPEG_BASELINE:
        return syntax not in DECODERS
    streams = generate_frames(header.PixelData, number_of_frames=frame_count(header))
    pixels = int(header.Rows) * int(header.Columns)
    return all(is_plain_jpeg(stream, max_pixels=pixels) for stream in streams)


def decoded_frames(header: Dataset) -> Iterator[Shown]:
    """Each frame, in order; InputError if their number is not the header's."""
    plugin = DECODERS.get(header.file_meta.TransferSyntaxUID, "")
    if plugin == jpeg.NAME:
        jpeg.register()
    options: dict[str, Any] = {"correct_unused_bits": False, **_stored_as(header)}
    if plugin in (jpeg.NAME, "pillow"):  # they give interleaved samples, whatever the header says
        options["planar_configuration"] = 0
    show = _Frames(header)
    count = 0
    for values in iter_pixels(header, raw=True, decoding_plugin=plugin, **options):
        count += 1
        yield show.frame(values)
    if count != frame_count(header):
        raise InputError(UNREADABLE)


class _Frames:
    """How an object's decoded samples are shown."""

    def __init__(self, header: Dataset) -> None:
        self.header = header
        self.kind = str(header.PhotometricInterpretation)
        self.display = display_of(header)
        self.is_ybr = _holds_ybr(header)

    def frame(self, values: Samples) -> Shown:
        """One frame, (rows, columns[, 3]), as a viewer shows it."""
        values, bits, sure = significant(values, self.header)
        if self.kind == "PALETTE COLOR":
            return shown_image(_palette_colours(values, self.header))
        if values.ndim == 2:
            stored = bit_range(bits, signed=values.dtype.kind == "i")
            levels, certain = grey_levels(values, stored, self.display)
            return shown(levels, certain=certain and sure)
        needed = bits_for(int(values.max(initial=0)))
        levels = values if bits == 8 else whole_levels(0, 2 ** min(bits, needed) - 1)[values]
        image, as_said = _as_rgb(levels.astype(np.uint8, copy=False), self.is_ybr)
        return shown_image(image, certain=sure and as_said and needed >= bits_for(2**bits - 1))


def significant(values: Samples, header: Dataset) -> tuple[Samples, int, bool]:
    """Samples without the unused bits around them, how many bits they have, and whether that is
    certain.

    Unused bits that hold something, and no overlay, show that the header says too few.
    """
    room, bits = 8 * values.dtype.itemsize, int(header.BitsStored)
    if bits >= room or header.file_meta.TransferSyntaxUID in _OWN_BITS:
        return values, min(bits, room), True
    high = int(header.get("HighBit", bits - 1))
    unused = high + 1 - bits
    if 0 < unused <= room - bits:
        if values.any() and (values & (2**unused - 1)).any():
            return values, room, False
        return _cut(values, room - 1 - high, room - bits), bits, True
    if values.dtype.kind == "i" or _has_overlay(header):
        return _cut(values, room - bits, room - bits), bits, True
    highest = int(values.max(initial=0))
    return values, max(bits, min(bits_for(highest), room)), highest < 2**bits


def _cut(values: Samples, above: int, unused: int) -> Samples:
    """The samples without the bits above them and, of `unused` bits in all, those below."""
    cut: Samples = (values << above) >> unused
    return cut.astype(values.dtype)


def _has_overlay(header: Dataset) -> bool:
    """Whether an overlay lies in the samples' unused bits, as old objects have it."""
    return any(
        (group, 0x0102) in header and (group, 0x3000) not in header
        for group in range(0x6000, 0x6020, 2)
    )


def _stored_as(header: Dataset) -> dict[str, str]:
    """The option of pydicom that names the colour space which the samples' length shows.

    Empty where the header's has that length. YBR_FULL_422 stores 2 samples a pixel, others 3.
    """
    if header.file_meta.TransferSyntaxUID.is_encapsulated or int(header.SamplesPerPixel) != 3:
        return {}
    pixels = int(header.Rows) * int(header.Columns) * frame_count(header)
    samples = len(header.PixelData) // -(-int(header.BitsAllocated) // 8)
    if str(header.PhotometricInterpretation) == "YBR_FULL_422":
        return {"photometric_interpretation": "YBR_FULL"} if samples >= 3 * pixels else {}
    halved = samples in (2 * pixels, 2 * pixels + 1)
    return {"photometric_interpretation": "YBR_FULL_422"} if halved else {}


def _holds_ybr(header: Dataset) -> bool:
    """Whether the decoded samples of colours are YBR according to stream and header."""
    syntax = header.file_meta.TransferSyntaxUID
    kind = str(header.PhotometricInterpretation)
    if syntax in jpeg.DECODER_DEPENDENCIES or kind in ("YBR_RCT", "YBR_ICT"):
        return False
    if syntax in _JPEG_2000 and int(header.SamplesPerPixel) == 3:
        frames = generate_frames(header.PixelData, number_of_frames=frame_count(header))
        return kind.startswith("YBR") and not has_colour_transform(next(frames))
    return kind.startswith("YBR") or "photometric_interpretation" in _stored_as(header)


def _as_rgb(samples: Levels, said_ybr: bool) -> tuple[Image, bool]:
    """(rows, columns, 3) samples as RGB, and whether their colour space is the one that was said.

    Ultrasound is mostly grey: its pixels have three equal samples in RGB, and two of 128 in YBR.
    """
    few = samples[::8, ::8].reshape(-1, 3).astype(np.int16)
    as_rgb = float((np.ptp(few, axis=1) <= NEAR).mean())
    as_ybr = float((np.abs(few[:, 1:] - 128) <= NEAR).all(axis=1).mean())
    said, other = (as_ybr, as_rgb) if said_ybr else (as_rgb, as_ybr)
    as_said = not (said <= HARDLY and other >= MOSTLY)
    if said_ybr == as_said:
        samples = convert_color_space(samples, "YBR_FULL", "RGB")
    return samples, as_said


def _palette_colours(values: Samples, header: Dataset) -> Image:
    colours = apply_color_lut(values, header)
    wide = colours.dtype.itemsize > 1 and int(colours.max(initial=0)) > 255
    return (colours >> 8 if wide else colours).astype(np.uint8)
