import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.made_data import native, rows


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
