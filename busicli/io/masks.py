"""Mask files of any tool: which pixels are lesion."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from busicli.errors import InputError
from busicli.io.images import MAX_PIXELS, WIDE, UnreadKindError, check_pixels, only_image, rgb
from busicli.io.kinds import unread_kind
from busicli.types import Image, Mask

_FEW_VALUES = 16
_NPY = b"\x93NUMPY"
"""First bytes of a .npy file."""
_JPEG = b"\xff\xd8"
"""First bytes of a JPEG file."""
_NEAR_END = 1 / 8
"""Share of the range of greys that counts as its dark or bright end."""
MOST = 0.5
"""A mask of which a larger share is lesion is reported: it may be inverted."""
MAX_BORDER = 0.5
"""A reference that holds more of the outermost pixels is taken for its own background: of 784 masks
of BUSI, BUS-BRA and BrEaST none holds more than 0.03 of them."""


@dataclass(frozen=True, slots=True)
class FoundMask:
    """A mask that was read."""

    mask: Mask
    cut: bool
    """Whether it had many greys and was thresholded at half of their range, like a map."""
    two_toned: bool = True
    """False where greys between dark and bright prevail, as in a scan."""


def decode_mask(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Mask:
    """A mask file's bytes as (rows, columns) bool.

    Few different values, or areas of every one from 0 up, are labels: all but 0 are lesion. Other
    values, and all of a JPEG, are lesion at or above half of their range. Where an image has
    transparent parts, what is visible is lesion, unless that is dark and bright. Of a palette the
    index 0 is the background. Raises InputError as `decode_scan` does, and for NaN or infinite
    values.
    """
    return find_mask(data, max_pixels=max_pixels).mask


def decode_reference(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Mask:
    """As `decode_mask`, for a mask to learn from or to score against, which `certain` checks."""
    return certain(find_mask(data, max_pixels=max_pixels))


def certain(found: FoundMask) -> Mask:
    """The mask, if lesion and background are certain.

    Raises InputError where the lesion covers the border of the image (an inverted mask, a colour
    map, a background that is not 0), or where greys prevail as in a scan.
    """
    if not found.two_toned:
        raise InputError(
            "holds mostly greys, as a scan does; give a mask with a background of 0 and a bright "
            "lesion."
        )
    if (share := border_share(found.mask)) > MAX_BORDER:
        raise InputError(
            f"marks {share:.0%} of the image's border as lesion, so it may be inverted or have a "
            "background that is not 0; store it with a background of 0 and a bright lesion."
        )
    return found.mask


def border_share(mask: Mask) -> float:
    """The share of the outermost pixels that are set; 0 for masks of no or one pixel.

    >>> border_share(np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], bool))
    0.2
    """
    if mask.size < 2:
        return 0.0
    inner = mask[1:-1, 1:-1]
    return (int(mask.sum()) - int(inner.sum())) / (mask.size - inner.size)


def find_mask(data: bytes, *, max_pixels: int = MAX_PIXELS) -> FoundMask:
    """As `decode_mask`, also for a .npy file, and what its greys say.

    An array must have two axes, rows and columns, and real numbers; otherwise InputError.
    """
    if data.startswith(_NPY):
        if kind := unread_kind(data):
            raise UnreadKindError.of(kind)
        return _found_mask(_array_values(data, max_pixels))
    values = _mask_values(only_image(data, max_pixels))
    return _found_mask(values, labels_allowed=not data.startswith(_JPEG))


def is_mask_like(image: Image) -> bool:
    """Whether a (rows, columns, 3) uint8 image has few values, or is two-toned."""
    return _count_of_different(_brightest(image)) <= _FEW_VALUES or is_two_toned(image)


def is_two_toned(image: Image) -> bool:
    """Whether a (rows, columns, 3) uint8 image is dark and bright with little between, as a mask
    is that was stored as JPEG: no scan is.
    """
    return _is_two_toned(_brightest(image))


def has_two_values(image: Image) -> bool:
    """Whether a (rows, columns, 3) uint8 image has at most two greys or colours: no scan has."""
    first = image[0, 0]
    others = (image != first).any(axis=2)
    if not others.any():
        return True
    second = image[others][0]
    return bool((image[others] == second).all())


def _mask_values(image: Pillow.Image) -> NDArray[np.generic]:
    """(rows, columns): bits and 16-bit or float values as stored, else the brightest channel."""
    if image.mode == "1" or image.mode.startswith(WIDE):
        return np.asarray(image)
    if image.mode == "P":
        return _palette_values(image)
    values = _brightest(rgb(image))
    return _visible(values, image) if image.has_transparency_data else values


def _brightest(image: Image) -> NDArray[np.uint8]:
    red, green, blue = np.moveaxis(image, 2, 0)
    brightest: NDArray[np.uint8] = np.maximum(np.maximum(red, green), blue)
    return brightest


def _visible(values: NDArray[np.uint8], image: Pillow.Image) -> NDArray[Any]:
    """The values where the image is visible, 0 elsewhere.

    Where all that is visible is of one value, what is visible itself: drawn on nothing.
    """
    alpha = np.asarray(image.convert("RGBA"))[..., 3]
    visible = alpha > alpha.max() / 2
    if visible.all() or not visible.any():
        return values
    shown = values[visible]
    if shown.min() == shown.max():
        return np.asarray(visible, bool)
    return np.where(visible, values, 0)


def _palette_values(image: Pillow.Image) -> NDArray[Any]:
    """Lesion or not by the index, where few are used; else the brightness of each colour."""
    index = np.asarray(image)
    values = _brightest(rgb(image))
    used = np.unique(index)
    if len(used) > _FEW_VALUES:
        return values
    seen = _visible(values, image) if image.has_transparency_data else values
    if seen is not values or used[0] != 0:
        return seen
    by_index: NDArray[np.bool_] = index != 0
    if values[~by_index][0] == values.min():
        return by_index
    # a bright index 0 is the background, unless the border says that it is the lesion
    return by_index if border_share(by_index) <= MAX_BORDER else values


def _array_values(data: bytes, max_pixels: int) -> NDArray[np.generic]:
    try:
        values: NDArray[np.generic] = np.load(io.BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise InputError(
            "is not an array of numbers, or is cut short; store it with np.save."
        ) from error
    check_pixels(values.size, max_pixels)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "buif":
        raise InputError(
            f"is an array of shape {values.shape} and type {values.dtype}; store numbers of "
            "shape (rows, columns)."
        )
    return values


def _found_mask(values: NDArray[Any], *, labels_allowed: bool = True) -> FoundMask:
    if values.dtype == np.bool_:
        return FoundMask(values, cut=False)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError("holds NaN or infinite values; store it with finite ones.")
    low, high = float(values.min()), float(values.max())
    count = _count_of_different(values)
    in_areas = count == high + 1 != 256 and _is_in_areas(values)  # 256: every grey of 8 bits
    labels = count <= _FEW_VALUES or in_areas
    if low == high or (labels and labels_allowed and not _are_blurred_ends(values, count)):
        return FoundMask(values > 0, cut=False)
    cut = values >= (low + high) / 2
    two_toned = _is_two_toned(values)
    return FoundMask(cut, cut=not two_toned or labels_allowed, two_toned=two_toned)


def _is_in_areas(values: NDArray[Any]) -> bool:
    """Whether most pixels but 0 equal their right neighbour, as in labels and not in a scan."""
    set_ = values[:, :-1] != 0
    equal = np.count_nonzero(set_ & (values[:, 1:] == values[:, :-1]))
    return bool(2 * equal > np.count_nonzero(set_))


def _are_blurred_ends(values: NDArray[Any], count: int) -> bool:
    """Whether few values are those of a JPEG: several next to the lowest and to the highest."""
    low, high = float(values.min()), float(values.max())
    if count > _FEW_VALUES or high - low < 128:
        return False
    used = np.unique(values).astype(float)
    dark = int((used < low + (high - low) * _NEAR_END).sum())
    bright = int((used > high - (high - low) * _NEAR_END).sum())
    return dark > 1 and bright > 1 and dark + bright == len(used)


def _is_two_toned(values: NDArray[Any]) -> bool:
    """Whether less lies between the dark and the bright end of the range than at either end."""
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * _NEAR_END
    dark = int(np.count_nonzero(values <= low + margin))
    bright = int(np.count_nonzero(values >= high - margin))
    return values.size - dark - bright <= min(dark, bright)


def _count_of_different(values: NDArray[Any]) -> int:
    if values.dtype == np.uint8:  # takes half the time of sorting
        return int(np.count_nonzero(np.bincount(values.ravel(), minlength=256)))
    return len(np.unique(values))
