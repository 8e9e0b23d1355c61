import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from busicli.errors import InputError
from busicli.evaluation.comparison import (
    Differences,
    compare_pairs,
    hd95_left_out,
    joined_groups,
    pair_scores,
)
from busicli.evaluation.records import to_json
from busicli.evaluation.summary import per_image_csv
from busicli.imaging.bootstrap import paired_difference
from busicli.plots.comparison import comparison_plot
from busicli.report.reading import read_scores
from busicli.types import ImageScore

NAN = float("nan")


def score(case, dice, group, **values):
    """A scan with a lesion of 50 px unless stated otherwise."""
    usual = {
        "dataset": "busi",
        "label": "benign",
        "iou": dice / 2,
        "hd95_px": NAN if dice == 0 else 10 - 10 * dice,
        "lesions": 1,
        "missed_lesions": int(dice == 0),
        "reference_area_px": 50,
        "predicted_area_px": 50,
        "scan_px": 1000,
    }
    return ImageScore(case=case, dice=dice, group=group, **(usual | values))


def normal(case, group, *, false_mask):
    empty = {"label": "normal", "lesions": 0, "missed_lesions": 0, "reference_area_px": 0}
    dice, area = (0.0, 9) if false_mask else (NAN, 0)
    return score(case, dice, group, hd95_px=NAN, predicted_area_px=area, **empty)


def folder(path, scores):
    path.mkdir(parents=True)
    (path / "per_image.csv").write_bytes(per_image_csv(scores))
    return path


A = [
    score("b1", 0.5, 1),
    score("b2", 0.75, 2),
    score("m1", 0.0, 3, label="malignant"),
    score("m2", 0.25, 3, label="malignant"),
    normal("n1", 4, false_mask=True),
    normal("n2", 5, false_mask=False),
]
B = [
    score("b1", 0.75, 1),
    score("b2", 0.75, 2),
    score("m1", 0.5, 3, label="malignant"),
    score("m2", 0.5, 3, label="malignant"),
    normal("n1", 4, false_mask=False),
    normal("n2", 5, false_mask=False),
]


def compared(a, b):
    pairs = pair_scores(a, b).pairs
    return compare_pairs(pairs, joined_groups(pairs))


def test_every_metric_worked_out_by_hand():
    found = compared(A, B).all["all"]
    # Dice: (0.5 + 0.75 + 0 + 0.25) / 4 and (0.75 + 0.75 + 0.5 + 0.5) / 4, in the groups 1, 2, 3.
    dice = found["dice"]
    assert (dice.scans, dice.groups) == (4, 3)
    assert (dice.a, dice.b, dice.difference) == (0.375, 0.625, 0.25)
    # Groups' sums are 0.25, 0 and 0.5 + 0.25: two of the four choices of signs for the first and
    # the last reach 1.
    assert dice.p_value == 0.5
    assert found["iou"].difference == 0.125
    # HD95: m1 has none in A; b1 5 and 2.5, b2 2.5 and 2.5, m2 7.5 and 5.
    assert (found["hd95_px"].scans, found["hd95_px"].a) == (3, 5)
    assert found["hd95_px"].difference == pytest.approx(-5 / 3)
    assert hd95_left_out(pair_scores(A, B).pairs) == 1
    # With empty as 1: A (1.5 + 0 + 1) / 6, B (2.5 + 1 + 1) / 6.
    assert found["dice_empty_is_1"].a == pytest.approx(2.5 / 6)
    assert found["dice_empty_is_1"].b == pytest.approx(4.5 / 6)
    assert (found["false_masks"].a, found["false_masks"].b) == (0.5, 0)


def test_classes_and_data_sets_are_compared_apart():
    others = [score("x", 1.0, 9, dataset="mine", label="")]
    found = compared([*A, *others], [*B, *others])
    assert list(found.by_class) == ["benign", "malignant", "normal", "unknown"]
    assert list(found.by_dataset) == ["busi", "mine"]
    assert found.by_class["malignant"]["dice"].difference == 0.375
    assert math.isnan(found.by_class["malignant"]["dice"].low)  # one group has no interval
    assert math.isnan(found.by_class["normal"]["dice"].a)
    assert found.by_class["benign"]["false_masks"].scans == 0
    json.dumps(to_json(found), allow_nan=False)


def test_identical_results_differ_by_nothing():
    for metrics in compared(A, A).by_class.values():
        for row in metrics.values():
            if row.scans:
                assert (row.difference, row.p_value) == (0, 1)
    assert compared(A, A).all["all"]["dice"].low == 0


def test_a_known_shift_is_found():
    generator = np.random.default_rng(0)
    a = [score(f"{n}", dice, n) for n, dice in enumerate(generator.uniform(0.3, 0.8, 60))]
    b = [replace(s, dice=s.dice + 0.05 + generator.normal(0, 0.02)) for s in a]
    row = compared(a, b).all["all"]["dice"]
    assert 0.04 < row.low < row.difference < row.high < 0.06
    assert row.p_value == 0.0001  # one of 10,000, the observed choice itself
    back = compared(b, a).all["all"]["dice"]
    assert back.difference == pytest.approx(-row.difference)
    assert (back.low, back.high) == pytest.approx((-row.high, -row.low))


def test_scans_of_one_group_do_not_count_as_independent():
    # Ten patients of twelve like scans each; seven gain 0.1, three lose 0.1.
    gains = [0.1] * 7 + [-0.1] * 3
    a = [score(f"{p} {n}", 0.5, p) for p in range(10) for n in range(12)]
    b = [replace(s, dice=0.5 + gains[s.group]) for s in a]
    alone = [replace(s, group=n) for n, s in enumerate(a)]
    strangers = [replace(s, group=n) for n, s in enumerate(b)]
    grouped, wrong = (compared(*both).all["all"]["dice"] for both in ((a, b), (alone, strangers)))
    assert grouped.difference == wrong.difference == pytest.approx(0.04)
    # Patients: 0.04 +- 1.96 * 0.092 / sqrt(10) holds 0; scans as if alone, / sqrt(120), does not.
    assert grouped.low < 0 < wrong.low
    assert grouped.high - grouped.low > 3 * (wrong.high - wrong.low)
    # A binomial with 7 or more, or 3 or fewer, of 10: 2 * (120 + 45 + 10 + 1) / 1024.
    assert grouped.p_value == pytest.approx(352 / 1024)
    assert wrong.p_value < 0.001


def test_scans_that_either_result_groups_stay_together():
    ours = [score(name, 0.5, group) for name, group in zip("abcde", (0, 0, 1, 2, 3), strict=True)]
    theirs = [score(name, 0.5, group) for name, group in zip("abcde", (7, 8, 8, 9, 5), strict=True)]
    # a and b by the first, b and c by the second: one group of three; d and e alone
    assert joined_groups(pair_scores(ours, theirs).pairs).tolist() == [0, 0, 0, 1, 2]


def test_nothing_compared_is_undefined():
    found = compare_pairs((), joined_groups(()))
    assert found == Differences(all={}, by_class={}, by_dataset={})


def test_scans_of_one_result_alone_are_named():
    paired = pair_scores([*A, score("x", 0.5, 8)], [*B, score("y", 0.5, 8, dataset="mine")])
    assert len(paired.pairs) == 6
    assert (paired.only_a, paired.only_b) == (("busi/x",), ("mine/y",))


@pytest.mark.parametrize(
    ("b", "words"),
    [
        ([score("b1", 0.5, 1, dataset="mine")], "no scan is in both"),
        ([], "nothing in the second"),
        ([*B, B[0]], "second result holds a scan twice"),
        ([replace(B[0], reference_area_px=51)], r"another reference .*: 1 \(busi/b1\)"),
        ([replace(B[0], scan_px=999)], "another reference"),
    ],
)
def test_what_cannot_be_compared_is_refused(b, words):
    with pytest.raises(InputError, match=words):
        pair_scores(A, b)


def test_scores_come_back_as_they_were_written(tmp_path):
    scores = [*A, score("=1+1", 0.5, 6, confidence=0.25, review=True, seen="same", device="GE")]
    back = read_scores(folder(tmp_path / "a", scores))
    assert back[-1].case == "'=1+1"
    assert repr(back[:-1]) == repr(A)
    assert repr(back[-1]) == repr(replace(scores[-1], case="'=1+1"))


def test_the_command_writes_table_document_and_metric(call, tmp_path):
    folder(tmp_path / "x" / "a", A)
    folder(tmp_path / "x" / "b", [*B[:-1], replace(score("new", 0.5, 9), seen="same")])
    ended = call("eval", "--compare", "x/a", "x/b")
    assert ended.status == 0
    out = tmp_path / "eval" / "a-and-b"
    names = ["compare.csv", "compare.json", "compare.png", "compare.svg"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert ended.out.startswith("A: x/a\nB: x/b\n5 scans of both, in 4 groups.\n")
    assert "Left out, only in A: 1 (busi/n2)." in ended.out
    assert "Left out, only in B: 1 (busi/new)." in ended.out
    found = json.loads((out / "compare.json").read_text())
    assert (found["only_in_a"], found["only_in_b"]) == (["busi/n2"], ["busi/new"])
    assert "sign" in found["protocol"]["p_value"]
    with (out / "compare.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    dice = next(row for row in table if (row["kind"], row["metric"]) == ("all", "dice"))
    assert (dice["a"], dice["b"], dice["difference"]) == ("0.375", "0.625", "0.25")
    assert dice["p_value"] == "0.5"
    assert Image.open(out / "compare.png").size == (2160, 1050)
    assert all("…" not in line for line in ended.out.splitlines())


def test_two_comparisons_give_the_same_bytes(call, tmp_path, tree):
    folder(tmp_path / "a", A)
    folder(tmp_path / "b", B)
    for out in "xy":
        ended = call("eval", "--compare", "a", "b", "--out", out, "--json")
        assert json.loads(ended.out) == json.loads((tmp_path / out / "compare.json").read_text())
    assert tree(tmp_path / "x") == tree(tmp_path / "y")


def test_scans_without_a_lesion_alone_can_be_compared(call, tmp_path):
    folder(tmp_path / "a", [normal("n", 1, false_mask=True)])
    folder(tmp_path / "b", [normal("n", 1, false_mask=False)])
    ended = call("eval", "--compare", "a", "b")
    assert ended.status == 0
    assert ended.err == ""
    assert "false masks" in ended.out


@pytest.mark.parametrize(
    "text", [None, "", "case\nx\n", "\xff", "case,dataset,class,group\na,b,c,x\n"]
)
def test_a_folder_of_no_evaluation_is_an_error(call, tmp_path, text):
    folder(tmp_path / "a", A)
    (tmp_path / "b").mkdir()
    if text is not None:
        (tmp_path / "b/per_image.csv").write_text(text, encoding="latin-1")
    ended = call("eval", "--compare", "a", "b")
    assert ended.status == 1
    assert "Traceback" not in ended.err
    assert "b" in ended.err
    assert "internal error" not in ended.err


def test_names_are_drawn_as_they_are(recwarn):
    points = {"benign": np.array([[0.5, 0.6]])}
    alone = np.array([0.5]), np.array([0.6]), np.array([1])
    effects = [("$a$ 中", paired_difference(*alone))]
    drawn = comparison_plot(("a_$x$", "中" * 50), points, effects)
    assert drawn.png.startswith(b"\x89PNG")
    assert b"<svg" in drawn.svg
    assert not recwarn.list


def test_a_class_is_told_in_grey_print_too():
    """Without colour, one point of each class leaves another image."""

    def grey(label):
        drawn = comparison_plot(("a", "b"), {label: np.array([[0.3, 0.6]])}, [])
        found = np.asarray(Image.open(io.BytesIO(drawn.png)).convert("L"))
        return found[300:900, 100:800] < 230

    images = [grey(label) for label in ("benign", "malignant", "other")]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert not np.array_equal(images[first], images[second])
