"""On the real BUSI data set, where it is at hand."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BUSI = os.environ.get("BUSICLI_BUSI_DIR", "")

pytestmark = [
    pytest.mark.busi,
    pytest.mark.skipif(not BUSI, reason="BUSICLI_BUSI_DIR does not name the BUSI data set"),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, run):
    """BUSI prepared at 32 px, which reads every file: (folder, how it ended)."""
    folder = tmp_path_factory.mktemp("busi")
    return folder / "data", run("preprocess", BUSI, "--size", 32, cwd=folder)


@pytest.fixture(scope="module")
def cases(prepared):
    with (prepared[0] / "cases.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_counts_are_those_of_the_literature(prepared, cases):
    scans = [p for p in Path(BUSI).glob("*/*.png") if "_mask" not in p.stem]
    count = len(scans)
    assert len(cases) == count > 0
    # all 780: floor(702.0) = 702, ceil(78 / 4) = 20, 58 between; 623 of them: 560, 16, 47
    train = math.floor(0.9 * count)
    test = math.ceil((count - train) / 4)
    val = count - train - test
    assert prepared[1].out.splitlines()[:3] == [
        f"Training data: ({train}, 32, 32, 3) ({train}, 32, 32)",
        f"Validation data: ({val}, 32, 32, 3) ({val}, 32, 32)",
        f"Test data: ({test}, 32, 32, 3) ({test}, 32, 32)",
    ]


def test_no_group_of_near_copies_is_divided_and_there_are_many(prepared, cases):
    splits: dict[str, set[str]] = {}
    for row in cases:
        splits.setdefault(row["group"], set()).add(row["split"])
    assert max(map(len, splits.values())) == 1
    assert len(splits) < 0.9 * len(cases)
    assert ", divided: 0." in prepared[1].out


def test_classes_are_shared_out_as_evenly_as_groups_allow(cases):
    labels = [row["class"] for row in cases]
    for split in ("train", "val", "test"):
        own = [row["class"] for row in cases if row["split"] == split]
        for label in ("benign", "malignant", "normal"):
            expected = labels.count(label) * len(own) / len(labels)
            assert abs(own.count(label) - expected) <= 1 + 0.02 * len(own)


def test_several_masks_of_one_scan_are_united(prepared, cases):
    several = [row for row in cases if ";" in row["masks"]]
    assert several
    for row in several:
        paths = [Path(BUSI) / name for name in row["masks"].split(";")]
        united = np.any([np.asarray(Image.open(p).convert("L")) > 0 for p in paths], axis=0)
        native = prepared[0] / row["split"] / "native" / f"{int(row['index']):06d}.png"
        assert np.array_equal(np.asarray(Image.open(native)) > 0, united)
