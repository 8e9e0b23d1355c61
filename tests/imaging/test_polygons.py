"""Polygons of masks, and masks of polygons."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label

from busicli.imaging.polygons import mask_polygons, polygon_mask
from busicli.imaging.topology import fill_holes

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def test_a_square_needs_few_points():
    mask = np.zeros((30, 30), bool)
    mask[10:20, 5:25] = True
    (polygon,) = mask_polygons(mask)
    assert len(polygon) < 12  # of 56 along its rim
    assert np.array_equal(polygon_mask([polygon], mask.shape), mask)


@given(MASKS)
def test_each_lesion_comes_back_without_its_holes(mask):
    polygons, lesions = mask_polygons(mask), label(mask, connectivity=2)
    assert len(polygons) == lesions.max()
    filled = np.any([fill_holes(lesions == n, 1) for n in range(1, lesions.max() + 1)], axis=0)
    drawn = polygon_mask(polygons, mask.shape)
    assert 2 * (drawn & filled).sum() >= 0.998 * (drawn.sum() + np.sum(filled))


def test_no_lesion_no_polygon():
    assert mask_polygons(np.zeros((3, 4), bool)) == ()
