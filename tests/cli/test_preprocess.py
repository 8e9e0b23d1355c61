import csv
import io
import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COLUMNS = [
    *("case", "dataset", "class", "split", "group", "index", "scan", "masks"),
    *("height", "width", "sha256", "pixels_sha256", "phash", "mask_sha256", "device"),
    *("objection", "doubts", "view_top", "view_left", "view_bottom", "view_right"),
]


def rows(data: Path) -> list[dict[str, str]]:
    with (data / "cases.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


def native(data: Path, row: dict[str, str]) -> np.ndarray:
    return grey(data / row["split"] / "native" / f"{int(row['index']):06d}.png")


@pytest.fixture
def busi(scans, tmp_path) -> Path:
    """A copy of the phantoms that a test may spoil."""
    return Path(shutil.copytree(scans, tmp_path / "busi"))


@pytest.fixture
def busbra(scans, tmp_path) -> Path:
    """The lesion phantoms in BUS-BRA's layout: patients 1 to 9 with two scans each."""
    folder = tmp_path / "busbra"
    (folder / "Images").mkdir(parents=True)
    (folder / "Masks").mkdir()
    table = ["ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX"]
    found = [p for label in ("benign", "malignant") for p in sorted((scans / label).glob("*.png"))]
    lesions = [p for p in found if "_mask" not in p.stem]
    for position, scan in enumerate(lesions):
        patient, side = position // 2 + 1, "lr"[position % 2]
        name = f"{patient:04d}-{side}"
        shutil.copy(scan, folder / "Images" / f"bus_{name}.png")
        mask = scan.with_name(f"{scan.stem}_mask.png")
        shutil.copy(mask, folder / "Masks" / f"mask_{name}.png")
        table.append(f"bus_{name},{patient},,{scan.parent.name},4,,,,{side},")
    table.append("bus_0099-l,99,,benign,4,,,,l,")  # listed, but not in this part of the data
    (folder / "bus_data.csv").write_text("\n".join(table) + "\n")
    return folder


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


def test_busbra_is_read_and_its_patients_are_not_divided(call, busbra, tmp_path):
    for seed in range(3):
        # 18 scans: floor(16.2) = 16 train, of the other 2 ceil(2 / 4) = 1 test, 1 validation: no
        # whole patient of two scans fits there
        ended = call("preprocess", busbra, "--size", 32, "--jobs", 1, "--seed", seed)
        assert ended.status == 1
        assert "whole groups" in ended.err
    for side in ("l", "r"):  # two patients with one scan each make room
        name = f"0001-{side}" if side == "l" else f"0002-{side}"
        (busbra / "Images" / f"bus_{name}.png").unlink()
        (busbra / "Masks" / f"mask_{name}.png").unlink()
    ended = call("preprocess", busbra, "--size", 32, "--jobs", 1)
    # 16 scans: floor(14.4) = 14 train; of the other 2, 1 test and 1 validation
    assert ended.out.splitlines()[0] == "Training data: (14, 32, 32, 3) (14, 32, 32)"
    assert "14 scans are in groups of several (one patient, or near copies); groups: 7" in ended.out
    found = rows(tmp_path / "data")
    assert {row["class"] for row in found} == {"benign", "malignant"}
    held_out = {row["case"] for row in found if row["split"] != "train"}
    assert held_out == {"bus_0001-r", "bus_0002-l"}


def test_two_data_sets_at_once_keep_their_names(call, scans, busbra, busi, tmp_path):
    twin = Path(shutil.copytree(scans, tmp_path / "elsewhere" / "scans"))
    ended = call("preprocess", scans, twin, "--size", 32, "--jobs", 1, "--split-by", "image")
    # 48 scans: floor(43.2) = 43 train; of the other 5, ceil(1.25) = 2 test
    assert "Test data: (2, 32, 32, 3) (2, 32, 32)" in ended.out
    found = rows(tmp_path / "data")
    assert [row["dataset"] for row in found] == ["scans"] * 24 + ["scans-2"] * 24
    groups = {(row["case"], row["group"]) for row in found}
    assert len(groups) == 24  # each scan and its twin in the other set are one group
    mixed = call("preprocess", busi, busbra, "--size", 32, "--jobs", 1, "--split-by", "image")
    assert mixed.status == 0
    info = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert info["datasets"] == {"busbra": 18, "busi": 24}


def table(path: Path, scans: Path, extra: dict[str, tuple[str, str]]) -> Path:
    """A table of all phantoms; `extra` gives a case's group and split."""
    lines = ["scan,masks,class,group,split"]
    for scan in sorted(p for p in scans.glob("*/*.png") if "_mask" not in p.stem):
        masks = ";".join(str(m) for m in sorted(scan.parent.glob(f"{scan.stem}_mask*.png")))
        group, split = extra.get(scan.stem, extra.get("", ("", "")))
        lines.append(f"{scan},{masks},{scan.parent.name},{group},{split}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_gives_the_same_images_as_its_folder(call, prepared, scans, tmp_path):
    cases = table(tmp_path / "cases.csv", scans, {})
    ended = call("preprocess", "--table", cases, "--size", 64, "--jobs", 1)
    assert ended.out.splitlines()[:3] == prepared.preprocess.out.splitlines()[:3]
    assert {row["dataset"] for row in rows(tmp_path / "data")} == {"cases"}
    ours, theirs = (
        {(row["sha256"], native(data, row).tobytes()) for row in rows(data)}
        for data in (prepared.data, tmp_path / "data")
    )
    assert ours == theirs


def test_groups_of_a_table_are_not_divided(call, scans, tmp_path):
    pairs = {f"phantom-{n:02d}": (f"patient{n // 2}", "") for n in range(2, 20)}
    cases = table(tmp_path / "cases.csv", scans, pairs)  # 9 pairs, 6 scans on their own
    ended = call("preprocess", "--table", cases, "--size", 32, "--jobs", 1)
    assert "18 scans are in groups of several (one patient, or near copies); groups: 9" in ended.out
    splits = {row["case"]: row["split"] for row in rows(tmp_path / "data")}
    by_number = {int(case[-2:]): split for case, split in splits.items()}
    assert all(by_number[n] == by_number[n + 1] for n in range(2, 20, 2))


def test_a_split_column_is_followed(call, scans, tmp_path):
    asked = {"phantom-01": ("", "test"), "phantom-12": ("", "test"), "phantom-20": ("", "val")}
    cases = table(tmp_path / "cases.csv", scans, {**asked, "": ("", "train")})
    ended = call("preprocess", "--table", cases, "--size", 32, "--jobs", 1)
    assert ended.out.startswith("Training data: (21, 32, 32, 3)")
    splits = {row["case"]: row["split"] for row in rows(tmp_path / "data")}
    held_out = {Path(case).name: split for case, split in splits.items() if split != "train"}
    assert held_out == {"phantom-01": "test", "phantom-12": "test", "phantom-20": "val"}


def test_a_split_column_in_one_of_two_data_sets_is_refused(call, scans, busbra, tmp_path):
    cases = table(tmp_path / "cases.csv", scans, {"": ("", "train")})
    ended = call("preprocess", busbra, "--table", cases, "--size", 32, "--jobs", 1)
    assert ended.status == 1
    assert "split" in ended.err
    assert "internal error" not in ended.err
    assert not (tmp_path / "data").exists()


def test_a_split_column_may_leave_a_split_empty_for_scoring_alone(call, scans, tmp_path):
    cases = table(tmp_path / "cases.csv", scans, {"": ("", "test")})
    ended = call("preprocess", "--table", cases, "--size", 32, "--jobs", 1)
    assert ended.status == 0
    assert ended.out.startswith("Training data: (0, 32, 32, 3) (0, 32, 32)\n")
    assert np.load(tmp_path / "data" / "train" / "images.npy").shape == (0, 32, 32, 3)


def test_scans_with_an_objection_keep_their_position_and_are_marked(call, busi, prepared, tmp_path):
    for end in ("", "_mask"):  # a name of BUSI that its curators object to
        scan = busi / "normal" / f"phantom-19{end}.png"
        scan.rename(scan.with_name(f"normal (35){end}.png"))
    ended = call("preprocess", busi, "--size", 64, "--jobs", 1)
    assert ended.out.splitlines()[:3] == prepared.preprocess.out.splitlines()[:3]
    assert "Scans with an objection of the curators of BUSI: 1 (1 needle)" in ended.out
    marked = {row["case"]: row["objection"] for row in rows(tmp_path / "data") if row["objection"]}
    assert marked == {"normal (35)": "needle"}
    info = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert info["objections"]["scans"] == {"needle": 1}
    assert "k8t3gnx9h6.1" in info["objections"]["source"]
    assert "objection of" not in prepared.preprocess.out


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


def test_a_folder_of_someone_elses_is_not_replaced(call, scans, tmp_path, tree):
    theirs = tmp_path / "thesis"
    theirs.mkdir()
    (theirs / "chapter1.txt").write_text("a year's work")
    ended = call("preprocess", scans, "--size", 32, "--jobs", 1, "--out", "thesis")
    assert ended.status == 1
    assert "thesis" in ended.err
    assert tree(tmp_path) == {"thesis/chapter1.txt": b"a year's work"}


def test_all_broken_files_are_named_at_once_and_nothing_is_left(call, busi, tmp_path):
    benign, malignant = busi / "benign", busi / "malignant"
    (benign / "phantom-01_mask.png").unlink()
    Image.new("1", (7, 5)).save(benign / "phantom-02_mask.png")  # 5 rows, 7 columns
    scan = malignant / "phantom-11.png"
    scan.write_bytes(scan.read_bytes()[:2000])
    (malignant / "phantom-12.png").write_bytes(b"no image at all")
    shutil.copy(benign / "phantom-03_mask.png", busi / "normal" / "stray_mask.png")
    for jobs in (1, 2):
        ended = call("preprocess", busi, "--size", 32, "--jobs", jobs)
        assert ended.status == 1
        assert "5 files are broken" in ended.err
        errors = [line.strip() for line in ended.err.splitlines() if line.startswith("  ")]
        assert sorted(errors) == [
            "benign/phantom-01.png: has no mask phantom-01_mask.png",
            # width x height of phantom-02 is 367 x 381
            "benign/phantom-02_mask.png: is 5 x 7 px but its scan is 381 x 367",
            "malignant/phantom-11.png: is damaged or cut short; copy it again from its source",
            "malignant/phantom-12.png: is not a scan; give a PNG, JPEG, BMP, TIFF or DICOM "
            "ultrasound file",
            "normal/stray_mask.png: is a mask without its scan",
        ]
        assert ended.out == ""
        assert [path.name for path in tmp_path.iterdir()] == ["busi"]


def test_two_broken_masks_of_one_scan_are_both_named(call, busi):
    Image.new("1", (7, 5)).save(busi / "benign" / "phantom-06_mask.png")
    (busi / "benign" / "phantom-06_mask_1.png").write_bytes(b"no image at all")
    ended = call("preprocess", busi, "--size", 32, "--jobs", 1)
    assert "benign/phantom-06_mask.png: is 5 x 7 px" in ended.err
    assert "benign/phantom-06_mask_1.png: is not an image" in ended.err


def test_a_stopped_run_leaves_nothing_behind(start, scans, tmp_path):
    process = start("preprocess", scans, "--size", 2048, "--jobs", 1, cwd=tmp_path)
    with process:
        first = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        err = process.stderr.read()
    assert b" preparing scans: 0 of 24" in first
    assert process.returncode == 75, err
    assert b"Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_data_of_an_earlier_run_alone(call, busi, tmp_path, tree):
    call("preprocess", busi, "--size", 32, "--jobs", 1)
    before = tree(tmp_path / "data")
    (busi / "benign" / "phantom-01.png").write_bytes(b"no image at all")
    assert call("preprocess", busi, "--size", 32, "--jobs", 1).status == 1
    assert tree(tmp_path / "data") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["busi", "data"]


def test_scans_of_one_name_are_named_with_their_files(busi, call):
    for suffix in ("png", "jpg"):
        shutil.copy(next(busi.glob("normal/*[0-9].png")), busi / "normal" / f"one.{suffix}")
    ended = call("preprocess", busi, "--size", 32, "--jobs", 1)
    assert ended.status == 1
    assert "is the name of two scans, normal/one.jpg and normal/one.png; rename one" in ended.err
