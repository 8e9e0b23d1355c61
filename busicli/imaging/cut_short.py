"""Images whose rest is missing: decoders fill it without a word."""

import numpy as np

from busicli.types import Image

_GREY = 128
"""What JPEG blocks without data become."""
_BLOCK = 8
_MIN_SHARE = 0.25
"""Of the row above, behind the cut: pixels that must differ from the rest for it to be cut."""


def ends_in_grey(image: Image) -> bool:
    """Whether the last blocks of a JPEG image hold no data: the right half of its last 8 rows is
    the grey that decoders give to missing blocks. An image turned by EXIF is not recognized.

    >>> ends_in_grey(np.full((16, 16, 3), 128, np.uint8)), ends_in_grey(np.zeros((16, 16, 3)))
    (True, False)
    """
    rest = image[-_BLOCK:, image.shape[1] // 2 :]
    return bool((rest == _GREY).all())


def ends_within_a_row(image: Image) -> bool:
    """Whether uncompressed pixels, in the order of their rows, end within one of them: from there
    on all are alike, in at least two more rows, though the row above continues.

    A margin begins with a row. The rest of a file that was copied in part begins anywhere.

    >>> whole = np.arange(1, 41).reshape(10, 4)[..., None].repeat(3, 2)
    >>> cut = np.where(whole < 22, whole, 0)
    >>> ends_within_a_row(cut), ends_within_a_row(whole), ends_within_a_row(whole[:5] * 0)
    (True, False, False)
    """
    rest = image[-1, -1]
    if not (image[-1] == rest).all():
        return False
    rows = (image != rest).any(axis=2)
    full = np.flatnonzero(rows.any(axis=1))
    last = int(full[-1]) if full.size else 0
    if last < 1 or last > len(rows) - 3:
        return False
    cut = int(np.flatnonzero(rows[last])[-1]) + 1
    above = rows[last - 1, cut:]
    return bool(above.size and above.mean() >= _MIN_SHARE)
