import io

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from busicli.errors import InputError
from busicli.io.masks import (
    border_share,
    decode_mask,
    decode_reference,
    find_mask,
    has_two_values,
    is_mask_like,
)
from tests.made_images import stored

RED_BLUE = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
LESION = np.zeros((30, 40), bool)
LESION[10:20, 10:25] = True  # 150 px


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_few_values_are_labels_of_lesions_at_any_depth(dtype):
    labels = np.array([[0, 1, 2], [0, 0, 3]], dtype)
    mask = decode_mask(stored(Pillow.fromarray(labels), "TIFF"))
    assert mask.dtype == np.bool_
    assert mask.tolist() == [[False, True, True], [False, False, True]]


def test_many_values_are_lesion_above_half_of_the_highest():
    ramp = np.arange(0, 256, 5, dtype=np.uint8)[None]  # 0, 5 .. 255: half is 127.5
    mask = decode_mask(stored(Pillow.fromarray(ramp)))
    assert mask.tolist() == (ramp >= 130).tolist()


def test_labels_without_a_gap_are_labels_however_many():
    labels = np.arange(40, dtype=np.uint8).reshape(5, 8).repeat(3, axis=1)
    for stored_labels in (labels, labels.astype(np.uint16)):
        found = find_mask(stored(Pillow.fromarray(stored_labels)))
        assert found.mask.tolist() == (labels > 0).tolist()
        assert not found.cut


def test_every_grey_of_a_map_is_no_label():
    ramp = np.arange(256, dtype=np.uint8).reshape(8, 32)  # no two neighbours are equal
    found = find_mask(stored(Pillow.fromarray(ramp)))
    assert found.mask.tolist() == (ramp >= 128).tolist()
    assert found.cut


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_an_array_of_a_mask_is_read(dtype):
    reference = np.array([[0, 1, 0], [0, 1, 1]], bool)
    assert find_mask(npy(reference.astype(dtype))).mask.tolist() == reference.tolist()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (npy(np.zeros((2, 3, 1))), r"shape \(2, 3, 1\)"),
        (npy(np.zeros((0, 3))), "shape"),
        (npy(np.array([["a"]])), "type <U1"),
        (npy(np.array([[{}]], object)), "NumPy file of Python objects"),
        (npy(np.zeros((9, 9)))[:-1], "not an array of numbers"),
        (npy(np.array([[np.nan, 1]])), "NaN or infinite"),
    ],
)
def test_an_array_that_is_no_mask_says_why(data, words):
    with pytest.raises(InputError, match=words):
        find_mask(data)


def test_a_large_array_is_refused():
    with pytest.raises(InputError, match="12 pixels"):
        find_mask(npy(np.zeros((3, 4), bool)), max_pixels=11)


def test_a_jpeg_mask_keeps_its_lesion():
    reference = np.zeros((64, 48), bool)
    reference[16:40, 8:32] = True
    data = stored(Pillow.fromarray(reference.astype(np.uint8) * np.uint8(255)), "JPEG", quality=60)
    assert decode_mask(data).tolist() == reference.tolist()


def test_a_coloured_mask_is_lesion_where_any_channel_is():
    assert decode_mask(stored(Pillow.fromarray(RED_BLUE))).all()


def test_an_empty_mask_stays_empty():
    mask = decode_mask(stored(Pillow.new("L", (5, 3))))
    assert mask.shape == (3, 5)
    assert not mask.any()


def bytes_of(inside, outside, mode):
    """LESION in two colours of a mode."""
    image = Pillow.new(mode, LESION.T.shape, outside)
    ImageDraw.Draw(image).rectangle((10, 10, 24, 19), fill=inside)
    return image


@pytest.mark.parametrize(
    ("mode", "inside", "outside"),
    [
        ("RGBA", (255, 255, 255, 255), (255, 255, 255, 0)),
        ("RGBA", (255, 0, 0, 127), (255, 0, 0, 0)),
        ("RGBA", (0, 0, 0, 255), (0, 0, 0, 0)),
        ("RGBA", (255, 255, 255, 255), (0, 0, 0, 255)),
        ("LA", (255, 255), (255, 0)),
    ],
)
def test_what_is_drawn_on_nothing_is_lesion(mode, inside, outside):
    assert (decode_reference(stored(bytes_of(inside, outside, mode))) == LESION).all()


def test_transparent_margins_of_a_black_and_white_mask_are_background():
    image = bytes_of((255, 255, 255, 255), (0, 0, 0, 255), "RGBA")
    image.paste((9, 9, 9, 0), (0, 0, 40, 5))
    assert (decode_reference(stored(image)) == LESION).all()


@pytest.mark.parametrize(
    ("palette", "options"),
    [
        ((0, 0, 0, 255, 0, 0), {}),
        ((68, 1, 84, 253, 231, 37), {}),  # viridis
        ((255, 255, 255, 0, 0, 0), {}),  # black on white
        ((255, 255, 255, 255, 0, 0), {"transparency": 0}),
    ],
)
def test_the_first_colour_of_a_palette_is_background(palette, options):
    image = bytes_of(1, 0, "P")
    image.putpalette(palette)
    assert (decode_reference(stored(image, **options)) == LESION).all()


def test_a_lesion_of_a_bright_first_colour_is_told_by_the_border():
    image = bytes_of(0, 1, "P")  # as quantize() may number black and white
    image.putpalette((255, 255, 255, 0, 0, 0))
    assert (decode_reference(stored(image)) == LESION).all()


@pytest.mark.parametrize(
    "image",
    [
        bytes_of(0, 255, "L"),
        bytes_of(2, 1, "L"),
        bytes_of((253, 231, 37), (68, 1, 84), "RGB"),
        Pillow.new("L", (4, 3), 255),
    ],
)
def test_a_reference_that_holds_the_border_is_refused(image):
    with pytest.raises(InputError, match=r"marks 100% of the image's border"):
        decode_reference(stored(image))


def test_a_reference_of_greys_is_refused():
    scan = np.random.default_rng(0).integers(0, 200, (30, 40), np.uint8)
    with pytest.raises(InputError, match="mostly greys"):
        decode_reference(stored(Pillow.fromarray(scan)))


def test_a_reference_may_touch_the_border():
    mask = np.zeros((4, 6), bool)
    mask[:2, :4] = True  # 5 of the 16 outermost pixels, as the top row has 4 and the left one more
    assert border_share(mask) == 5 / 16
    assert decode_reference(stored(Pillow.fromarray(mask))).tolist() == mask.tolist()


@pytest.mark.parametrize("quality", [30, 60, 95])
def test_a_jpeg_is_cut_at_half_of_its_range(quality):
    image = bytes_of(255, 30, "L")  # half of the range is 142
    assert (decode_mask(stored(image, "JPEG", quality=quality)) == LESION).all()


def test_a_jpeg_that_became_a_png_of_few_values_is_cut_too():
    values = np.where(LESION, 255, 0)
    values[0, :2] = 1, 2
    values[10, 10] = 253
    assert (decode_mask(stored(Pillow.fromarray(values.astype(np.uint8)))) == LESION).all()


def test_masks_and_scans_are_told_by_their_greys():
    grey = np.random.default_rng(0).integers(0, 200, (30, 40), np.uint8)
    blank = np.zeros((3, 4, 3), np.uint8)
    scan, mask = (np.repeat(a[..., None], 3, axis=2) for a in (grey, LESION * np.uint8(255)))
    assert [is_mask_like(a) for a in (scan, mask, blank)] == [False, True, True]
    assert [has_two_values(a) for a in (scan, mask, blank)] == [False, True, True]
    mask[0, 0] = 7
    assert (is_mask_like(mask), has_two_values(mask)) == (True, False)
