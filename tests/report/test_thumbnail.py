import io

import numpy as np
import pytest
from PIL import Image

from busicli.report.thumbnail import LONGEST_PX, encode_comparison, encode_thumbnail, small_shape

GREY = np.full((480, 640, 3), 60, np.uint8)


def shown(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    return np.asarray(image).astype(int)


def yellow(image: np.ndarray) -> np.ndarray:
    return image[..., 0] - image[..., 2] > 100


def blue(image: np.ndarray) -> np.ndarray:
    return image[..., 2] - image[..., 0] > 80


def box(top, left, bottom, right, shape=(480, 640)):
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("shape", "small"),
    [((480, 640), (240, 320)), ((1000, 250), (320, 80)), ((30, 40), (30, 40)), ((1, 1), (1, 1))],
)
def test_images_keep_their_proportions_and_are_never_enlarged(shape, small):
    assert small_shape(shape) == small
    scan = np.zeros((*shape, 3), np.uint8)
    assert shown(encode_thumbnail(scan, np.zeros(shape, bool))).shape == (*small, 3)


def test_the_line_runs_round_the_shrunk_lesion_two_pixels_wide():
    # 480 x 640 shrinks to half: the box is rows 50 to 100, columns 80 to 160 of the image.
    image = shown(encode_thumbnail(GREY, box(100, 160, 200, 320)))
    columns = np.flatnonzero(yellow(image)[75])
    assert columns.tolist() == [78, 79, 160, 161]
    rows = np.flatnonzero(yellow(image)[:, 120])
    assert rows.tolist() == [48, 49, 100, 101]


def test_without_a_lesion_the_scan_stands_alone():
    image = shown(encode_thumbnail(GREY, np.zeros((480, 640), bool)))
    assert (image == 60).all()


def test_a_line_runs_round_the_views():
    # 480 x 640 shrinks to half: the view is rows 50 to 100, columns 80 to 160 of the image.
    views = [(100, 160, 200, 320), (0, 0, 480, 640)]
    image = shown(encode_thumbnail(GREY, np.zeros((480, 640), bool), views))
    green = image[..., 1] - image[..., 0] > 80
    assert np.flatnonzero(green[75]).tolist() == [79, 160]
    assert np.flatnonzero(green[:, 120]).tolist() == [49, 100]


@pytest.mark.parametrize("side", [1, 3])
def test_the_smallest_lesion_can_still_be_seen_beside_a_large_one(side):
    scan = np.full((3000, 4000, 3), 60, np.uint8)
    mask = box(2000, 2000, 2600, 2600, (3000, 4000)) | box(
        500, 500, 500 + side, 500 + side, (3000, 4000)
    )
    image = shown(encode_thumbnail(scan, mask))
    assert max(image.shape) == LONGEST_PX
    # 500 / 12.5 = 40
    assert yellow(image)[35:46, 35:46].any()


def test_nothing_that_was_given_is_changed():
    scan, mask = GREY.copy(), box(10, 10, 50, 50)
    before = mask.copy()
    encode_thumbnail(scan, mask)
    assert (scan == GREY).all()
    assert (mask == before).all()


def test_both_contours_are_there_in_two_colours():
    image = shown(encode_comparison(GREY, box(100, 100, 200, 200), box(300, 300, 400, 500)))
    assert yellow(image)[40:110, 40:110].any()
    assert not yellow(image)[140:, 140:].any()
    assert blue(image)[145:205, 145:255].any()
    assert not blue(image)[:110, :110].any()


def test_where_both_contours_are_the_same_they_take_turns():
    mask = box(100, 160, 200, 320)
    image = shown(encode_comparison(GREY, mask, mask))
    top = slice(80, 160)
    assert yellow(image)[49, top].sum() > 20
    assert blue(image)[49, top].sum() > 20


def test_the_scan_may_be_stored_at_another_size_than_its_masks():
    stored = np.full((64, 64, 3), 60, np.uint8)
    image = shown(encode_comparison(stored, box(0, 0, 9, 9), box(0, 0, 9, 9)))
    assert image.shape == (240, 320, 3)
