import json
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tests.cli.scored import rows

METRICS = ["Loss", "Dice_coef", "Recall", "Precision", "Accuracy", "F1_score"]


def reference_mask(scans, row):
    """A scan's own masks from the data set, united."""
    masks = [np.asarray(Image.open(scans / name)) > 0 for name in row["masks"].split(";") if name]
    return np.any(masks, axis=0)


def predicted(study, row):
    """What segment-dir wrote for the same scan."""
    return np.asarray(Image.open(study.out / "masks" / row["scan"])) > 0


@pytest.fixture
def both(study, scans, scored):
    """For each case of the train split its score's row, mask by segment-dir, and reference mask."""
    cases = {row["case"]: row for row in rows(study.data / "cases.csv")}
    found = rows(scored[0] / "per_image.csv")
    return [
        (row, predicted(study, cases[row["case"]]), reference_mask(scans, cases[row["case"]]))
        for row in found
    ]


def test_the_last_trained_weights_are_chosen_and_that_is_said(scored):
    _, ended, metrics = scored
    assert ended.status == 0
    assert ended.out.startswith("Weights runs/tiny/weights: the last trained on this data.\n")
    assert metrics["weights"]["name"] == "runs/tiny/weights"


def test_a_run_that_did_not_finish_is_not_chosen(study, call, tmp_path):
    record = json.loads((study.run / "run.json").read_text())
    later = tmp_path / "runs" / "later" / "run.json"
    later.parent.mkdir(parents=True)
    later.write_text(json.dumps({**record, "started": "2999-01-01T00:00:00+00:00"}))
    (tmp_path / "runs" / "tiny").symlink_to(study.run)
    ended = call("eval", "--data", study.data)
    assert ended.out.startswith("Weights runs/tiny/weights: the last trained on this data.\n")


def test_without_a_run_on_this_data_the_shipped_weights_are_chosen(call, scans):
    call("preprocess", scans, "--size", 192)  # as the shipped weights were trained
    ended = call("eval", "--json")
    metrics = json.loads(ended.out)
    assert ended.status == 0
    assert metrics["weights"]["name"] == "improved-unet"
    assert metrics["weights"]["reason"].startswith("those that ship")
    assert metrics["seen"] == {"same": 0, "near copy": 0}  # trained on real scans alone
    pooled = metrics["pooled"]
    assert pooled["Loss"] + pooled["Dice_coef"] == pytest.approx(1)
    precision, recall = pooled["Precision"], pooled["Recall"]
    assert precision > 0
    assert pooled["F1_score"] == pytest.approx(2 * precision * recall / (precision + recall))


def test_metrics_json_holds_what_a_paper_needs(study, scored):
    _, _, metrics = scored
    assert set(metrics) == {
        *("weights", "data", "split", "protocol", "postprocess", "pooled", "per_image"),
        *("by_class", "by_dataset", "by_size", "by_device", "confidence", "tta"),
        *("seen", "unseen", "areas", "average_precision", "without_objections"),
        *("lesions_by_size", "failures", "presence", "trade_off", "froc", "calibration_error"),
    }
    assert metrics["split"] == "train"
    card = (study.weights / "card.json").read_bytes()
    assert metrics["weights"]["card_sha256"] == sha256(card).hexdigest()
    assert metrics["postprocess"] == json.loads(card)["postprocess"]
    info = json.loads((study.data / "dataset.json").read_text())
    assert metrics["data"]["fingerprint"] == info["fingerprint"]
    assert list(metrics["pooled"]) == METRICS
    assert set(metrics["by_class"]) == {"benign", "malignant", "normal"}
    assert metrics["by_dataset"]["scans"] == metrics["per_image"]
    assert set(metrics["per_image"]) == {
        *("scans", "scans_with_lesion", "dice", "iou", "dice_empty_is_1", "hd95_px"),
        *("hd95_left_out", "lesions", "missed_lesions", "lesion_scans_with_empty_mask"),
        *("normals", "normals_with_false_mask", "scans_with_several_lesions"),
        *("further_lesions", "further_lesions_found", "further_found", "lesions_found"),
        *("specks", "false_lesions", "empty_masks", "false_masks"),
    }


def test_per_image_csv_has_a_row_for_every_scan_of_the_split(study, scored):
    found = rows(scored[0] / "per_image.csv")
    assert list(found[0]) == [
        *("case", "dataset", "class", "group", "dice", "iou", "hd95_px", "lesions"),
        *("missed_lesions", "reference_area_px", "predicted_area_px", "scan_px", "device"),
        *("objection", "confidence", "review", "seen", "found_lesions_px", "missed_lesions_px"),
        *("specks", "false_lesions", "presence", "p_normal", "p_benign", "p_malignant"),
        *("novelty", "call"),
    ]
    split = [row for row in rows(study.data / "cases.csv") if row["split"] == "train"]
    split.sort(key=lambda row: int(row["index"]))
    keys = ("case", "dataset", "class", "group")
    assert [[row[k] for k in keys] for row in found] == [[row[k] for k in keys] for row in split]


def test_dice_and_iou_are_those_of_the_masks_that_segment_dir_writes(both):
    scored_lesions = 0
    for row, ours, reference in both:
        assert row["predicted_area_px"] == str(ours.sum())
        assert row["reference_area_px"] == str(reference.sum())
        common, either = (ours & reference).sum(), (ours | reference).sum()
        if not either:
            assert row["dice"] == row["iou"] == ""
            continue
        assert row["dice"] == f"{2 * common / (ours.sum() + reference.sum()):.6g}"
        assert row["iou"] == f"{common / either:.6g}"
        scored_lesions += bool(common)
    assert scored_lesions > 0


def test_missed_lesions_are_those_of_which_less_than_a_tenth_is_covered(both, scored):
    missed_in_all = 0
    for row, ours, reference in both:
        parts, count = ndimage.label(reference, np.ones((3, 3)))
        covered = [ours[parts == part].mean() for part in range(1, count + 1)]
        missed = sum(share < 0.1 for share in covered)
        assert (row["lesions"], row["missed_lesions"]) == (str(count), str(missed))
        missed_in_all += missed
    assert scored[2]["per_image"]["missed_lesions"] == missed_in_all


def test_the_summary_is_that_of_the_masks_that_segment_dir_writes(both, scored):
    summary = scored[2]["per_image"]
    dice = [
        2 * (ours & reference).sum() / (ours.sum() + reference.sum())
        for _, ours, reference in both
        if reference.any()
    ]
    normals = [ours for _, ours, reference in both if not reference.any()]
    false = sum(bool(ours.any()) for ours in normals)
    assert summary["scans"] == 21
    assert summary["scans_with_lesion"] == summary["dice"]["scans"] == len(dice)
    assert summary["dice"]["mean"] == pytest.approx(np.mean(dice), abs=1e-12)
    assert summary["dice"]["low"] < summary["dice"]["mean"] < summary["dice"]["high"]
    # a normal scan counts 1 where its mask is empty and 0 where not
    everywhere = (sum(dice) + len(normals) - false) / 21
    assert summary["dice_empty_is_1"]["mean"] == pytest.approx(everywhere, abs=1e-12)
    assert (summary["normals"], summary["normals_with_false_mask"]) == (len(normals), false)
    empty = sum(not ours.any() for _, ours, reference in both if reference.any())
    assert summary["hd95_left_out"] == summary["lesion_scans_with_empty_mask"] == empty


def test_classes_are_summed_up_apart(both, scored):
    for label, summary in scored[2]["by_class"].items():
        own = [b for b in both if b[0]["class"] == label]
        assert summary["scans"] == len(own)
        dice = [float(row["dice"]) for row, _, reference in own if reference.any()]
        if dice:
            assert summary["dice"]["mean"] == pytest.approx(np.mean(dice), abs=1e-5)
        else:
            assert summary["dice"]["mean"] is None


def test_scans_seen_in_training_are_counted_and_reported(scored):
    out, ended, metrics = scored
    assert metrics["seen"] == {"same": 21, "near copy": 0}
    assert metrics["unseen"]["scans"] == 0
    assert {row["seen"] for row in rows(out / "per_image.csv")} == {"same"}
    assert "Seen in training: 21 of these scans, and near copies of 0 more." in ended.out


def test_a_near_copy_of_a_training_scan_is_reported(study, call, scans, tmp_path):
    case = next(r for r in rows(study.data / "cases.csv") if r["split"] == "train" and r["masks"])
    copy = tmp_path / "copy.png"
    image = np.asarray(Image.open(scans / case["scan"]).convert("L"))
    Image.fromarray(np.minimum(image, 249) + np.uint8(6)).save(copy)  # a little brighter
    (tmp_path / "own.csv").write_text(f"scan,split\ncopy.png,test\n{scans / case['scan']},test\n")
    call("preprocess", "--table", "own.csv", "--size", 64, "--jobs", 1)
    ended = call("eval", "--weights", study.weights, "--json")
    assert json.loads(ended.out)["seen"] == {"same": 1, "near copy": 1}


def test_a_split_without_a_scan_is_not_scored(study, call, scans, tmp_path):
    (tmp_path / "own.csv").write_text(f"scan,split\n{scans / 'normal' / 'phantom-19.png'},test\n")
    call("preprocess", "--table", "own.csv", "--size", 64, "--jobs", 1)
    ended = call("eval", "--weights", study.weights, "--split", "val")
    assert ended.status == 1
    assert "have no scan for val" in ended.err
    assert not (tmp_path / "eval").exists()


def test_every_row_is_given_with_and_without_objections(study, objected, scored, call):
    weights = ("--weights", study.weights, "--split", "train")
    ended = call("eval", "--data", objected, *weights, "--out", "out")
    assert ended.status == 0
    out = objected.parent / "out"
    metrics, before = json.loads((out / "metrics.json").read_text()), scored[2]
    assert metrics["per_image"] == before["per_image"]  # nothing is dropped in silence
    clean = metrics["without_objections"]
    names = (
        *("per_image", "by_class", "by_dataset", "by_size", "by_device", "confidence"),
        *("lesions_by_size", "failures", "presence", "trade_off"),
    )
    assert set(clean) == {*names, "unseen"}
    kept = [row for row in rows(out / "per_image.csv") if not row["objection"]]
    assert (len(kept), clean["per_image"]["scans"], metrics["per_image"]["scans"]) == (18, 18, 21)
    dice = [float(row["dice"]) for row in kept if row["dice"] and row["class"] != "normal"]
    assert clean["per_image"]["dice"]["mean"] == pytest.approx(np.mean(dice), abs=1e-5)
    for label, summary in clean["by_class"].items():
        assert summary["scans"] == metrics["by_class"][label]["scans"] - 1
    (line,) = (line for line in ended.out.splitlines() if "without objections" in line)
    assert line.split()[2:4] == ["18", f"{np.mean(dice):.3f}"]
    assert "without objections" not in scored[1].out  # no scan there carries one


def test_predictions_against_prepared_data_know_the_objections(study, objected, call, tmp_path):
    masks = ("--predictions", study.out / "masks", "--reference", objected, "--split", "train")
    metrics = json.loads(call("eval", *masks, "--json").out)
    assert metrics["without_objections"]["per_image"]["scans"] == 18
    assert metrics["per_image"]["scans"] == 21


def test_weights_of_other_views_are_refused_in_one_sentence(study, call, scans):
    call("preprocess", scans, "--size", 64, "--jobs", 1, "--views", "whole")
    ended = call("eval", "--weights", study.weights)
    assert ended.status == 1
    assert ended.err.endswith("run preprocess with --size 64 --aspect stretch --views auto.\n")
    assert "(stretch, views auto) but the data are prepared at 64 (stretch, views whole)" in (
        ended.err
    )


def test_unseen_scans_are_said_to_be_unseen(study, call, tmp_path):
    ended = call("eval", "--data", study.data, "--weights", study.weights, "--out", "scores")
    assert ended.status == 0
    assert f"Weights {study.weights}: as asked for." in ended.out
    assert "seen none of these scans in training" in ended.out
    assert sorted(path.name for path in (tmp_path / "scores").iterdir()) == [
        "examples.png",
        "examples.svg",
        "metrics.json",
        "per_image.csv",
        "plots",
        "report.html",
        "thumbnails",
    ]


def test_scans_that_were_prepared_larger_are_made_smaller(study, scored, call, scans):
    call("preprocess", scans, "--size", 96)
    ended = call("eval", "--split", "train", "--weights", study.weights, "--json")
    found, before = json.loads(ended.out), scored[2]
    assert found["seen"] == before["seen"]
    assert found["per_image"]["scans"] == before["per_image"]["scans"]
    # twice shrunk is not quite once shrunk
    assert found["pooled"]["Dice_coef"] == pytest.approx(before["pooled"]["Dice_coef"], abs=0.05)
