"""Class probabilities: temperature, malignancy, threshold."""

import numpy as np
import pytest

from busicli.errors import InputError
from busicli.imaging.class_probabilities import (
    best_threshold,
    fit_temperature,
    malignancy,
    with_temperature,
)


def test_a_temperature_of_2_takes_the_square_root():
    # sqrt(0.64), sqrt(0.04), sqrt(0.32): 0.8, 0.2, 0.5657 of 1.5657
    found = with_temperature(np.array([[0.64, 0.04, 0.32]]), 2.0)
    assert found[0] == pytest.approx(np.array([0.8, 0.2, 0.32**0.5]) / (1 + 0.32**0.5))


def test_the_temperature_of_probabilities_made_too_sure_is_found_again():
    rng = np.random.default_rng(0)
    honest = rng.dirichlet((1.0, 1.0, 1.0), 4000)
    classes = (rng.random((4000, 1)) > honest.cumsum(axis=1)).sum(axis=1)
    too_sure = with_temperature(honest, 1 / 3)
    assert fit_temperature(too_sure, classes) == pytest.approx(3, rel=0.07)


def test_scans_of_unknown_class_do_not_count():
    assert fit_temperature(np.full((2, 3), 1 / 3), np.array([-1, -1])) == 1.0


def test_a_temperature_of_0_is_refused():
    with pytest.raises(InputError, match="above 0"):
        with_temperature(np.full((1, 3), 1 / 3), 0.0)


def test_scores_of_one_scan():
    probabilities = np.array([[0.2, 0.2, 0.6], [1.0, 0.0, 0.0]])
    assert malignancy(probabilities).tolist() == pytest.approx([0.75, 0.5])


def test_the_best_threshold_has_the_highest_sensitivity_and_specificity():
    # at 0.65: 2 of 3 positives, all 3 negatives: 1.67; at 0.25: all 3, 1 of 3
    values = np.array([0.1, 0.3, 0.6, 0.2, 0.7, 0.9])
    positive = np.array([False, False, False, True, True, True])
    assert best_threshold(values, positive) == pytest.approx(0.65)
    assert best_threshold(values, np.ones(6, bool)) == 0.5
    assert best_threshold(np.zeros(0), np.zeros(0, bool)) == 0.5
