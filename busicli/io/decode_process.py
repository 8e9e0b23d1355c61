"""Decoding in a process of its own: what a scan's frames are when they cross its border."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from busicli.errors import InputError
from busicli.imaging.arrays import as_rgb, grey_channel
from busicli.imaging.greys import Shown
from busicli.io.dicom.read import NotUltrasoundError, is_dicom, open_dicom
from busicli.io.images import (
    NO_MEMORY,
    NotAnImageError,
    TooManyPixelsError,
    UnreadKindError,
    decode_frames,
)
from busicli.parallel.killable import KillableCall, Parts, ProcessDiedError, ProcessLimits
from busicli.types import Image

ANSWER = "busicli.io.decode_process:answer"
"""What a `ProcessPool` runs to decode scans."""
_ERRORS = {
    kind.__name__: kind
    for kind in (
        *(InputError, NotAnImageError, NotUltrasoundError),
        *(TooManyPixelsError, UnreadKindError),
    )
}
_BYTES_A_PIXEL = 16
_BYTES_BESIDE = 512 * 2**20
"""What decoding needs at most: for each pixel that is allowed, and for the file's bytes."""


def decoding_limits(max_pixels: int, timeout_s: float) -> ProcessLimits:
    """What a process may use to decode scans of up to `max_pixels` pixels."""
    return ProcessLimits(memory=_BYTES_A_PIXEL * max_pixels + _BYTES_BESIDE, cpu_s=timeout_s)


@dataclass(frozen=True, slots=True)
class ProcessDecoder:
    """Decodes the frames of one file in a process, within a call that can be killed."""

    call: KillableCall
    max_pixels: int

    def __call__(self, data: bytes) -> tuple[Shown, ...]:
        """Each frame.

        Raises what `decode_frames` and `open_dicom` raise, and InputError where the process died.
        """
        try:
            known, *channels = self.call([str(self.max_pixels).encode(), data])
        except ProcessDiedError:
            raise InputError(
                "crashed its decoder or took all memory; copy it again from its source."
            ) from None
        document = json.loads(known)
        if "error" in document:
            raise _ERRORS.get(document["error"], RuntimeError)(*document["said"])
        pairs = zip(channels, document["shapes"], strict=True)
        arrays = (np.frombuffer(data, np.uint8).reshape(shape) for data, shape in pairs)
        images = (as_rgb(array) if array.ndim == 2 else array for array in arrays)
        return tuple(map(Shown, images, document["certain"]))


def answer(parts: Sequence[bytes]) -> Parts:
    """In the process: what is known of all frames, then their bytes; one channel where grey."""
    max_pixels, data = int(parts[0]), parts[1]
    try:
        shown = list(_frames(data, max_pixels))
    except Exception as error:  # also a bug of ours: it is raised where it is seen
        if isinstance(error, MemoryError):
            error = InputError(NO_MEMORY)
        name = type(error).__name__
        said = error.args if name in _ERRORS else [name]
        return [json.dumps({"error": name, "said": said}).encode()]
    frames = [_channels(frame.image) for frame in shown]
    known = {
        "shapes": [frame.shape for frame in frames],
        "certain": [frame.certain for frame in shown],
    }
    return [json.dumps(known).encode(), *(frame.data.cast("B") for frame in frames)]


def _frames(data: bytes, max_pixels: int) -> Iterator[Shown]:
    if is_dicom(data):
        return open_dicom(data, max_pixels=max_pixels).frames()
    return decode_frames(data, max_pixels=max_pixels)


def _channels(frame: Image) -> Image:
    grey = grey_channel(frame)
    return np.ascontiguousarray(frame if grey is None else grey)
