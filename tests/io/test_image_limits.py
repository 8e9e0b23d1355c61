"""Images that are damaged, too large, or none."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from busicli.errors import InputError
from busicli.io.images import (
    NotAnImageError,
    check_pixels,
    decode_frames,
    decode_scan,
    read_scan,
)
from tests.io.made_files import PATTERN, multi_frame
from tests.made_images import stored

QUIET = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # what Pillow says of damaged files


def test_several_frames_are_refused_where_one_is_needed():
    data = multi_frame(Pillow.new("L", (4, 3)), Pillow.new("L", (4, 3)))
    with pytest.raises(InputError, match="has 2 frames"):
        decode_scan(data)


@pytest.mark.parametrize(
    "data",
    [b"\x00", b"no image at all", b"BM"],
)
def test_other_bytes_are_no_image(data):
    with pytest.raises(NotAnImageError, match=r"PNG, JPEG, BMP or TIFF"):
        decode_scan(data)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_an_image_cut_short_is_refused(form, share):
    data = stored(Pillow.fromarray(PATTERN), form)
    with pytest.raises(InputError):
        decode_scan(data[: int(share * len(data))])


@QUIET
@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF"])
@given(changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8))
def test_damaged_bytes_give_an_image_or_our_own_error(form, changes):
    data = bytearray(stored(Pillow.fromarray(PATTERN[:8, :16]), form))
    for position, value in changes:
        data[position % len(data)] = value
    try:
        scan = decode_scan(bytes(data), max_pixels=10_000)
    except InputError:
        return
    assert scan.dtype == np.uint8
    assert scan.shape[2:] == (3,)


@QUIET
def test_a_tiff_whose_next_directory_is_rubbish_is_damaged():
    # The last four bytes of the first directory, here at the file's end, point to the next one.
    data = stored(Pillow.new("L", (4, 3)), "TIFF")
    entries = int.from_bytes(data[8:10], "little")
    position = 10 + 12 * entries
    assert data[position : position + 4] == bytes(4)
    with pytest.raises(InputError, match="damaged"):
        decode_scan(data[:position] + (4).to_bytes(4, "little") + data[position + 4 :])


def test_too_many_pixels_are_refused_before_they_are_decoded():
    # The header says 30,000 x 30,000; no pixel data follow, so decoding would say "damaged".
    data = bytearray(stored(Pillow.new("L", (4, 3)), "BMP"))
    data[18:26] = np.array([30_000, 30_000], "<i4").tobytes()
    with pytest.raises(InputError, match="900,000,000 pixels; at most 50,000,000"):
        decode_scan(bytes(data))


@pytest.mark.parametrize(("limit", "accepted"), [(12, True), (11, False)])
def test_the_limit_itself_is_allowed(limit, accepted):
    data = stored(Pillow.new("L", (4, 3)))
    if accepted:
        assert decode_scan(data, max_pixels=limit).shape == (3, 4, 3)
    else:
        with pytest.raises(InputError, match="12 pixels; at most 11"):
            decode_scan(data, max_pixels=limit)


def test_the_limit_is_on_all_frames_together():
    data = multi_frame(*(Pillow.new("L", (4, 3)) for _ in range(3)))
    with pytest.raises(InputError, match="36 pixels"):
        list(decode_frames(data, max_pixels=35))


def test_a_later_frame_larger_than_the_first_counts_with_its_own_size():
    # 4 x 3 and 40 x 30 are 1,212 pixels, though two of the first would be 24.
    data = multi_frame(Pillow.new("L", (4, 3)), Pillow.new("L", (40, 30)))
    with pytest.raises(InputError, match="1,212 pixels"):
        list(decode_frames(data, max_pixels=1000))


def test_so_many_frames_are_refused_however_small_they_are():
    # 50,000,000 / 65,536 = 762: each is enlarged for the network
    check_pixels(1, 50_000_000, frames=762)
    with pytest.raises(InputError, match="763 frames; at most 762"):
        check_pixels(1, 50_000_000, frames=763)


def test_a_file_too_large_for_any_scan_is_not_read(tmp_path):
    film = tmp_path / "film"
    with film.open("wb") as file:
        file.truncate(2**40)  # a hole: it takes no room
    with pytest.raises(NotAnImageError, match="1,099,511,627,776 bytes"):
        read_scan(film)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(NotAnImageError, match="pipe"):
        read_scan(tmp_path / "pipe.png")
