"""Decodes lossless JPEG frames (ISO 10918-1, process 14) with Pillow, as a plugin of pydicom.

pydicom itself uses GDCM or pylibjpeg. GDCM crashes the process on damaged bytes, and pylibjpeg's
licence does not fit. Pillow's libjpeg-turbo reads them too.
"""

import io
from threading import Lock
from typing import TYPE_CHECKING

from PIL import Image as Pillow

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

NAME = "busicli"
_registering = Lock()
DECODER_DEPENDENCIES = {
    "1.2.840.10008.1.2.4.57": ("pillow>=11",),
    "1.2.840.10008.1.2.4.70": ("pillow>=11",),
}


def register() -> None:
    """Register the decoder with pydicom; calling it again changes nothing."""
    from pydicom.pixels.decoders.base import get_decoder

    with _registering:  # pydicom is not thread-safe here
        for syntax in DECODER_DEPENDENCIES:
            decoder = get_decoder(syntax)
            if NAME not in decoder.available_plugins:
                decoder.add_plugin(NAME, (__name__, "decode_frame"))


def is_available(syntax: str) -> bool:
    """Whether this decoder reads a transfer syntax; called by pydicom."""
    return syntax in DECODER_DEPENDENCIES


def decode_frame(stream: bytes, runner: "DecodeRunner") -> bytes:
    """The samples of one frame, interleaved, as stored: no colour is converted.

    Raises OSError or ValueError if the stream is damaged or has more than 8 bits per sample.
    """
    image = Pillow.open(io.BytesIO(stream), formats=("JPEG",))
    if "jfif" in image.info or image.info.get("adobe_transform"):
        image.draft("YCbCr", image.size)  # the colour space that such a stream declares
    if len(image.getbands()) != runner.samples_per_pixel:
        raise ValueError(f"a stream of {image.mode} for {runner.samples_per_pixel} samples")
    return image.tobytes()
