"""Whether an input that may be a mask is one, by its content and that of its scan."""

from collections.abc import Callable
from pathlib import Path

from busicli.batch.inputs import InputFile
from busicli.errors import InputError
from busicli.io.images import read_scan
from busicli.io.masks import is_mask_like, is_two_toned
from busicli.io.scans import ScanFile
from busicli.types import Image

Decode = Callable[[bytes], ScanFile]
"""Decodes a file's bytes; raises InputError."""


def is_mask(entry: InputFile, data: bytes, decode: Decode) -> bool:
    """Whether a file of these bytes is a mask of `entry.mask_of`, where that names any.

    With a mask's name, its greys decide. Without one it must be two-toned, and have the size of a
    scan of its name that is none. What cannot be decoded, or has several frames, is no mask.
    """
    image = _image(data, decode) if entry.mask_of else None
    if image is None:
        return False
    if entry.named_as_mask:
        return is_mask_like(image)
    return is_two_toned(image) and any(_is_scan(p, image, decode) for p in entry.mask_of)


def _is_scan(path: Path, mask: Image, decode: Decode) -> bool:
    try:
        scan = _image(read_scan(path), decode)
    except (InputError, OSError):
        return False
    return scan is not None and scan.shape == mask.shape and not is_mask_like(scan)


def _image(data: bytes, decode: Decode) -> Image | None:
    try:
        frames = decode(data).frames
    except InputError:
        return None
    return frames[0] if len(frames) == 1 else None
