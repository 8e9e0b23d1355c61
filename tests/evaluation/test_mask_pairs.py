import gzip
import json
import os

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.made_masks import EMPTY, FULL, LEFT, TRUE, put


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


def test_a_prediction_that_is_a_pipe_is_no_mask_and_holds_nothing_up(score, tmp_path):
    put(tmp_path / "ref" / "a.png", TRUE)
    (tmp_path / "pred").mkdir()
    os.mkfifo(tmp_path / "pred" / "a.png")
    os.mkfifo(tmp_path / "pred" / "b.nii")
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
