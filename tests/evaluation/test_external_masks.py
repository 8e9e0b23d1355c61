import csv
import gzip
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from busicli.io.images import encode_mask
from busicli.report.reading import read_scores

TRUE = np.zeros((4, 6), bool)
TRUE[1:3, 1:5] = True  # 2 x 4 = 8 px
LEFT = TRUE.copy()
LEFT[:, 3:] = False  # its left half, 4 px
EMPTY = np.zeros((4, 6), bool)
FULL = np.ones((4, 6), bool)  # 24 px


def put(path, mask):
    """A mask as PNG of 0 and 255, at a path whose name may be bytes."""
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(encode_mask(mask))


def rows(folder):
    with (folder / "per_image.csv").open(newline="", encoding="utf-8") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


@pytest.fixture
def score(call, tmp_path):
    """Score `pred` against `ref`: how it ended, its metrics, its rows by case."""

    def scored(*options):
        ended = call("eval", "--predictions", "pred", "--reference", "ref", "--out", "o", *options)
        if ended.status:
            return ended, {}, {}
        out = tmp_path / "o"
        return ended, json.loads((out / "metrics.json").read_text()), rows(out)

    return scored


def test_every_metric_of_five_small_masks(score, tmp_path):
    # half: Dice 2 * 4 / (4 + 8) = 2/3, IoU 4/8. The border of either is all of it, for both are two
    # rows thick: the 4 px of the left half are all found; from the whole back, two rows each are
    # 0, 0, 1 and 2 px away: the 95th percentile of (0 0 0 0 1 1 2 2) is 2.
    # gone: no prediction, so Dice 0, missed, no HD95. clean: both empty. false: 24 px on nothing.
    # away: one lesion of two found whole, the other not at all: Dice 2 * 1 / (1 + 2).
    two = EMPTY.copy()
    two[0, 0] = two[3, 5] = True
    one = EMPTY.copy()
    one[0, 0] = True
    for case, true, predicted in (
        ("benign/half", TRUE, LEFT),
        ("malignant/gone", TRUE, None),
        ("benign/away", two, one),
        ("normal/clean", EMPTY, EMPTY),
        ("normal/false", EMPTY, FULL),
    ):
        put(tmp_path / f"ref/{case}.png", true)
        if predicted is not None:
            put(tmp_path / f"pred/{case}.png", predicted)
    ended, metrics, found = score()
    assert ended.status == 0
    assert {case: row["dice"] for case, row in found.items()} == {
        "half": "0.666667",
        "gone": "0",
        "away": "0.666667",
        "clean": "",
        "false": "0",
    }
    assert (found["half"]["iou"], found["half"]["hd95_px"]) == ("0.5", "2")
    assert (found["gone"]["hd95_px"], found["gone"]["class"]) == ("", "malignant")
    overall = metrics["per_image"]
    assert (overall["scans"], overall["scans_with_lesion"]) == (5, 3)
    assert overall["dice"]["mean"] == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)
    assert overall["dice_empty_is_1"]["mean"] == pytest.approx((2 / 3 + 0 + 2 / 3 + 1 + 0) / 5)
    assert overall["hd95_left_out"] == 1
    assert (overall["lesions"], overall["missed_lesions"]) == (4, 2)
    assert (overall["normals"], overall["normals_with_false_mask"]) == (2, 1)
    assert set(metrics["by_class"]) == {"benign", "malignant", "normal"}
    # over all pixels: 4 + 1 true positives; 24 false ones; 4 + 8 + 1 missed of 8 + 8 + 2 true
    pooled = metrics["pooled"]
    assert pooled["Recall"] == pytest.approx(5 / 18)
    assert pooled["Precision"] == pytest.approx(5 / 29)
    assert pooled["Dice_coef"] == pytest.approx((2 * 5 + 1) / (29 + 18 + 1))
    assert pooled["Loss"] == pytest.approx(1 - 11 / 48)
    assert pooled["Accuracy"] == pytest.approx((5 * 24 - 24 - 13) / (5 * 24))
    assert "no probabilities" in metrics["protocol"]["pooled"]


def test_what_does_not_pair_is_named_and_counts_as_a_miss(score, tmp_path):
    for case in ("a", "b", "c", "d", "n"):
        put(tmp_path / f"ref/{case}.png", EMPTY if case == "n" else TRUE)
    put(tmp_path / "pred/a.png", TRUE)
    put(tmp_path / "pred/b.png", TRUE.T)  # 6 x 4 px
    (tmp_path / "pred/c.png").write_bytes(b"\x89PNG cut")
    put(tmp_path / "pred/x y.png", TRUE)
    (tmp_path / "pred/notes.txt").write_text("none of ours")
    ended, metrics, found = score()
    assert {case: row["prediction"] for case, row in found.items()} == {
        "a": "",
        "b": "another size",
        "c": "unreadable",
        "d": "missing",
        "n": "missing",
    }
    assert [found[case]["dice"] for case in "abcdn"] == ["1", "0", "0", "0", ""]
    assert [found[case]["missed_lesions"] for case in "abcdn"] == ["0", "1", "1", "1", "0"]
    pairing = metrics["pairing"]
    assert (pairing["references"], pairing["paired"]) == (5, 3)
    assert pairing["missing"] == ["d", "n"]
    assert pairing["another_size"] == {"b": "6 x 4 px, not 4 x 6 px"}
    assert list(pairing["unreadable"]) == ["c"]
    assert pairing["without_reference"] == ["x y"]
    for said in (
        "Predictions missing, counted as empty masks: 2 (d, n).",
        "Predictions of another size, counted as empty masks: 1 (b (6 x 4 px, not 4 x 6 px)).",
        "Predictions unreadable, counted as empty masks: 1 (c (c.png is",
        "Predictions without a reference, not scored: 1 (x y).",
        "Files of other kinds, ignored: 1 (notes.txt).",
    ):
        assert said in ended.out


def test_only_the_first_few_names_are_said(score, tmp_path):
    for case in "abcdefg":
        put(tmp_path / f"ref/{case}.png", TRUE)
    put(tmp_path / "pred/g.png", TRUE)
    ended, _, _ = score()
    assert ended.status == 0
    assert "counted as empty masks: 6 (a, b, c and 3 more)." in ended.out


def test_a_folder_without_any_prediction_is_a_wrong_path(score, tmp_path):
    put(tmp_path / "ref/a.png", TRUE)
    (tmp_path / "pred").mkdir()
    ended = score()[0]
    assert ended.status == 1
    assert "no prediction is named as one of the 1 references" in ended.err


def test_names_pair_without_suffix_mask_and_class(score, tmp_path):
    put(tmp_path / "ref/benign/a (1)_mask.png", TRUE)
    put(tmp_path / "ref/benign/b_mask.png", TRUE)
    put(tmp_path / "ref/malignant/c.png", TRUE)
    put(tmp_path / "ref/malignant/d.png", TRUE)
    put(tmp_path / "pred/a (1).png", TRUE)  # the folder of the class left out
    put(tmp_path / "pred/benign/b.jpg.png", TRUE)  # as segment-dir calls the mask of b.jpg
    put(tmp_path / "pred/malignant/c_cp_masks.png", TRUE)  # as Cellpose does
    put(tmp_path / "pred/malignant/d_mask.png", TRUE)
    _, metrics, found = score()
    assert metrics["pairing"]["paired"] == 4
    assert metrics["pairing"]["without_reference"] == []
    assert {row["dice"] for row in found.values()} == {"1"}
    assert {case: row["class"] for case, row in found.items()} == {
        "a (1)": "benign",
        "b": "benign",
        "c": "malignant",
        "d": "malignant",
    }
    assert {row["dataset"] for row in found.values()} == {"ref"}


def test_a_name_in_two_classes_keeps_its_class(score, tmp_path):
    put(tmp_path / "ref/benign/a.png", TRUE)
    put(tmp_path / "ref/malignant/a.png", TRUE)
    put(tmp_path / "pred/a.png", TRUE)  # of which, nobody knows
    put(tmp_path / "pred/benign/a.png", TRUE)
    _, metrics, found = score()
    assert list(found) == ["benign/a", "malignant/a"]
    assert metrics["pairing"]["missing"] == ["malignant/a"]
    assert metrics["pairing"]["without_reference"] == ["a"]


def test_all_masks_of_a_scan_are_united_and_scans_beside_them_shown(score, tmp_path):
    right = TRUE & ~LEFT
    put(tmp_path / "ref/benign/a_mask.png", LEFT)
    put(tmp_path / "ref/benign/a_mask_1.png", right)
    Image.new("RGB", (6, 4), (90, 90, 90)).save(tmp_path / "ref/benign/a.png")
    (tmp_path / "ref/normal").mkdir()
    Image.new("RGB", (6, 4), (90, 90, 90)).save(tmp_path / "ref/normal/n.png")  # and no mask
    put(tmp_path / "pred/benign/a.png", TRUE)
    put(tmp_path / "pred/normal/n.png", FULL)
    ended, metrics, found = score()
    assert (found["a"]["dice"], found["a"]["reference_area_px"]) == ("1", "8")
    assert (found["n"]["dice"], found["n"]["class"]) == ("0", "normal")
    assert metrics["pairing"]["without_scan"] == []
    assert "examples.png" in ended.out
    assert (tmp_path / "o/examples.png").is_file()


def test_scans_whose_names_have_a_word_for_masks_keep_their_own(score, tmp_path):
    # Left of p3's second lesion alone is missing: Dice 2/3; united with the first it would be 1.
    for number, predicted in ((1, TRUE), (2, LEFT)):
        put(tmp_path / f"ref/p3_lesion_{number}.png", FULL)
        put(tmp_path / f"ref/p3_lesion_{number}_mask.png", TRUE)
        put(tmp_path / f"pred/p3_lesion_{number}.png", predicted)
    _, metrics, found = score()
    assert metrics["pairing"]["paired"] == 2
    assert {case: row["dice"] for case, row in found.items()} == {
        "p3_lesion_1": "1",
        "p3_lesion_2": "0.666667",
    }


def test_a_scan_beside_masks_is_not_taken_for_its_own_prediction(score, tmp_path):
    put(tmp_path / "ref/a_mask.png", TRUE)
    put(tmp_path / "ref/b_mask.png", TRUE)
    for case in "ab":
        (tmp_path / "pred").mkdir(exist_ok=True)
        Image.new("L", (6, 4), 90).save(tmp_path / f"pred/{case}.png")
    put(tmp_path / "pred/a_mask.png", TRUE)
    _, metrics, found = score()
    assert found["a"]["dice"] == "1"
    assert metrics["pairing"]["missing"] == ["b"]


def test_a_folder_that_cellpose_worked_in_is_scored(score, tmp_path):
    for folder in ("ref", "pred"):
        put(tmp_path / folder / "a_cp_masks.png", TRUE)
        Image.new("L", (6, 4), 90).save(tmp_path / folder / "a.png")
        np.save(tmp_path / folder / "a_seg.npy", {"masks": TRUE})  # its own record, no mask
    _, metrics, found = score()
    assert {case: row["dice"] for case, row in found.items()} == {"a": "1"}
    assert metrics["pairing"]["without_reference"] == []


def test_a_lesion_scan_without_its_true_mask_is_an_error(score, tmp_path):
    put(tmp_path / "ref/benign/a_mask.png", TRUE)
    put(tmp_path / "ref/benign/a.png", TRUE)
    put(tmp_path / "ref/benign/b.png", TRUE)
    put(tmp_path / "pred/benign/a.png", TRUE)
    ended, _, _ = score()
    assert ended.status == 1
    assert "scans in ref without a mask: 1 (benign/b)" in ended.err


def test_true_masks_that_cannot_be_used_are_all_named_and_nothing_is_written(score, tmp_path):
    put(tmp_path / "ref/good.png", TRUE)
    (tmp_path / "ref/bad one.png").write_bytes(b"none")
    put(tmp_path / "ref/sizes_mask.png", TRUE)
    put(tmp_path / "ref/sizes_mask_1.png", TRUE.T)
    put(tmp_path / "pred/good.png", TRUE)
    ended, _, _ = score()
    assert ended.status == 1
    assert "2 of 3 reference masks in ref cannot be used" in ended.err
    assert "bad one: bad one.png is not an image" in ended.err
    assert "sizes: sizes_mask_1.png is 6 x 4 px but sizes_mask.png is 4 x 6 px" in ended.err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("value", [1, 255])
def test_masks_of_any_kind_are_read(score, tmp_path, value):
    images = {
        "png": Image.fromarray(TRUE.astype(np.uint8) * np.uint8(value)),
        "bmp": Image.fromarray(TRUE),  # one bit a pixel
        "tif": Image.fromarray(TRUE.astype(np.uint16) * np.uint16(value)),
    }
    (tmp_path / "pred").mkdir()
    for suffix, image in images.items():
        put(tmp_path / f"ref/{suffix}.png", TRUE)
        image.save(tmp_path / f"pred/{suffix}.{suffix}")
    for dtype in ("bool", "uint8", "float32"):
        put(tmp_path / f"ref/{dtype}.png", TRUE)
        np.save(tmp_path / f"pred/{dtype}.npy", TRUE.astype(dtype))
    _, metrics, found = score()
    assert {case: row["dice"] for case, row in found.items()} == dict.fromkeys(found, "1")
    assert len(found) == 6
    assert metrics["pairing"]["greys_cut"] == []


def test_a_label_map_is_lesion_wherever_a_label_is(score, tmp_path):
    # 23 lesions, more values than a smoothed edge has, of 2 x 3 px each
    labels = np.pad(np.kron(np.arange(24).reshape(4, 6), np.ones((2, 3))), 1).astype(np.uint8)
    put(tmp_path / "ref/a.png", labels > 0)
    (tmp_path / "pred").mkdir()
    Image.fromarray(labels).save(tmp_path / "pred/a.png")
    _, metrics, found = score()
    assert found["a"]["predicted_area_px"] == str(23 * 6)
    assert metrics["pairing"]["greys_cut"] == []


def test_a_map_in_position_of_a_mask_is_cut_at_half_and_named(score, tmp_path):
    greys = (np.arange(24, dtype=np.uint8) * 10).reshape(4, 6)  # 0, 10 .. 230: half is 115
    put(tmp_path / "ref/a.png", greys > 115)
    (tmp_path / "pred").mkdir()
    Image.fromarray(greys).save(tmp_path / "pred/a.png")
    ended, metrics, found = score()
    assert found["a"]["dice"] == "1"
    assert metrics["pairing"]["greys_cut"] == ["a"]
    assert "of many greys, as maps are, cut at half of their range: 1 (a)." in ended.out


@pytest.mark.parametrize(
    "array", [np.zeros((1, 4, 6)), np.full((4, 6), np.nan), np.array([[{}]], object)]
)
def test_an_array_that_is_no_mask_is_unreadable(score, tmp_path, array):
    put(tmp_path / "ref/a.png", TRUE)
    (tmp_path / "pred").mkdir()
    np.save(tmp_path / "pred/a.npy", array, allow_pickle=True)
    _, _, found = score()
    assert found["a"]["prediction"] == "unreadable"


def test_masks_that_may_be_inverted_are_reported(score, tmp_path):
    large = np.pad(np.ones((8, 8), bool), 1)  # 64 of 100 px, and not the border
    put(tmp_path / "ref/a.png", TRUE)
    put(tmp_path / "pred/a.png", ~TRUE)  # 16 of 24 px
    for folder in ("ref", "pred"):
        put(tmp_path / folder / "b.png", large)
    ended, metrics, _ = score()
    assert metrics["pairing"]["mostly_lesion"] == ["a"]
    assert metrics["pairing"]["mostly_lesion_references"] == ["b"]
    assert "Predictions over more than half of the scan; they may be inverted: 1 (a)." in ended.out
    assert "References over more than half of the scan: 1 (b)." in ended.out
    put(tmp_path / "ref/a.png", ~TRUE)
    ended, _, _ = score()
    assert ended.status == 1
    assert "a: a.png marks 100% of the image's border as lesion" in ended.err


@pytest.mark.parametrize(
    ("scan", "mask", "prediction"),
    [
        ("images/a.png", "masks/a.png", "a.png"),
        ("Images/bus_1.png", "Masks/mask_1.png", "bus_1.png"),
        ("a.png", "a_GT.png", "a_pred.png"),
        ("p1/image.png", "p1/mask.png", "p1/image.png"),
    ],
)
def test_layouts_of_masks_pair_with_what_tools_write(score, tmp_path, scan, mask, prediction):
    put(tmp_path / "ref" / scan, LEFT)
    put(tmp_path / "ref" / mask, TRUE)
    put(tmp_path / "pred" / prediction, TRUE)
    _, metrics, found = score()
    assert (metrics["pairing"]["references"], len(found)) == (1, 1)
    assert [row["dice"] for row in found.values()] == ["1"]


def test_names_that_are_not_utf8_pair_and_are_written_escaped(score, tmp_path):
    for folder in ("ref", "pred"):
        put(os.fsencode(tmp_path / folder) + b"/caf\xe9 1.png", TRUE)
    put(os.fsencode(tmp_path / "pred") + b"/\xff.png", TRUE)
    ended, metrics, found = score()
    assert ended.status == 0
    assert list(found) == ["caf%E9 1"]
    assert found["caf%E9 1"]["dice"] == "1"
    assert metrics["pairing"]["without_reference"] == ["%FF"]


def test_two_predictions_of_one_name_are_an_error(score, tmp_path):
    put(tmp_path / "ref/a.png", TRUE)
    put(tmp_path / "pred/a.png", TRUE)
    np.save(tmp_path / "pred/a.npy", TRUE)
    ended, _, _ = score()
    assert ended.status == 1
    assert "a.npy, a.png in pred would each be the mask of a" in ended.err


@pytest.mark.parametrize("made", [[], ["ref"], ["pred"]])
def test_a_folder_that_is_not_there_is_an_error(score, tmp_path, made):
    for name in made:
        put(tmp_path / name / "a.png", TRUE)
    ended, _, _ = score()
    assert ended.status == 1
    assert "there is no folder" in ended.err


def test_a_reference_without_a_mask_is_an_error(score, tmp_path):
    put(tmp_path / "pred/a.png", TRUE)
    (tmp_path / "ref").mkdir()
    ended, _, _ = score()
    assert ended.status == 1
    assert "ref holds no mask" in ended.err


def test_results_among_the_predictions_are_not_scored(call, tmp_path):
    put(tmp_path / "ref/a.png", TRUE)
    put(tmp_path / "pred/a.png", TRUE)
    folders = ("--predictions", "pred", "--reference", "ref")
    for _ in range(2):  # the second time results stand there
        ended = call("eval", *folders, "--out", "pred/scores", "--scans", "pred", "--json")
        assert json.loads(ended.out)["pairing"]["without_reference"] == []
    refused = call("eval", *folders, "--out", "pred")
    assert refused.status == 1
    assert "pred cannot be both read and written" in refused.err


def test_scans_asked_for_are_shown_and_those_not_found_named(score, tmp_path):
    for case in ("a", "b", "c"):
        put(tmp_path / f"ref/{case}.png", TRUE)
        put(tmp_path / f"pred/{case}.png", LEFT)
    (tmp_path / "scans").mkdir()
    Image.new("L", (6, 4), 90).save(tmp_path / "scans/a_0000.png")  # as nnU-Net wants it
    Image.new("L", (9, 9), 90).save(tmp_path / "scans/b.png")  # of another size
    _, metrics, _ = score("--scans", "scans")
    assert metrics["pairing"]["without_scan"] == ["b", "c"]
    assert (tmp_path / "o/examples.png").is_file()


def test_without_scans_contours_stand_on_black_and_there_are_no_examples(score, tmp_path):
    large = np.kron(TRUE, np.ones((20, 20), bool))  # 80 x 120 px
    put(tmp_path / "ref/a.png", large)
    put(tmp_path / "pred/a.png", np.zeros_like(large))
    (tmp_path / "o").mkdir()
    for name in ("metrics.json", "examples.png"):  # of an earlier evaluation
        (tmp_path / "o" / name).touch()
    ended, _, _ = score()
    assert not (tmp_path / "o/examples.png").exists()
    assert ended.out.endswith("Written to o: metrics.json, per_image.csv, plots, report.html\n")
    red, _, blue = np.moveaxis(np.asarray(Image.open(tmp_path / "o/thumbnails/000000.jpg")), 2, 0)
    assert (blue > 150).any()  # the reference contour
    assert (red[:10] < 40).all()
    assert '"tags":["absent"' not in (tmp_path / "o/report.html").read_text()


def test_the_page_marks_what_had_no_usable_prediction(score, tmp_path):
    for case in "ab":
        put(tmp_path / f"ref/{case}.png", TRUE)
    put(tmp_path / "pred/b.png", TRUE)
    score()
    text = (tmp_path / "o/report.html").read_text()
    assert '"text":"prediction: missing"' in text
    assert '["absent","No usable prediction"]' in text


def test_a_run_of_segment_dir_is_reported_where_its_masks_are(score, tmp_path):
    put(tmp_path / "ref/a.png", TRUE)
    put(tmp_path / "pred/masks/a.png", TRUE)
    (tmp_path / "pred/manifest.jsonl").touch()
    ended, _, _ = score()
    assert ended.status == 1
    assert "pred/masks" in ended.err


@pytest.mark.parametrize(
    "options",
    [
        ("--predictions", "pred"),
        ("--reference", "ref"),
        ("--scans", "scans"),
        ("--predictions", "pred", "--reference", "ref", "--weights", "w"),
        ("--predictions", "pred", "--reference", "ref", "--folds", "5"),
        ("--predictions", "pred", "--reference", "ref", "--tta"),
        ("--predictions", "pred", "--reference", "ref", "--split", "none"),
        ("--predictions", "pred", "--reference", "ref", "--split", "test"),
        ("--compare", "a", "b", "--predictions", "pred"),
        ("--compare", "a", "b", "--data", "data"),
        ("--compare", "a"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(call, tmp_path, options):
    put(tmp_path / "ref/a.png", TRUE)
    ended = call("eval", *options)
    assert ended.status == 2
    assert ended.out == ""


def test_json_is_one_document_equal_to_the_file(call, tmp_path):
    put(tmp_path / "ref/a.png", TRUE)
    put(tmp_path / "pred/a.png", LEFT)
    ended = call("eval", "--predictions", "pred", "--reference", "ref", "--json")
    assert json.loads(ended.out) == json.loads((tmp_path / "eval/pred/metrics.json").read_text())


def test_scored_twice_gives_the_same_bytes(call, tmp_path, tree):
    put(tmp_path / "ref/a.png", TRUE)
    put(tmp_path / "pred/a.png", LEFT)
    for out in "xy":
        call("eval", "--predictions", "pred", "--reference", "ref", "--out", out)
    assert tree(tmp_path / "x") == tree(tmp_path / "y")


# --- masks of our own

PER_IMAGE = ("dice", "iou", "hd95_px", "lesions", "missed_lesions", "reference_area_px")


@pytest.fixture(scope="module")
def evaluated(study, run):
    """The scores of the train split by `eval` with the weights: (rows, metrics)."""
    run("eval", "--split", "train", "--out", "by-weights", cwd=study.folder)
    out = study.folder / "by-weights"
    return rows(out), json.loads((out / "metrics.json").read_text())


def test_our_own_masks_score_as_eval_scores_their_weights(study, call, scans, evaluated, tmp_path):
    masks = ("--predictions", study.out / "masks", "--reference", scans)
    ended = call("eval", *masks, "--out", "o")
    assert "Predictions found for 24 of 24 references." in ended.out
    found, theirs = rows(tmp_path / "o"), evaluated[0]
    assert len(theirs) == 21
    for case, row in theirs.items():
        same = {name: row[name] for name in (*PER_IMAGE, "dataset", "class", "scan_px")}
        assert {name: found[case][name] for name in same} == same


def test_prepared_data_as_reference_give_groups_and_the_same_metrics(
    study, call, evaluated, tmp_path
):
    options = ("--predictions", study.out / "masks", "--reference", study.data)
    call("eval", *options, "--split", "train", "--out", "o")
    metrics = json.loads((tmp_path / "o/metrics.json").read_text())
    assert metrics["per_image"] == evaluated[1]["per_image"]
    assert metrics["by_class"] == evaluated[1]["by_class"]
    assert "patients" in metrics["protocol"]["per_image"]
    assert (tmp_path / "o/examples.png").is_file()  # the data hold the scans
    found = rows(tmp_path / "o")
    names = (*PER_IMAGE, "dataset", "class", "group", "device")
    assert [[row[n] for n in names] for row in found.values()] == [
        [row[n] for n in names] for row in evaluated[0].values()
    ]


def test_masks_of_busicli_tell_which_scans_their_weights_have_seen(study, call, tmp_path):
    options = ("--reference", study.data, "--split", "all", "--out")
    ended = call("eval", "--predictions", study.out / "masks", *options, "o")
    trained = len(json.loads((study.weights / "card.json").read_text())["training_scans"])
    metrics = json.loads((tmp_path / "o" / "metrics.json").read_text())
    assert (metrics["predicted_by"], metrics["hashes_unknown"]) == ("tiny", 0)
    assert metrics["seen"]["same"] == trained == 21
    assert metrics["unseen"]["scans"] == 24 - trained - metrics["seen"]["near copy"]
    assert "Seen in training: 21 of these scans" in ended.out
    # masks of another tool on the same scans: nobody knows what it was trained on
    shutil.copytree(study.out / "masks", tmp_path / "other")
    call("eval", "--predictions", "other", *options, "p")
    compared = call("eval", "--compare", "o", "p", "--json")
    assert json.loads(compared.out)["seen_in_training"]["a"] >= trained
    assert "seen" not in json.loads((tmp_path / "p" / "metrics.json").read_text())


def test_of_scans_that_are_not_at_hand_nobody_knows_whether_they_were_seen(study, scans, call):
    masks = ("--predictions", study.out / "masks", "--reference", study.out / "masks")
    shown = call("eval", *masks)
    assert "trained on 24 of the scans is unknown: they are not at hand" in shown.out
    shown = call("eval", *masks, "--scans", scans)
    assert "Seen in training: 21 of these scans" in shown.out


def test_prepared_data_as_reference_take_the_test_split_and_flat_names(study, call, tmp_path):
    for path in (study.out / "masks").rglob("*.png"):
        put(tmp_path / "flat" / path.name, np.asarray(Image.open(path)) > 0)
    ended = call("eval", "--predictions", "flat", "--reference", study.data, "--json")
    metrics = json.loads(ended.out)
    assert metrics["split"] == "test"
    assert (metrics["pairing"]["references"], metrics["pairing"]["paired"]) == (1, 1)
    assert len(metrics["pairing"]["without_reference"]) == 23


def test_scores_of_masks_and_of_weights_can_be_compared(study, call, scans, evaluated, tmp_path):
    call("eval", "--predictions", study.out / "masks", "--reference", scans, "--out", "o")
    ended = call("eval", "--compare", study.folder / "by-weights", "o", "--json")
    found = json.loads(ended.out)
    assert (found["scans"], len(found["only_in_b"])) == (21, 3)
    assert found["all"]["all"]["dice"]["p_value"] == 1
    groups = {score.group for score in read_scores(study.folder / "by-weights")}
    assert found["groups"] == len(groups)


def test_help_names_the_ways_to_score(call):
    ended = call("eval", "--help")
    assert ended.status == 0
    for option in ("--predictions", "--reference", "--compare", "--scans"):
        assert option in ended.out


def test_a_prediction_that_is_a_pipe_is_no_mask_and_holds_nothing_up(score, tmp_path):
    put(tmp_path / "ref" / "a.png", TRUE)
    (tmp_path / "pred").mkdir()
    os.mkfifo(tmp_path / "pred" / "a.png")
    _, _, found = score()
    assert float(found["a"]["dice"]) == 0


def test_predictions_of_a_kind_that_is_not_read_are_named_by_kind(score, tmp_path):
    put(tmp_path / "ref/a.png", TRUE)
    (tmp_path / "pred").mkdir()
    nifti = gzip.compress((348).to_bytes(4, "little") + bytes(340) + b"n+1\0" + bytes(99))
    (tmp_path / "pred/a.nii.gz").write_bytes(nifti)
    ended, _, _ = score()
    assert ended.status == 1
    assert "a.nii.gz (a compressed NIfTI volume) is of a kind that is not read" in ended.err


def test_cellposes_own_file_is_named_by_kind(score, tmp_path):
    put(tmp_path / "ref/a.png", TRUE)
    put(tmp_path / "ref/b.png", TRUE)
    put(tmp_path / "pred/b.png", TRUE)
    np.save(tmp_path / "pred/a_seg.npy", {"masks": TRUE}, allow_pickle=True)
    ended, metrics, _ = score()
    assert ended.status == 0
    assert "Cellpose's _seg.npy" in metrics["pairing"]["unreadable"]["a"]
