"""What settings of post-processing keep, from components measured once."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from busicli.imaging.detection import References, components_of, detections, kept_components
from busicli.imaging.metrics import dice, lesion_coverage
from busicli.imaging.postprocess import lesion_mask, presence
from busicli.settings import PostprocessSettings


def found_with(maps, masks, settings):
    references = References.of(masks)
    measured = components_of(maps, references, settings.threshold, settings.max_hole_fraction)
    scores = np.array([presence(each) for each in maps])
    return detections(measured, references, kept_components(measured, scores, settings))


@pytest.mark.parametrize("threshold", [0.4, 0.5, 0.6])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("least", [0.0005, 0.01])
@pytest.mark.parametrize("sure", [0.0, 0.7])
def test_dice_and_lesions_are_those_of_the_masks(threshold, share, least, sure):
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.normal(size=(20, 48, 64)), (0, 3, 3))
    maps = np.clip(0.45 + noise / noise.std() / 6, 0, 1).astype(np.float32)
    masks = list(gaussian_filter(noise + 0.3 * noise[::-1], (0, 1, 1)) > 1.2 * noise.std())
    settings = PostprocessSettings(
        threshold=threshold, min_share_of_best=share, min_area_fraction=least, min_presence=sure
    )
    found = found_with(maps, masks, settings)
    made = [lesion_mask(each, settings) for each in maps]
    expected = [dice(mask, reference) for mask, reference in zip(made, masks, strict=True)]
    assert found.dice == pytest.approx(expected, nan_ok=True)
    pairs = [lesion_coverage(mask, each) for mask, each in zip(made, masks, strict=True)]
    missed = sum(int((10 * covered < areas).sum()) for areas, covered in pairs)
    assert (~found.found).sum() == missed


def test_a_hole_is_filled_and_what_lies_in_it_counts_once():
    probability = np.zeros((20, 20), np.float32)
    probability[2:18, 2:18] = 0.9
    probability[5:15, 5:15] = 0.1
    probability[8:12, 8:12] = 0.9
    reference = np.zeros((20, 20), bool)
    reference[2:18, 2:18] = True
    found = found_with([probability], [reference], PostprocessSettings())
    assert found.dice.tolist() == [1.0]
    assert (found.found.tolist(), found.false.tolist()) == ([True], [0])


def test_a_component_is_false_where_less_than_a_tenth_lies_on_the_reference():
    probability = np.zeros((10, 30), np.float32)
    probability[0, :10] = 0.9  # one of ten pixels on the lesion
    probability[9, :11] = 0.9  # one of eleven
    reference = np.zeros((10, 30), bool)
    reference[0, 0] = reference[9, 0] = True
    found = found_with([probability], [reference], PostprocessSettings())
    assert (found.found.tolist(), found.false.tolist()) == ([True, True], [1])


def test_a_scan_with_neither_mask_nor_lesion_has_no_dice():
    found = found_with(
        [np.zeros((4, 4), np.float32)], [np.zeros((4, 4), bool)], PostprocessSettings()
    )
    assert np.isnan(found.dice).tolist() == [True]
    assert (found.found.size, found.false.tolist()) == (0, [0])
