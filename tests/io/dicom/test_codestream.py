import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from busicli.io.dicom.codestream import image_size


@pytest.mark.parametrize("form", ["JPEG", "JPEG2000"])
def test_a_stream_says_its_size(form):
    file = io.BytesIO()
    Pillow.new("RGB", (70, 50)).save(file, form)
    assert image_size(file.getvalue()) == (50, 70, 3)


def test_a_boxed_stream_that_contradicts_its_box_has_no_size():
    file = io.BytesIO()
    Pillow.new("RGB", (70, 50)).save(file, "JPEG2000")
    box = file.getvalue().index(b"ihdr") + 4
    lying = bytearray(file.getvalue())
    lying[box : box + 4] = (51).to_bytes(4, "big")
    assert image_size(bytes(lying)) is None


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\xff\x4f\xff\x51"]))
def test_any_bytes_have_a_size_or_none(tail, start):
    found = image_size(start + tail)
    assert found is None or len(found) == 3
