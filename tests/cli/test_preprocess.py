import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.made_data import grey, native, rows

COLUMNS = [
    *("case", "dataset", "class", "split", "group", "index", "scan", "masks"),
    *("height", "width", "sha256", "pixels_sha256", "phash", "mask_sha256", "device"),
    *("objection", "doubts", "view_top", "view_left", "view_bottom", "view_right"),
]


def test_the_shapes_are_printed_as_the_seed_work_does(prepared):
    # 24 scans: floor(0.9 * 24) = 21 to train; of the other 3, ceil(3 / 4) = 1 to test
    assert prepared.preprocess.out.splitlines()[:3] == [
        "Training data: (21, 64, 64, 3) (21, 64, 64)",
        "Validation data: (2, 64, 64, 3) (2, 64, 64)",
        "Test data: (1, 64, 64, 3) (1, 64, 64)",
    ]
    assert prepared.preprocess.status == 0


def test_the_data_folder_holds_the_files_of_the_contract_and_nothing_else(prepared, tree):
    counts = {"train": 21, "val": 2, "test": 1}
    expected = {"cases.csv", "dataset.json"}
    expected |= {f"figures/{label}.png" for label in ("benign", "malignant", "normal")}
    for split, count in counts.items():
        expected |= {f"{split}/images.npy", f"{split}/masks.npy"}
        expected |= {f"{split}/native/{i:06d}.png" for i in range(count)}
    (sector,) = (row for row in rows(prepared.data) if row["case"] == "phantom-16")
    expected.add(f"{sector['split']}/tissue/{int(sector['index']):06d}.png")  # the only one uncut
    assert set(tree(prepared.data)) == expected


@pytest.mark.parametrize(("split", "count"), [("train", 21), ("val", 2), ("test", 1)])
def test_images_are_uint8_rgb_and_masks_are_zeros_and_ones(prepared, split, count):
    images = np.load(prepared.data / split / "images.npy", allow_pickle=False)
    masks = np.load(prepared.data / split / "masks.npy", allow_pickle=False)
    assert (images.shape, images.dtype) == ((count, 64, 64, 3), np.uint8)
    assert (masks.shape, masks.dtype) == ((count, 64, 64), np.uint8)
    assert set(np.unique(masks)) == {0, 1}
    assert images.max() > 100  # kept at the full range, scaled only when loaded


def test_the_table_says_of_every_scan_what_it_is_and_where_it_stands(prepared, scans):
    found = rows(prepared.data)
    assert list(found[0]) == COLUMNS
    assert [row["case"] for row in found] == [f"phantom-{n:02d}" for n in range(1, 25)]
    for row in found:
        scan = scans / row["scan"]
        assert scan.is_file()
        assert row["class"] == scan.parent.name
        width, height = Image.open(scan).size
        assert (row["height"], row["width"]) == (str(height), str(width))
    for split, count in (("train", 21), ("val", 2), ("test", 1)):
        positions = sorted(int(row["index"]) for row in found if row["split"] == split)
        assert positions == list(range(count))


def test_dataset_json_names_settings_counts_and_versions(prepared):
    info = json.loads((prepared.data / "dataset.json").read_text())
    assert info["preprocess"] == {"size_px": 64, "aspect": "stretch", "views": "auto"}
    assert info["split"] == {"by": "group", "train_share": 0.9, "seed": 0}
    assert info["datasets"] == {"scans": 24}
    assert sum(sum(counts.values()) for counts in info["counts"].values()) == 24
    assert {"busicli", "numpy", "pillow"} <= set(info["versions"])


def test_several_masks_of_one_scan_are_united(prepared, scans):
    for case in ("phantom-06", "phantom-09"):
        row = next(row for row in rows(prepared.data) if row["case"] == case)
        first, second = (scans / "benign" / f"{case}_mask{end}.png" for end in ("", "_1"))
        assert row["masks"] == f"benign/{first.name};benign/{second.name}"
        united = np.maximum(grey(first), grey(second))
        assert united.sum() > grey(first).sum()
        assert np.array_equal(native(prepared.data, row), united)
        stored = np.load(prepared.data / row["split"] / "masks.npy")[int(row["index"])]
        # 64 x 64 px hold the same share of lesion as the view, but for rounding at its edge
        top, left, bottom, right = map(int, list(row.values())[-4:])
        share = (united[top:bottom, left:right] > 0).mean()
        assert stored.mean() == pytest.approx(share, rel=0.05)


@pytest.mark.parametrize(("label", "scans_shown"), [("benign", 4), ("malignant", 4), ("normal", 4)])
def test_each_category_has_a_metric_of_scans_above_masks(prepared, label, scans_shown):
    figure = Image.open(prepared.data / "figures" / f"{label}.png")
    figure.load()
    pixels = np.asarray(figure.convert("L"))
    assert figure.width > figure.height * scans_shown / 3
    top, bottom = np.array_split(pixels, 2)
    assert len(np.unique(top)) > 100  # scans hold all greys
    assert (bottom == 0).any()  # a mask's background is black on the white page


def test_the_same_bytes_come_out_for_any_number_of_workers(call, prepared, scans, tmp_path, tree):
    for jobs in (1, 2):
        out = tmp_path / f"jobs{jobs}"
        assert call("preprocess", scans, "--size", 64, "--jobs", jobs, "--out", out).status == 0
        assert tree(out) == tree(prepared.data)


def test_another_seed_divides_otherwise_with_the_same_counts(call, prepared, scans, tmp_path):
    ended = call("preprocess", scans, "--size", 64, "--jobs", 1, "--seed", 1, "--out", "other")
    assert ended.out.splitlines()[:3] == prepared.preprocess.out.splitlines()[:3]
    first, second = ([r["split"] for r in rows(d)] for d in (prepared.data, tmp_path / "other"))
    assert sorted(first) == sorted(second)
    assert first != second


def test_classes_are_shared_out_evenly_unless_the_split_is_by_image(call, scans, tmp_path):
    # five copies of each scan, shifted: 50 benign, 40 malignant, 30 normal of 120. Test gets 3 of
    # them (a quarter of 12), one of each class: 50/40/12 -> 1.25, 1, 0.75 by largest remainder.
    def copies(folder: Path) -> Path:
        for scan in sorted(scans.glob("*/*.png")):
            stem, sign, rest = scan.stem.partition("_mask")
            for turn in range(5):
                position = folder / scan.parent.name / f"{stem}-{turn}{sign}{rest}.png"
                position.parent.mkdir(parents=True, exist_ok=True)
                image = np.asarray(Image.open(scan).convert("L"))
                Image.fromarray(np.roll(image, turn * 60, axis=1)).save(position)
        return folder

    source = copies(tmp_path / "many")
    ended = call("preprocess", source, "--size", 32, "--jobs", 2)
    assert ended.status == 0
    classes = sorted(row["class"] for row in rows(tmp_path / "data") if row["split"] == "test")
    assert classes == ["benign", "malignant", "normal"]


def test_near_copies_stay_on_one_side(call, busi, tmp_path):
    for number in (1, 11, 19):  # one of each class, stored again a little brighter
        scan = next(busi.glob(f"*/phantom-{number:02d}.png"))
        copy = scan.with_name(f"copy-{number:02d}.png")
        Image.fromarray(np.minimum(grey(scan), 249) + np.uint8(6)).save(copy)
        shutil.copy(
            scan.with_name(f"{scan.stem}_mask.png"), copy.with_name(f"{copy.stem}_mask.png")
        )
    for seed in range(4):
        ended = call("preprocess", busi, "--size", 32, "--jobs", 1, "--seed", seed)
        assert "6 scans are in groups of several" in ended.out
        assert "groups: 3, divided: 0" in ended.out
        splits = {row["case"]: (row["split"], row["group"]) for row in rows(tmp_path / "data")}
        for number in (1, 11, 19):
            assert splits[f"phantom-{number:02d}"] == splits[f"copy-{number:02d}"]


def test_split_by_image_may_divide_a_group_and_says_so(call, busi, tmp_path):
    for scan in [p for p in busi.glob("*/*.png") if "_mask" not in p.stem]:
        for mask in list(scan.parent.glob(f"{scan.stem}_mask*.png")):
            shutil.copy(mask, mask.with_name(f"twin-{mask.name}"))
        shutil.copy(scan, scan.with_name(f"twin-{scan.name}"))
    # 48 scans, 24 pairs of twins: floor(43.2) = 43 train is odd, so whole pairs cannot fill it
    by_group = call("preprocess", busi, "--size", 32, "--jobs", 1)
    assert by_group.status == 1
    assert "--split-by image" in by_group.err
    by_image = call("preprocess", busi, "--size", 32, "--jobs", 1, "--split-by", "image")
    assert by_image.out.startswith("Training data: (43, 32, 32, 3) (43, 32, 32)\n")
    assert (
        "48 scans are in groups of several (one patient, or near copies); groups: 24"
        in by_image.out
    )
    splits: dict[str, set[str]] = {}
    for row in rows(tmp_path / "data"):
        splits.setdefault(row["group"], set()).add(row["split"])
    divided = sum(len(found) > 1 for found in splits.values())
    assert divided > 0
    assert f", divided: {divided}." in by_image.out


def test_what_was_assumed_of_scans_is_said_in_their_rows(call, busi, prepared, tmp_path):
    faint, short = busi / "benign" / "phantom-01.png", busi / "normal" / "phantom-19.png"
    Image.fromarray(grey(faint) // 8).save(faint)
    stored = io.BytesIO()
    Image.open(short).convert("L").save(stored, "JPEG")
    data = stored.getvalue()
    short.write_bytes(data[: len(data) // 2] + data[-2:])  # ends as a JPEG ends
    ended = call("preprocess", busi, "--size", 32, "--jobs", 1)
    doubts = {row["case"]: row["doubts"].split(";") for row in rows(tmp_path / "data")}
    assert doubts["phantom-01"] == ["uncertain greys"]
    assert "rest of the image missing" in doubts["phantom-19"]
    assert doubts["phantom-02"] == [""]
    assert "before training: uncertain greys: 1 (busi/phantom-01)." in ended.out
    assert "before training: rest of the image missing: 1 (busi/phantom-19)." in ended.out
    info = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert info["doubts"]["uncertain greys"] == 1
    assert "before training" not in prepared.preprocess.out


def test_views_of_whole_scans_are_the_scans(call, scans, tmp_path):
    assert call("preprocess", scans, "--size", 32, "--jobs", 1, "--views", "whole").status == 0
    info = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert info["preprocess"]["views"] == "whole"
    for row in rows(tmp_path / "data"):
        corners = [row[f"view_{side}"] for side in ("top", "left", "bottom", "right")]
        assert corners == ["0", "0", row["height"], row["width"]]


def test_a_second_run_replaces_the_first(call, scans, tmp_path, tree):
    call("preprocess", scans, "--size", 64, "--jobs", 1)
    (tmp_path / "data" / "stale.txt").write_text("of the first run")
    assert call("preprocess", scans, "--size", 32, "--jobs", 1).status == 0
    assert "stale.txt" not in tree(tmp_path / "data")
    assert json.loads((tmp_path / "data" / "dataset.json").read_text())["preprocess"] == {
        "size_px": 32,
        "aspect": "stretch",
        "views": "auto",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
