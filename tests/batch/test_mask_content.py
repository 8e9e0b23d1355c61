import io
from pathlib import PurePosixPath

import numpy as np
import pytest
from PIL import Image as Pillow

from busicli.batch.inputs import InputFile
from busicli.batch.mask_content import is_mask
from busicli.io.scans import decode_file

GREYS = np.random.default_rng(0).integers(0, 200, (30, 40), np.uint8)
MASK = np.where(np.arange(40) < 9, 255, 0).astype(np.uint8)[None].repeat(30, 0)


def png(greys):
    buffer = io.BytesIO()
    Pillow.fromarray(greys).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("scan", "content", "named", "expected"),
    [
        (GREYS, MASK, True, True),
        (GREYS, MASK, False, True),
        (GREYS, MASK // 255 * 240 + np.arange(40, dtype=np.uint8) % 7, False, True),  # as in JPEG
        (GREYS, 0 * MASK, False, True),  # of a scan without a lesion
        (GREYS, GREYS, True, False),  # a scan called x_label, or with a contour drawn in
        (GREYS, np.minimum(MASK, np.arange(40) * 40 % 251).astype(np.uint8), False, False),
        (GREYS, MASK[:20], False, False),  # another size
        (MASK, MASK, False, False),  # of what would it be the mask?
    ],
)
def test_content_and_size_tell_a_mask_from_a_scan(tmp_path, scan, content, named, expected):
    (tmp_path / "a.png").write_bytes(png(scan))
    entry = InputFile(
        path=tmp_path / "b" / "a.png",
        relative=PurePosixPath("b/a.png"),
        mask_of=(tmp_path / "a.png",),
        named_as_mask=named,
    )
    assert is_mask(entry, png(content), decode_file) == expected


def test_what_cannot_be_read_is_no_mask(tmp_path):
    entry = InputFile(
        path=tmp_path / "a_gt.png",
        relative=PurePosixPath("a_gt.png"),
        mask_of=(tmp_path / "gone.png",),
    )
    assert not is_mask(entry, b"\x89PNG cut", decode_file)
    assert not is_mask(entry, png(MASK), decode_file)
