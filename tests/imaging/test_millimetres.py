import math

import numpy as np
import pytest
from pydicom.examples import get_path

from busicli.imaging.measure import lesions
from busicli.imaging.millimetres import in_millimetres
from busicli.io.dicom.read import open_dicom
from busicli.io.images import MAX_PIXELS
from busicli.types import LesionMm, Region, Scale, Spacing
from tests.dicom_maker import region, ultrasound

SIZE = (120, 160)
PICTURE = np.zeros(SIZE, np.uint8)
WHOLE = (0, 0, 119, 159)


def scale_of(*regions, **changes) -> Scale:
    return open_dicom(ultrasound(PICTURE, regions=regions, **changes), max_pixels=MAX_PIXELS).scale


def measured(mask: np.ndarray, *regions: Region) -> LesionMm | None:
    (found,) = lesions(mask, mask.astype(np.float32))
    return in_millimetres(found, Scale(origin="a test", regions=regions))


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


def calibrated(row_mm: float, column_mm: float, *corners: int, skin: bool = True) -> Region:
    return Region(
        box=tuple(corners) or (0, 0, *SIZE),
        spacing=Spacing(row_mm=row_mm, column_mm=column_mm),
        begins_at_skin=skin,
    )


def turned_ellipse(semi_rows: float, semi_columns: float, angle_deg: float) -> np.ndarray:
    """In a large image; the angle turns the columns' axis towards the top."""
    rows, columns = np.mgrid[-150:150, -150:150]
    angle = math.radians(angle_deg)
    along = columns * math.cos(angle) - rows * math.sin(angle)
    across = columns * math.sin(angle) + rows * math.cos(angle)
    return (along / semi_columns) ** 2 + (across / semi_rows) ** 2 <= 1


def test_square_pixels_scale_everything():
    found = measured(box(20, 30, 40, 70), calibrated(0.1, 0.1, 10, 0, 120, 160))
    # an n px side has a second moment of n * n / 12, and a full axis of 4 n / sqrt(12)
    assert found.long_axis_mm == pytest.approx(4.0 * 4 / math.sqrt(12))
    assert found.short_axis_mm == pytest.approx(2.0 * 4 / math.sqrt(12))
    assert found.area_mm2 == pytest.approx(20 * 40 * 0.01)
    assert (found.width_mm, found.height_mm) == pytest.approx((4.0, 2.0))
    assert found.wider_than_tall_ratio == pytest.approx(2.0)
    assert found.depth_mm == pytest.approx(1.0)  # 10 rows below the region's top


def test_unequal_pixels_can_make_the_long_side_the_short_one():
    found = measured(box(20, 30, 40, 70), calibrated(0.3, 0.1))  # 6 mm tall, 4 mm wide
    assert (found.width_mm, found.height_mm) == pytest.approx((4.0, 6.0))
    assert found.wider_than_tall_ratio == pytest.approx(4 / 6)
    assert found.long_axis_mm == pytest.approx(6.0 * 4 / math.sqrt(12))


@pytest.mark.parametrize("angle_deg", [0, 30, 45, 90, -60])
def test_axes_of_a_turned_ellipse_in_unequal_pixels(angle_deg):
    """Against the same lesion drawn on a grid of square pixels, where axes need no turning."""
    mask = turned_ellipse(30, 60, angle_deg)
    stretched = np.repeat(mask, 2, axis=0)  # rows half as far apart: 0.1 mm each way
    (plain,) = lesions(stretched, stretched.astype(np.float32))
    (found,) = lesions(mask, mask.astype(np.float32))
    region_ = calibrated(0.2, 0.1, 0, 0, 300, 300)
    in_mm = in_millimetres(found, Scale(origin="a test", regions=(region_,)))
    assert in_mm.long_axis_mm == pytest.approx(0.1 * plain.long_axis_px, rel=1e-3)
    assert in_mm.short_axis_mm == pytest.approx(0.1 * plain.short_axis_px, rel=1e-3)


def test_a_single_pixel():
    found = measured(box(5, 5, 6, 6), calibrated(0.2, 0.1))
    assert found.area_mm2 == pytest.approx(0.02)
    assert found.wider_than_tall_ratio == pytest.approx(0.5)


def test_no_depth_where_the_skin_is_not_known():
    assert measured(box(5, 5, 9, 9), calibrated(0.1, 0.1, skin=False)).depth_mm is None


@pytest.mark.parametrize("corners", [(0, 0, 30, 160), (0, 0, 120, 69), (21, 0, 120, 160)])
def test_nothing_for_a_lesion_that_reaches_out_of_its_region(corners):
    assert measured(box(20, 30, 40, 70), calibrated(0.1, 0.1, *corners)) is None


def test_side_by_side_regions_each_have_their_own_spacing():
    left, right = calibrated(0.1, 0.1, 0, 0, 120, 80), calibrated(0.2, 0.2, 0, 80, 120, 160)
    assert measured(box(10, 10, 20, 20), left, right).width_mm == pytest.approx(1.0)
    assert measured(box(10, 90, 20, 100), left, right).width_mm == pytest.approx(2.0)
    assert measured(box(10, 70, 20, 90), left, right) is None


def test_overlapping_regions_that_disagree_leave_nothing():
    inner = calibrated(0.2, 0.2, 0, 0, 60, 60)
    assert measured(box(10, 10, 20, 20), calibrated(0.1, 0.1), inner) is None
    same = calibrated(0.1, 0.1, 5, 0, 60, 60)
    found = measured(box(10, 10, 20, 20), calibrated(0.1, 0.1), same)
    assert found.width_mm == pytest.approx(1.0)
    assert found.depth_mm is None  # which top?


def test_a_region_that_reaches_into_the_lesion_is_heard_too():
    left = calibrated(0.1, 0.1, 0, 0, 120, 100)
    lesion = box(10, 40, 30, 80)
    assert measured(lesion, left, calibrated(0.2, 0.2, 0, 50, 120, 160)) is None
    assert measured(lesion, left, calibrated(0.1, 0.1, 0, 50, 120, 160)).depth_mm is None
    beside = measured(lesion, left, calibrated(0.2, 0.2, 0, 80, 120, 160))
    assert (beside.width_mm, beside.depth_mm) == pytest.approx((4.0, 1.0))


def test_a_region_of_tissue_gives_its_spacing():
    found = scale_of(region((10, 20, 99, 149), 0.02, 0.01))
    assert found.origin == "ultrasound regions of the file"
    assert found.regions == (calibrated(0.2, 0.1, 10, 20, 100, 150),)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (region((0, 0, 120, 159), 0.01, 0.01), "reaches out of the image"),
        (region((0, 0, 119, 160), 0.01, 0.01), "reaches out of the image"),
        (region((-1, 0, 119, 159), 0.01, 0.01, RegionFlags=1), "reaches out of the image"),
        (region((50, 0, 50, 159), 0.0, 0.01), "no ultrasound region of tissue"),
        (region((60, 0, 50, 159), 0.01, 0.01), "reaches out of the image"),
        (region(WHOLE, 0.01, 0.0), "no ultrasound region of tissue"),
        (region(WHOLE, -0.01, 0.01), "no ultrasound region of tissue"),
        (region(WHOLE, float("nan"), 0.01), "no ultrasound region of tissue"),
        (region(WHOLE, float("inf"), 0.01), "no ultrasound region of tissue"),
        (region(WHOLE, 0.2, 0.2), "no ultrasound region of tissue"),  # 2 mm a pixel
        (region(WHOLE, 0.0001, 0.0001), "no ultrasound region of tissue"),  # 1 micrometre
        (region(WHOLE, 0.01, 0.01, PhysicalUnitsXDirection=4), "no ultrasound region of tissue"),
        (region(WHOLE, 0.01, 0.01, PhysicalUnitsYDirection=0), "no ultrasound region of tissue"),
        (region(WHOLE, 0.01, 0.01, RegionDataType=2), "no ultrasound region of tissue"),
        (region(WHOLE, 0.01, 0.01, RegionSpatialFormat=2), "no ultrasound region of tissue"),
    ],
)
def test_doubtful_regions_give_no_millimetre(item, reason):
    if item.RegionLocationMinY0 < 0:
        del item.RegionLocationMinY0  # the attribute holds no negative number: as if left out
    found = scale_of(item)
    assert found.regions == ()
    assert reason in found.origin


def test_one_region_out_of_the_image_discredits_all():
    found = scale_of(region(WHOLE, 0.01, 0.01), region((0, 0, 200, 20), 0, 0, RegionDataType=10))
    assert found.regions == ()


def test_without_regions_there_is_no_millimetre_though_a_pixel_spacing_is_stated():
    assert scale_of(PixelSpacing=[0.1, 0.1]).regions == ()


@pytest.mark.parametrize(
    ("stated", "trusted"),
    [
        ({"PixelSpacing": [0.1, 0.1]}, True),
        ({"PixelSpacing": [0.1, 0.2]}, False),
        ({"PixelAspectRatio": [1, 1]}, True),
        ({"PixelAspectRatio": [2, 1]}, False),
        ({"PixelSpacing": 0.1}, False),
        ({"PixelSpacing": [0.1, 0.1, 0.1]}, False),
        ({"PixelAspectRatio": "1"}, False),
    ],
)
def test_a_second_statement_must_agree_and_be_readable(stated, trusted):
    assert bool(scale_of(region(WHOLE, 0.01, 0.01), **stated).regions) is trusted


@pytest.mark.parametrize("name", ["PixelSpacing", "PixelAspectRatio"])
def test_a_second_statement_that_is_no_number_leaves_no_millimetre_but_the_scan(name):
    data = ultrasound(PICTURE, regions=[region(WHOLE, 0.01, 0.01)], **{name: ["131", "131"]})
    unreadable = data.replace(b"131\\131", b"131 um ")
    assert open_dicom(unreadable, max_pixels=MAX_PIXELS).scale.regions == ()


@pytest.mark.parametrize("name", ["palette_color", "ybr_color"])
def test_the_two_real_files_whose_regions_are_wrong_give_no_millimetre(name):
    with open(get_path(name), "rb") as file:  # noqa: PTH123 - a path as text
        scale = open_dicom(file.read(), max_pixels=MAX_PIXELS).scale
    assert scale == Scale(origin="none: an ultrasound region reaches out of the image")
