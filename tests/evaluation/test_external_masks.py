import json

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.made_masks import EMPTY, FULL, LEFT, TRUE, put


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


def test_help_names_the_ways_to_score(call):
    ended = call("eval", "--help")
    assert ended.status == 0
    for option in ("--predictions", "--reference", "--compare", "--scans"):
        assert option in ended.out
