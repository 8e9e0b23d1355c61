"""The weights' page, from a card alone."""

import json
import sys
from pathlib import Path

from busicli.evaluation.plots import area_summary
from busicli.evaluation.records import DataSource, EvaluationSummary, to_json
from busicli.evaluation.summary import map_block, unobjected
from tests.evaluation.test_class_metrics import SCORES

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from describe import describe  # noqa: E402
from overview import overview  # noqa: E402


def card_of(scores, title):
    summary = EvaluationSummary(
        protocol={"folds": "each scan once"},
        pooled={"Dice_coef": 0.5},
        all=map_block(scores),
        areas=area_summary(scores),
        data=DataSource(fingerprint="f", datasets={"d": 5}),
        split="folds 1, 2",
        without_objections=map_block(unobjected(scores)),
    )
    card = json.loads((ROOT / "weights/improved-unet/card.json").read_text(encoding="utf-8"))
    return card | {"name": "tiny", "scores": {title: to_json(summary)}}


def test_the_page_holds_what_the_card_says_and_nothing_of_another():
    page = describe(card_of(SCORES, "crossvalidation"))
    assert page.startswith("# tiny\n")
    assert "| all | 5 | 0.800 |" in page
    assert "| all | 2 | 2 | 0.750 |" in page  # malignancy
    assert "| 5 to 10 % | 4 | 100.0% |" in page
    assert "0.745" not in page  # of weights that shipped once


def test_scores_of_a_data_set_that_was_not_seen_are_those_of_it_alone():
    page = describe(card_of(SCORES, "not trained on other"))
    assert "### Not trained on other" in page
    assert "\n| other | 1 |" in page
    assert "| d | 4 |" not in page


def test_the_table_of_the_readme_has_each_data_set_once_by_networks_that_had_not_seen_it():
    known = overview(card_of(SCORES, "crossvalidation"))
    assert known.count("\n| d | the scan and its patient (folds 1, 2) |") == 1
    assert known.count("\n| other | the scan and its patient (folds 1, 2) |") == 1
    unseen = overview(card_of(SCORES, "not trained on other"))
    assert "\n| other | the data set |" in unseen
    assert "| d |" not in unseen
    assert overview(card_of(SCORES, "val")).count("\n") == 2  # a heading without rows


def test_pages_are_those_of_the_card_that_ships():
    card = json.loads((ROOT / "weights/improved-unet/card.json").read_text(encoding="utf-8"))
    written = (ROOT / "weights/improved-unet/README.md").read_text(encoding="utf-8")
    assert written == describe(card)
    assert overview(card) in (ROOT / "README.md").read_text(encoding="utf-8")
