import gzip
import io
import json
import struct

import numpy as np
import pytest
from PIL import Image

from busicli.errors import InputError
from busicli.io.decode_process import ProcessDecoder, answer
from busicli.io.images import NotAnImageError, UnreadKindError, decode_scan
from busicli.io.kinds import unread_kind
from busicli.io.masks import find_mask
from busicli.io.scans import decode_file

GREYS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def tiff(values: np.ndarray, form: int, compression: int = 1) -> bytes:
    """An uncompressed TIFF of one strip; `form` is its SampleFormat."""
    rows, columns = values.shape
    tags = {
        256: columns,
        257: rows,
        258: 8 * values.dtype.itemsize,
        259: compression,
        262: 1,
        273: 8,
        277: 1,
        278: rows,
        279: values.nbytes,
        339: form,
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    start = 8 + values.nbytes
    end = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", start) + values.tobytes() + end


def saved(form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(GREYS).save(file, form)
    return file.getvalue()


def array(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


NIFTI = struct.pack("<i", 348) + bytes(340) + b"n+1\0" + bytes(100)
KINDS = {
    "TIFF of 64-bit floats": tiff(GREYS.astype(np.float64), 3),
    "TIFF of 16-bit floats": tiff(GREYS.astype(np.float16), 3),
    "TIFF of 8-bit signed integers": tiff(GREYS.astype(np.int8), 2),
    "TIFF of 64-bit integers": tiff(GREYS.astype(np.uint64), 1),
    "TIFF of 64-bit complex floats": tiff(GREYS.astype(np.complex64), 6),
    "TIFF compressed as WebP": tiff(GREYS, 1, 50001),
    "TIFF compressed as number 65000": tiff(GREYS, 1, 65000),
    "a NIfTI volume": NIFTI,
    "a compressed NIfTI volume": gzip.compress(NIFTI),
    "a gzip archive": gzip.compress(b"text"),
    "Cellpose's _seg.npy": array(np.array({"masks": GREYS}, dtype=object)),
    "a PNG of an unusual or damaged form": saved("PNG")[:20],
    "a BMP of an unusual or damaged form": saved("BMP")[:14] + bytes([99]) + saved("BMP")[15:],
    "a GIF image": saved("GIF"),
    "a WebP image": saved("WEBP"),
    "a JPEG 2000 image": saved("JPEG2000"),
    "a Netpbm image": saved("PPM"),
    "a PDF document": saved("PDF"),
    "a video": b"\0\0\0\x18ftypmp42" + bytes(16),
    "a ZIP archive": b"PK\x03\x04" + bytes(30),
    "an HTML or XML file": b"<!DOCTYPE html><html>",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_is_not_read_is_named(kind):
    for decode in (decode_scan, decode_file):
        with pytest.raises(NotAnImageError, match=f"is .*{kind}.*, which is not read; store it"):
            decode(KINDS[kind])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "npy" in kind or "NIfTI" in kind])
def test_a_kind_that_is_no_mask_is_named_too(kind):
    with pytest.raises(InputError, match=kind):
        find_mask(KINDS[kind])


@pytest.mark.parametrize("decode", [decode_scan, decode_file, find_mask])
def test_an_empty_file_is_empty(decode):
    with pytest.raises(InputError, match="is empty"):
        decode(b"")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_numbers_that_are_read_are_of_no_such_kind(dtype):
    form = {"u": 1, "i": 2, "f": 3}[np.dtype(dtype).kind]
    assert decode_scan(tiff(GREYS.astype(dtype), form)).shape == (3, 4, 3)


@pytest.mark.parametrize("data", [b"?", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*", b"RIFF"])
def test_any_few_bytes_have_a_kind_or_none(data):
    assert isinstance(unread_kind(data), str)
    with pytest.raises(NotAnImageError):
        decode_scan(data)


def test_a_kind_stays_named_where_another_process_decodes():
    told = answer([b"1000000", KINDS["TIFF of 64-bit floats"]])[0]
    assert json.loads(told)["error"] == "UnreadKindError"
    with pytest.raises(UnreadKindError, match="64-bit floats"):
        ProcessDecoder(answer, 1_000_000)(KINDS["TIFF of 64-bit floats"])
