"""Decodes JPEG frames with Pillow, as a plugin of pydicom.

Lossless JPEG (ISO 10918-1, process 14): pydicom itself uses GDCM or pylibjpeg. GDCM crashes the
process on damaged bytes, and pylibjpeg's licence does not fit. Pillow's libjpeg-turbo reads them
too. Lossy JPEG: pydicom believes the header where stream and header differ; viewers believe the
stream.
"""

import io
from threading import Lock

from PIL import Image as Pillow
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder

from busicli.io.dicom.codestream import component_ids

NAME = "busicli"
LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_YCBCR_IDS = b"\1\2\3"
_registering = Lock()
DECODER_DEPENDENCIES = dict.fromkeys((*LOSSY, *LOSSLESS), ("pillow>=11",))


def register() -> None:
    """Register the decoder with pydicom; calling it again changes nothing."""
    with _registering:  # pydicom is not thread-safe here
        for syntax in DECODER_DEPENDENCIES:
            decoder = get_decoder(syntax)
            if NAME not in decoder.available_plugins:
                decoder.add_plugin(NAME, (__name__, "decode_frame"))


def is_available(syntax: str) -> bool:
    """Whether this decoder reads a transfer syntax; called by pydicom."""
    return syntax in DECODER_DEPENDENCIES


def decode_frame(stream: bytes, runner: DecodeRunner) -> bytes:
    """The samples of one frame, interleaved: grey, or RGB whatever the stream holds.

    The stream's markers and its components' numbers say what it holds. The header counts only where
    they say nothing. Raises OSError or ValueError if the stream is damaged or has more than 8 bits
    per sample.
    """
    image: Pillow.Image = Pillow.open(io.BytesIO(stream), formats=("JPEG",))
    if len(image.getbands()) != runner.samples_per_pixel:
        raise ValueError(f"a stream of {image.mode} for {runner.samples_per_pixel} samples")
    if len(image.getbands()) == 1:
        return image.tobytes()
    if runner.transfer_syntax in LOSSY:
        if not _is_ycbcr(image, component_ids(stream), runner):
            image.draft("YCbCr", image.size)  # the samples as they are stored
        return image.tobytes()
    if "jfif" in image.info or image.info.get("adobe_transform"):
        image.draft("YCbCr", image.size)  # libjpeg converts no lossless samples
    elif runner.photometric_interpretation.startswith("YBR"):
        image = Pillow.frombytes("YCbCr", image.size, image.tobytes())
    return image.convert("RGB").tobytes()


def _is_ycbcr(image: Pillow.Image, numbers: bytes, runner: DecodeRunner) -> bool:
    """Whether libjpeg is right to convert a lossy stream: it takes unknown samples for YCbCr."""
    if "jfif" in image.info or "adobe_transform" in image.info or numbers == b"RGB":
        return True  # of RGB it knows, and converts nothing
    if numbers == b"rgb":
        return False
    return numbers == _YCBCR_IDS or runner.photometric_interpretation != "RGB"
