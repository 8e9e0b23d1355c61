"""Scores of an evaluation, summed up."""

import csv
import io
import json
import math

import pytest

from busicli.evaluation.records import to_json
from busicli.evaluation.summary import (
    by,
    failures,
    lesions_by_size,
    map_block,
    per_image_csv,
    score_block,
    size_class,
    summarise,
    trust,
    unobjected,
)
from busicli.types import ImageScore

NAN = float("nan")


def parsed(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def score(case: str, dice: float, **values) -> ImageScore:
    defaults = {
        "dataset": "busi",
        "label": "benign",
        "group": abs(hash(case)) % 1000,
        "iou": dice,
        "hd95_px": NAN if math.isnan(dice) or dice == 0 else 2.0,
        "lesions": 1,
        "missed_lesions": int(dice == 0),
        "reference_area_px": 50,
        "predicted_area_px": 0 if dice == 0 else 50,
        "scan_px": 1000,
    }
    return ImageScore(case=case, dice=dice, **(defaults | values))


def normal(case: str, predicted_area_px: int, **values) -> ImageScore:
    empty = {"label": "normal", "lesions": 0, "missed_lesions": 0, "reference_area_px": 0}
    dice = 0.0 if predicted_area_px else NAN
    return score(case, dice, predicted_area_px=predicted_area_px, **(empty | values))


SCORES = [
    score("a", 0.75, group=1),
    score("b", 0.25, group=2, lesions=3, missed_lesions=2),
    score("c", 0.0, group=3, label="malignant"),
    normal("d", 0, group=4),
    normal("e", 9, group=5, dataset="mine"),
]


def test_the_mean_dice_is_over_scans_with_a_lesion():
    found = summarise(SCORES)
    assert (found.scans, found.scans_with_lesion) == (5, 3)
    assert (found.dice.mean, found.dice.scans) == (pytest.approx(1 / 3), 3)
    assert found.iou.mean == pytest.approx(1 / 3)


def test_two_empty_masks_count_as_one_in_a_row_of_their_own():
    # 0.75, 0.25, 0, 1 for the two empty masks of d, and 0 for the false mask of e.
    assert summarise(SCORES).dice_empty_is_1.mean == pytest.approx(0.4)


def test_hd95_says_how_many_scans_it_leaves_out():
    found = summarise(SCORES)
    assert (found.hd95_px.mean, found.hd95_px.scans) == (2.0, 2)
    assert found.hd95_left_out == 1  # c has a lesion and no prediction


def test_lesions_and_false_masks_are_counted():
    found = summarise(SCORES)
    assert (found.lesions, found.missed_lesions) == (5, 3)
    assert found.lesion_scans_with_empty_mask == 1
    assert (found.normals, found.normals_with_false_mask) == (2, 1)


def test_lesions_beyond_the_first_are_counted_in_scans_with_several():
    # b has 3 lesions of which 1 is found: none beyond it. f has 4 of which 3 are found: 2 of 3.
    found = summarise([*SCORES, score("f", 0.5, lesions=4, missed_lesions=1)])
    assert found.scans_with_several_lesions == 2
    assert (found.further_lesions, found.further_lesions_found) == (5, 2)
    missed = summarise([score("g", 0.0, lesions=2, missed_lesions=2)])
    assert (missed.further_lesions, missed.further_lesions_found) == (1, 0)


def test_scans_with_an_objection_can_be_left_out():
    objected = score("f", 0.5, objection="axilla")
    assert unobjected([*SCORES, objected]) == SCORES


def test_no_scans_have_no_metrics():
    found = summarise([])
    nothing = {"mean": None, "low": None, "high": None, "scans": 0}
    assert to_json(found)["dice"] == nothing
    assert found.scans == 0


def test_metrics_can_be_written_as_json_without_nan():
    json.dumps(to_json(score_block(SCORES)), allow_nan=False)
    json.dumps(to_json(map_block(SCORES)), allow_nan=False)


def test_scores_are_summed_up_by_class_and_by_data_set():
    labels = by([*SCORES, score("f", 1.0, label="")], lambda s: s.label)
    assert {name: found.scans for name, found in labels.items()} == {
        "unknown": 1,
        "benign": 2,
        "malignant": 1,
        "normal": 2,
    }
    assert labels["benign"].dice.mean == 0.5
    assert {name: found.scans for name, found in by(SCORES, lambda s: s.dataset).items()} == {
        "busi": 4,
        "mine": 1,
    }


def test_lesions_are_classed_by_their_share_of_the_scan():
    shares = [0, 4, 5, 19, 20, 50, 100, 900]
    sizes = [size_class(score("a", 1.0, reference_area_px=px, scan_px=1000)) for px in shares]
    assert sizes == [
        "no lesion",
        "below 0.5 %",
        *["0.5 to 2 %"] * 2,
        "2 to 5 %",
        "5 to 10 %",
        *["over 10 %"] * 2,
    ]


def test_trust_counts_the_bad_masks_and_those_that_review_finds():
    scores = [
        score("fine", 0.7, confidence=0.9),
        score("poor", 0.69, confidence=0.2, review=True),
        score("missed", 0.0, confidence=0.8),
        normal("right", 0, confidence=0.7),
        normal("false", 9, confidence=0.1, review=True),
    ]
    # Bad: 0.2, 0.8, 0.1; good: 0.9, 0.7. Of the six pairs the bad one is lower in five.
    found = trust(scores)
    assert found.auc == pytest.approx(5 / 6)
    assert (found.bad_masks, found.flagged, found.bad_flagged) == (3, 2, 2)
    assert found.flagged_share == 0.4


@pytest.mark.parametrize(
    "scores",
    [[], [score("all good", 1.0, confidence=0.5)], [score("a", 0.1), score("no word", 0.9)]],
)
def test_trust_without_anything_to_tell_apart_has_no_metric(scores):
    found = trust(scores)
    assert math.isnan(found.auc)
    assert to_json(found)["auc"] is None


def test_each_image_has_a_row_and_what_is_undefined_an_empty_cell():
    table = parsed(per_image_csv([score("a, b", 2 / 3, seen="near copy"), normal("d", 0)]))
    assert [r["case"] for r in table] == ["a, b", "d"]
    assert (table[0]["class"], table[0]["dice"], table[0]["seen"]) == (
        "benign",
        "0.666667",
        "near copy",
    )
    assert (table[1]["dice"], table[1]["iou"], table[1]["hd95_px"]) == ("", "", "")
    assert (table[1]["lesions"], table[1]["reference_area_px"]) == ("0", "0")


def test_several_areas_share_a_cell():
    table = parsed(per_image_csv([score("a", 0.5, found_lesions_px=(30, 20))]))
    assert (table[0]["found_lesions_px"], table[0]["missed_lesions_px"]) == ("30 20", "")
    assert (table[0]["presence"], table[0]["p_malignant"]) == ("", "")


def test_lesions_are_counted_by_their_own_size_smallest_first():
    # of 1000 px: 4 is below 0.5 %, 30 and 40 from 2 to 5 %
    scores = [
        score("a", 0.5, found_lesions_px=(30,), missed_lesions_px=(4,)),
        score("b", 0.0, missed_lesions_px=(40,)),
    ]
    found = lesions_by_size(scores)
    assert list(found) == ["below 0.5 %", "2 to 5 %"]
    assert [each.lesions for each in found.values()] == [1, 2]
    assert [each.found.mean for each in found.values()] == [0.0, 0.5]


def test_shares_of_lesions_found_and_of_false_ones():
    found = summarise([*SCORES, score("f", 0.5, false_lesions=3)])
    assert found.lesions_found.mean == pytest.approx(3 / 6)
    assert found.further_found.mean == 0.0  # neither of the two of b
    assert found.false_lesions.mean == pytest.approx(3 / 6)
    assert found.empty_masks.mean == pytest.approx(1 / 4)
    assert found.false_masks.mean == pytest.approx(1 / 2)


def test_sizes_stand_in_order():
    sizes = [score(str(px), 1.0, reference_area_px=px) for px in (900, 4, 30)]
    assert list(score_block(sizes).by_size) == ["below 0.5 %", "2 to 5 %", "over 10 %"]


@pytest.mark.parametrize("name", ["=1+1.png", "@a.png"])
def test_no_name_in_a_table_is_run_by_a_spreadsheet(name):
    assert parsed(per_image_csv([score(name, 1.0)]))[0]["case"] == f"'{name}"


def test_failures_are_counted_by_kind():
    # a is good, b poor and misses two further lesions, c empty, e false; g lies elsewhere
    found = failures([*SCORES, score("g", 0.05)])
    assert (found.good, found.poor, found.elsewhere, found.empty_mask) == (1, 1, 1, 1)
    assert (found.false_mask, found.further_missed) == (1, 2)
