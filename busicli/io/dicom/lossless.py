"""Lossless JPEG frames (ISO 10918-1, process 14) by Pillow, as a decoder that pydicom can call.

pydicom itself gives them to GDCM or to pylibjpeg: the first ends the whole process where a byte is
switched, the second is under a licence that few can ship. Pillow's libjpeg-turbo reads them too.
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
    """Make the decoder known to pydicom; a second time changes nothing."""
    from pydicom.pixels.decoders.base import get_decoder

    with _registering:  # pydicom takes no care of threads here
        for syntax in DECODER_DEPENDENCIES:
            decoder = get_decoder(syntax)
            if NAME not in decoder.available_plugins:
                decoder.add_plugin(NAME, (__name__, "decode_frame"))


def is_available(syntax: str) -> bool:
    """Whether a transfer syntax is one of those: pydicom asks."""
    return syntax in DECODER_DEPENDENCIES


def decode_frame(stream: bytes, runner: "DecodeRunner") -> bytes:
    """The samples of one frame, interleaved, as they are stored: no colour is converted.

    Raises OSError or ValueError where the stream is damaged or of more than 8 bits a sample.
    """
    image = Pillow.open(io.BytesIO(stream), formats=("JPEG",))
    if "jfif" in image.info or image.info.get("adobe_transform"):
        image.draft("YCbCr", image.size)  # what such a stream says it holds
    if len(image.getbands()) != runner.samples_per_pixel:
        raise ValueError(f"a stream of {image.mode} for {runner.samples_per_pixel} samples")
    return image.tobytes()
