"""Presence and malignancy from scores alone."""

import dataclasses

import numpy as np
import pytest

from busicli.evaluation.class_metrics import (
    malignancy_by_dataset,
    malignancy_summary,
    presence_by_dataset,
    presence_summary,
    with_classes,
)
from busicli.evaluation.evaluate import froc_curve
from busicli.settings import TunedSettings
from tests.evaluation.test_plots import SCORE

NORMAL = {"label": "normal", "reference_area_px": 0, "lesions": 0, "found_lesions_px": ()}
TUNED = TunedSettings(class_temperature=1.0, malignant_from=0.6)


def scan(number, classes, presence, **changes):
    score = dataclasses.replace(SCORE, case=f"c{number}", group=number, **changes)
    probability = np.full((4, 4), presence, np.float32)
    return with_classes(score, probability, np.array(classes), TUNED)


SCORES = [
    scan(0, (0.1, 0.2, 0.7), 0.9, label="malignant"),
    scan(1, (0.2, 0.4, 0.4), 0.8, label="malignant"),  # share 0.5: called benign
    scan(2, (0.3, 0.6, 0.1), 0.4),
    scan(3, (0.6, 0.1, 0.3), 0.7),  # share 0.75: called malignant
    scan(4, (0.5, 0.4, 0.1), 0.5, **NORMAL, dataset="other"),
]


def test_a_score_gets_presence_classes_and_a_call():
    first = SCORES[0]
    assert first.presence == pytest.approx(0.9)
    assert (first.p_normal, first.p_malignant) == (pytest.approx(0.1), pytest.approx(0.7))
    assert [score.call for score in SCORES[:4]] == ["malignant", "benign", "benign", "malignant"]


def test_without_classes_there_is_the_presence_alone():
    score = with_classes(SCORE, np.full((4, 4), 0.25, np.float32), None, TUNED)
    assert (score.presence, score.call) == (0.25, "")
    assert np.isnan(score.p_normal)


def test_presence_tells_lesions_from_normal_scans():
    found = presence_summary(SCORES)
    assert (found.scans_with_lesion, found.normals) == (4, 1)
    assert found.auc.mean == 0.75  # 0.9, 0.8 and 0.7 are above 0.5, 0.4 is not
    assert found.class_auc.mean == 0.75  # 0.9, 0.8, 0.7 above 0.5, 0.4 not


def test_malignancy_among_lesions():
    found = malignancy_summary(SCORES[:4])
    assert (found.benign, found.malignant) == (2, 2)
    # shares 0.78 and 0.5 against 0.14 and 0.75: three of four pairs
    assert found.auc.mean == 0.75
    assert (found.sensitivity.mean, found.specificity.mean) == (0.5, 0.5)
    assert [each.scans for each in found.calibration] == [4]  # too few for two bins


def test_by_data_set_and_nothing_without_scores():
    presence = presence_by_dataset(SCORES)
    assert presence is not None
    assert list(presence) == ["all", "d", "other"]
    assert presence_by_dataset([SCORE]) is None
    assert malignancy_by_dataset([SCORE]) is None


def test_froc_finds_fewer_and_less_false_with_a_higher_threshold():
    probability = np.zeros((32, 32), np.float32)
    probability[2:12, 2:12] = 0.85  # the lesion
    probability[20:30, 20:30] = 0.5  # a false one
    reference = np.zeros((32, 32), bool)
    reference[2:12, 2:12] = True
    points = {
        p.threshold: (p.found, p.false_lesions) for p in froc_curve([probability], [reference])
    }
    assert points[0.3] == (1.0, 1.0)
    assert points[0.6] == (1.0, 0.0)
    assert points[0.9] == (0.0, 0.0)
    assert froc_curve([probability], [reference & False]) == ()
