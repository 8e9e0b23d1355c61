import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from busicli.data.store import (
    PreparedData,
    native_path,
    open_data,
    write_bitmaps,
    write_index,
    write_rows,
)
from busicli.errors import InputError
from busicli.evaluation.evaluate import score_scan
from busicli.inference.engines import Predictions
from busicli.io.images import encode_mask
from busicli.settings import PreprocessSettings, TunedSettings
from busicli.types import Case, Fingerprint

SMALL = PreprocessSettings(size_px=16)
INFO = {"preprocess": asdict(SMALL), "datasets": {"a": 3}}


def stored_case(number: int, split: str, index: int, **values) -> Case:
    return Case(
        case=values.pop("case", f"case {number}"),
        dataset="a",
        label="benign",
        split=split,
        group=number,
        index=index,
        height=20,
        width=30,
        fingerprint=Fingerprint(sha256=f"{number:064x}", pixels_sha256="ab" * 32, phash="0" * 16),
        mask_sha256="cd" * 32,
        sources=values.pop("sources", (f"benign/{number}.png", f"benign/{number}_mask.png")),
        **values,
    )


def native(number: int) -> np.ndarray:
    mask = np.zeros((20, 30), bool)
    mask[number, :] = True
    return mask


def store(folder: Path, cases: list[Case]) -> PreparedData:
    """Cases whose image holds their number in every pixel, and whose native mask its row."""
    images = np.array([np.full((16, 16, 3), case.group, np.uint8) for case in cases])
    masks = images[..., 0] % 2
    for split in ("train", "val", "test"):
        order = sorted((c.index, row) for row, c in enumerate(cases) if c.split == split)
        rows = [row for _, row in order]
        encoded = (encode_mask(native(cases[row].group)) for row in rows)
        write_rows(folder / split / "images.npy", images, rows)
        write_rows(folder / split / "masks.npy", masks, rows)
        write_bitmaps(folder / split, native_path, encoded)
    write_index(folder, cases, INFO)
    return open_data(folder)


THREE = [stored_case(1, "train", 1), stored_case(2, "train", 0), stored_case(3, "val", 0)]


def test_a_stored_folder_comes_back_as_it_was(tmp_path):
    data = store(tmp_path / "data", THREE)
    assert data.cases == tuple(THREE)
    assert data.preprocess == SMALL
    assert data.info["datasets"] == {"a": 3}
    train = data.load("train")
    assert [case.group for case in train.cases] == [2, 1]  # by index
    assert (train.images.shape, train.images.dtype) == ((2, 16, 16, 3), np.uint8)
    assert (train.masks.shape, train.masks.dtype) == ((2, 16, 16), np.uint8)
    assert [int(image.max()) for image in train.images] == [2, 1]
    assert [int(mask.max()) for mask in train.masks] == [0, 1]
    assert (train.native_mask(0) == native(2)).all()
    assert (train.native_mask(1) == native(1)).all()


def test_an_empty_split_is_loaded_with_its_shape(tmp_path):
    test = store(tmp_path / "data", THREE).load("test")
    assert (test.images.shape, test.masks.shape, test.cases) == ((0, 16, 16, 3), (0, 16, 16), ())


def test_the_fingerprint_is_of_the_data_and_not_of_the_position(tmp_path):
    first = store(tmp_path / "one", THREE).fingerprint
    assert store(tmp_path / "two", THREE).fingerprint == first
    renamed = [replace(case, case=f"other {case.group}") for case in THREE]
    assert store(tmp_path / "renamed", renamed).fingerprint == first


@pytest.mark.parametrize("what", ["scan", "split", "order", "mask"])
def test_the_fingerprint_changes_with_the_data(tmp_path, what):
    first = store(tmp_path / "one", THREE).fingerprint
    pixels = replace(THREE[0].fingerprint, pixels_sha256="cd" * 32)
    others = {
        "scan": [replace(THREE[0], fingerprint=pixels), *THREE[1:]],
        "split": [*THREE[:2], replace(THREE[2], split="test")],
        "order": [replace(THREE[0], index=0), replace(THREE[1], index=1), THREE[2]],
        "mask": [*THREE[:2], replace(THREE[2], mask_sha256="ef" * 32)],
    }
    assert store(tmp_path / "two", others[what]).fingerprint != first


def test_objections_and_views_come_back_as_they_were(tmp_path):
    cases = [replace(THREE[0], objection="axilla", view=(2, 3, 20, 29)), *THREE[1:]]
    data = store(tmp_path / "data", cases)
    assert data.cases == tuple(cases)
    assert data.cases[0].box == (slice(2, 20), slice(3, 29))
    assert data.cases[1].box == (slice(0, 20), slice(0, 30))


def test_the_fingerprint_knows_views_and_no_objections(tmp_path):
    first = store(tmp_path / "one", THREE).fingerprint
    objected = [replace(THREE[0], objection="axilla"), *THREE[1:]]
    assert store(tmp_path / "two", objected).fingerprint == first
    cut = [replace(THREE[0], view=(0, 0, 20, 29)), *THREE[1:]]
    assert store(tmp_path / "three", cut).fingerprint != first


def test_data_of_before_there_were_views_are_whole_and_the_same(tmp_path):
    whole = {"preprocess": {"size_px": 16, "aspect": "stretch", "views": "whole"}}
    older = {"preprocess": {"size_px": 16}}
    first = write_index(tmp_path, THREE, whole)
    assert write_index(tmp_path, THREE, older) == first
    assert open_data(tmp_path).preprocess.views == "whole"


@pytest.mark.parametrize("view", [(0, 0, 21, 30), (5, 0, 5, 30), (0, 31, 20, 30)])
def test_a_view_that_does_not_fit_its_scan_is_refused(tmp_path, view):
    write_index(tmp_path, [replace(THREE[0], view=view)], INFO)
    with pytest.raises(InputError, match="incomplete or were changed"):
        open_data(tmp_path)


def test_a_map_is_scored_where_its_view_lies(tmp_path):
    # A map of ones fills the view, 20 x 20 of 20 x 30 pixels, but for the 4 columns on its left
    # that may lie outside of the field; the reference is all 30 of row 7, of which 16 are there:
    # 2 * 16 / (320 + 30). The network's own copy of it plays no part.
    case = replace(stored_case(7, "test", 0), view=(0, 10, 20, 30), objection="needle")
    scans = store(tmp_path / "data", [case]).load("test")
    ones = Predictions(np.ones((1, 16, 16), np.float32))
    found = score_scan(scans, 0, ones, TunedSettings()).score
    assert (found.predicted_area_px, found.reference_area_px) == (320, 30)
    assert found.dice == pytest.approx(32 / 350)
    assert (found.scan_px, found.objection) == (600, "needle")


@pytest.mark.parametrize(
    "doubt", ["rest of the image missing", "uncertain greys", "no certain ultrasound field"]
)
def test_what_was_assumed_of_a_scan_is_kept_and_asks_for_a_review(tmp_path, doubt):
    cases = [stored_case(1, "train", 0, doubts=(doubt,)), stored_case(2, "train", 1)]
    scans = store(tmp_path / "data", cases).load("train")
    assert [case.doubts for case in scans.cases] == [(doubt,), ()]
    nothing = Predictions(np.zeros((2, 16, 16), np.float32))
    scored = [score_scan(scans, index, nothing, TunedSettings()).score for index in (0, 1)]
    assert [score.review for score in scored] == [True, False]


def test_names_of_every_kind_are_stored_as_text(tmp_path):
    names = [os.fsdecode(b"caf\xe9 1"), 'a "quoted", name', "two\nlines"]
    cases = [
        replace(case, case=name, sources=(f"benign/{name}.png",))
        for case, name in zip(THREE, names, strict=True)
    ]
    found = store(tmp_path / "data", cases).cases
    assert [case.case for case in found] == ["caf%E9 1", 'a "quoted", name', "two%0Alines"]
    assert found[0].sources == ("benign/caf%E9 1.png",)


def test_a_folder_without_prepared_data_says_how_to_make_them(tmp_path):
    with pytest.raises(InputError, match=r"busicli preprocess DATASET --out .*gone$"):
        open_data(tmp_path / "gone")


def damage(folder: Path, kind: str) -> None:
    table, document = folder / "cases.csv", folder / "dataset.json"
    text = table.read_text()
    if kind == "no table":
        table.unlink()
    elif kind == "table cut within a line":
        table.write_text(text[:-200])
    elif kind == "table cut between lines":
        table.write_text("".join(text.splitlines(keepends=True)[:-1]))
    elif kind == "unknown split":
        table.write_text(text.replace(",val,", ",holdout,"))
    elif kind == "no column":
        table.write_text(text.replace("phash", "hash"))
    elif kind == "no JSON":
        document.write_text("{")
    elif kind == "JSON of another kind":
        document.write_text("[1, 2]")
    elif kind == "settings of another kind":
        document.write_text(json.dumps({**INFO, "preprocess": {"size_px": "16"}}))
    elif kind == "no images":
        (folder / "val" / "images.npy").unlink()
    elif kind == "images cut short":
        data = (folder / "val" / "images.npy").read_bytes()
        (folder / "val" / "images.npy").write_bytes(data[:-100])
    elif kind == "images of another split":
        shutil.copy(folder / "train" / "images.npy", folder / "val" / "images.npy")
    elif kind == "pickled objects":
        np.save(folder / "val" / "masks.npy", np.array([{}], object), allow_pickle=True)


@pytest.mark.parametrize(
    "kind",
    [
        "no table",
        "table cut within a line",
        "table cut between lines",
        "unknown split",
        "no column",
        "no JSON",
        "JSON of another kind",
        "settings of another kind",
        "no images",
        "images cut short",
        "images of another split",
        "pickled objects",
    ],
)
def test_a_damaged_folder_is_refused_in_one_sentence(tmp_path, kind):
    store(tmp_path / "data", THREE)
    damage(tmp_path / "data", kind)
    with pytest.raises(InputError, match=r"incomplete or were changed; run preprocess again\.$"):
        open_data(tmp_path / "data").load("val")
