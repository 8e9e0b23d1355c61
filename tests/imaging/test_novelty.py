import numpy as np
import pytest

from busicli.errors import InputError
from busicli.imaging.novelty import fit_familiar, novelty

RNG = np.random.default_rng(0)
TRAINED = RNG.normal(5, [1, 10], (4000, 2)).astype(np.float32)


def test_a_training_scan_lies_at_the_root_of_the_number_of_features():
    squared = novelty(TRAINED, fit_familiar(TRAINED)) ** 2
    assert squared.mean() == pytest.approx(2, rel=0.1)  # chi-squared of two features


def test_each_feature_is_measured_in_its_own_spread():
    familiar = fit_familiar(TRAINED)
    near, far = novelty(np.array([[5, 35], [35, 5]], np.float32), familiar)
    assert near == pytest.approx(3, rel=0.1)  # 30 away where 10 is usual
    assert far == pytest.approx(30, rel=0.1)  # 30 away where 1 is usual


def test_what_breaks_a_correlation_is_new():
    along = RNG.normal(0, 1, 4000)
    trained = np.stack([along, along + RNG.normal(0, 0.1, 4000)], axis=1).astype(np.float32)
    usual, unusual = novelty(np.array([[2, 2], [2, -2]], np.float32), fit_familiar(trained))
    assert unusual > 4 * usual


def test_features_that_never_vary_do_no_harm():
    trained = np.concatenate([TRAINED, np.zeros((4000, 1), np.float32)], axis=1)
    assert np.isfinite(novelty(trained, fit_familiar(trained))).all()


def test_one_scan_alone_is_refused():
    with pytest.raises(InputError, match="at least 2 scans"):
        fit_familiar(TRAINED[:1])
