import numpy as np
import pytest

from busicli.errors import InputError
from busicli.imaging.confidence import FEATURES, confidence, map_features
from busicli.settings import ConfidenceSettings


def lesion_map(high: float = 0.9, low: float = 0.1) -> np.ndarray:
    """A 64 x 64 map of `low` with a square of 8 x 16 pixels of `high`."""
    probability = np.full((64, 64), low, np.float32)
    probability[16:24, 32:48] = high
    return probability


def named(probability, mask) -> dict[str, float]:
    return dict(zip(FEATURES, map_features(probability, mask), strict=True))


def test_the_features_of_a_lesion_are_those_worked_by_hand():
    probability = lesion_map()
    found = named(probability, probability > 0.5)
    inside, everywhere = 128 * 0.9, 128 * 0.9 + (64 * 64 - 128) * 0.1
    assert (found["empty"], found["empty_times_peak"]) == (0, 0)
    assert found["expected_dice"] == pytest.approx(2 * inside / (128 + everywhere), rel=1e-5)
    assert found["peak"] == pytest.approx(0.9)
    assert found["mean_probability"] == pytest.approx(0.9)
    assert found["log_area"] == pytest.approx(np.log(128 / 4096))
    assert found["doubt"] == pytest.approx(4096 * 0.1 / 128, rel=1e-5)
    assert found["further_components"] == 0


def test_an_empty_mask_is_reported_by_its_highest_cell_alone():
    probability = lesion_map(high=0.4, low=0.0)
    found = named(probability, np.zeros((64, 64), bool))
    assert found.pop("empty") == 1
    assert found.pop("empty_times_peak") == pytest.approx(0.4)
    assert set(found.values()) == {0}


def test_a_lone_pixel_is_no_peak_and_further_components_are_counted():
    probability = lesion_map(low=0.0)
    probability[2, 2] = 1.0
    found = named(probability, probability > 0.5)
    assert found["peak"] == pytest.approx(0.9)  # the pixel's cell of 2 x 2 has a mean of 0.25
    assert found["further_components"] == 1


@pytest.mark.parametrize("shape", [(1, 1), (33, 47)])
def test_any_map_has_finite_features(shape):
    rng = np.random.default_rng(0)
    probability = rng.random(shape, np.float32)
    for mask in (probability > 0.5, np.zeros(shape, bool), np.ones(shape, bool)):
        assert np.isfinite(map_features(probability, mask)).all()


def test_confidence_is_logistic_in_the_features_and_never_overflows():
    probability = lesion_map(low=0.0)
    mask = probability > 0.5
    none = [0.0] * len(FEATURES)
    at = FEATURES.index("peak")
    for weight, bias, expected in ((0, 0, 0.5), (1, -0.9, 0.5), (0, np.log(3), 0.75), (1e9, 0, 1)):
        weights = [*none[:at], float(weight), *none[at + 1 :]]
        settings = ConfidenceSettings(weights=tuple(weights), bias=bias, review_below=0.5)
        assert confidence(probability, mask, settings) == pytest.approx(expected, abs=1e-6)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(InputError, match="pass the mask that was made from the map"):
        map_features(np.zeros((4, 4), np.float32), np.zeros((4, 5), bool))
