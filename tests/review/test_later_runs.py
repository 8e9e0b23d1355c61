"""What later runs and `preprocess` make of reviewed scans."""

import csv
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.review.made_reviews import mask
from tests.segmented import rows_by_scan


def test_a_later_run_keeps_reviewed_scans(out, named, scans, review_of, saved, call):
    call("review", "out", saved(review_of(named[0], "edited"), review_of(named[1])))
    before = rows_by_scan(out)
    # another limit is another run: all other scans are segmented again
    ended = call("segment-dir", scans, "out", "--max-pixels", 1_000_000)
    assert ended.status == 0, ended.err
    assert "2 scans stayed as a person reviewed them." in ended.out
    found = rows_by_scan(out)
    for scan in named[:2]:
        assert {**found[scan], "new": None} == {**before[scan], "new": None}
    assert mask(out, named[0])[20:50, 10:30].all()
    assert sum(row["new"] for row in found.values() if row["status"] == "ok") == len(named) - 2


def test_a_run_does_not_overwrite_a_reviewed_mask_that_somebody_changed(
    out, named, scans, review_of, saved, call
):
    call("review", "out", saved(review_of(named[0], "edited")))
    shutil.copy(out / "masks" / named[1], out / "masks" / named[0])
    ended = call("segment-dir", scans, "out")
    assert ended.status == 3
    assert "run busicli review OUT to restore" in ended.out
    assert call("review", "out").status == 0
    assert mask(out, named[0])[20:50, 10:30].all()
    assert rows_by_scan(out)[named[0]]["reviewed"]["decision"] == "edited"


def test_a_reviewed_mask_that_is_gone_comes_back(out, named, scans, review_of, saved, call):
    call("review", "out", saved(review_of(named[0], "edited")))
    before = (out / "masks" / named[0]).read_bytes()
    (out / "masks" / named[0]).unlink()
    assert call("segment-dir", scans, "out").status == 0
    assert call("review", "out").status == 0
    assert (out / "masks" / named[0]).read_bytes() == before


def test_a_scan_that_changed_is_segmented_and_its_review_forgotten(
    out, named, scans, review_of, saved, call, tmp_path
):
    ward = Path(shutil.copytree(scans, tmp_path / "ward"))
    call("review", "out", saved(review_of(named[0], "edited")))
    image = Image.open(ward / named[0])
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(ward / named[0])
    assert call("segment-dir", "ward", "out").status == 0
    assert rows_by_scan(out)[named[0]]["reviewed"] is None
    assert call("review", "out").status == 0
    assert not (out / "model_masks" / named[0]).exists()


def test_reviewed_scans_are_a_data_set(out, named, review_of, saved, call, tmp_path):
    kinds = ["benign", "malignant", *[None] * 6]
    reviews = [
        review_of(scan, "edited", **{"class": kind})
        for scan, kind in zip(named, kinds, strict=False)
    ]
    reviews += [review_of(scan, "no_lesion") for scan in named[8:12]]
    reviews.append(review_of(named[12], "rejected"))
    call("review", "out", saved(*reviews))
    ended = call("preprocess", "--reviewed", "out", "--size", 64, "--out", "learn")
    assert ended.status == 0, ended.err
    with (tmp_path / "learn" / "cases.csv").open(newline="", encoding="utf-8") as file:
        found = {row["case"]: row for row in csv.DictReader(file)}
    assert set(found) == set(named[:12])
    labels = [found[scan]["class"] for scan in named[:12]]
    assert labels == ["benign", "malignant", *[""] * 6, *["normal"] * 4]
    row = found[named[0]]
    native = tmp_path / "learn" / row["split"] / "native" / f"{int(row['index']):06d}.png"
    assert np.array_equal(np.asarray(Image.open(native)) > 0, mask(out, named[0]))


def test_without_a_review_there_is_no_data_set(out, call):
    ended = call("preprocess", "--reviewed", "out", "--out", "learn")
    assert ended.status == 1
    assert "holds no scan that a person accepted" in ended.err
