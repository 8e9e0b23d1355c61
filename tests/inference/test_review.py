"""The one rule that says why a person should look."""

from dataclasses import replace

import pytest

from busicli.inference.review import Evidence, ReviewSettings, why_review
from busicli.settings import ConfidenceSettings
from busicli.types import ClassProbabilities

TRUST = ConfidenceSettings(weights=(), bias=0.0, review_below=0.6)
SETTINGS = ReviewSettings(rival_share=0.5, class_certain=0.6)
CLEAR = Evidence(
    confidence=0.9,
    certain_greys=True,
    certain_field=True,
    candidates=1,
    at_border=False,
    classes=ClassProbabilities(normal=0.1, benign=0.8, malignant=0.1),
)


def test_a_clear_case_needs_nobody():
    assert why_review(CLEAR, TRUST, SETTINGS) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"confidence": 0.59}, "low confidence"),
        ({"certain_greys": False}, "uncertain greys"),
        ({"certain_field": False}, "no certain ultrasound field"),
        ({"candidates": 2}, "several candidates"),
        ({"at_border": True}, "lesion at the border"),
        (
            {"classes": ClassProbabilities(normal=0.05, benign=0.5, malignant=0.45)},
            "class uncertain",
        ),
    ],
)
def test_each_reason_alone_asks_for_a_person(change, reason):
    assert why_review(replace(CLEAR, **change), TRUST, SETTINGS) == (reason,)


@pytest.mark.parametrize("change", [{"confidence": 0.6}, {"candidates": 0}, {"classes": None}])
def test_what_lies_at_the_threshold_or_is_unknown_is_no_reason(change):
    assert why_review(replace(CLEAR, **change), TRUST, SETTINGS) == ()


def test_weights_without_a_confidence_give_the_other_reasons():
    unknown = replace(CLEAR, confidence=None, at_border=True)
    assert why_review(unknown, None, SETTINGS) == ("lesion at the border",)


def test_only_the_reasons_that_were_asked_for_count_and_keep_their_order():
    doubtful = replace(CLEAR, confidence=0.1, candidates=3, at_border=True)
    few = replace(SETTINGS, reasons=("several candidates", "low confidence"))
    assert why_review(doubtful, TRUST, few) == ("low confidence", "several candidates")
