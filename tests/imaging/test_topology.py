"""Components and holes of small masks, counted by hand and by scikit-image."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import binary_fill_holes
from skimage import measure

from busicli.imaging.topology import component_count, euler_number, fill_holes

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))
EIGHT = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
"""One component with two holes."""


@given(MASKS)
def test_components_less_holes(mask):
    components = int(measure.label(mask, connectivity=2).max())
    assert component_count(mask) == components
    holes = int(measure.label(np.pad(~mask, 1, constant_values=True), connectivity=1).max()) - 1
    assert euler_number(mask) == components - holes


@given(MASKS)
def test_all_holes_are_filled(mask):
    assert np.array_equal(fill_holes(mask, component_count(mask)), binary_fill_holes(mask))


def test_a_hole_is_filled_up_to_a_share_of_the_map():
    mask = EIGHT.copy()
    mask[2, 1] = False  # now one hole of three pixels
    assert euler_number(mask) == 0
    assert fill_holes(mask, 1, map_px=15, max_fraction=3 / 15).all()
    assert fill_holes(mask, 1, map_px=15, max_fraction=2 / 15).sum() == 12


def test_an_empty_mask_has_no_component():
    assert component_count(np.zeros((2, 3), bool)) == euler_number(np.zeros((2, 3), bool)) == 0
