import csv
import json
import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tests.segmented import copied, lasting_rows, pixels


def test_every_scan_has_a_mask_of_its_own_size_in_black_and_white(study, scans):
    sources = sorted(scans.glob("*/*[0-9].png"))
    masks = sorted(study.out.glob("masks/*/*"))
    assert [m.relative_to(study.out / "masks") for m in masks] == [
        s.relative_to(scans) for s in sources if "_mask" not in s.stem
    ]
    for mask in masks:
        image = Image.open(mask)
        assert (image.format, image.mode) == ("PNG", "L")
        assert image.size == Image.open(scans / mask.relative_to(study.out / "masks")).size
        assert set(np.unique(image)) <= {0, 255}
    covered = [np.count_nonzero(pixels(mask)) / pixels(mask).size for mask in masks]
    assert max(covered) > 0.01
    assert max(covered) < 0.5
    assert min(covered) < 0.001


def test_overlays_are_the_scans_with_the_lesions_contours_in_yellow(study, scans):
    outlined = 0
    for overlay in sorted(study.out.glob("overlays/*/*")):
        name = overlay.relative_to(study.out / "overlays")
        scan = np.asarray(Image.open(scans / name).convert("RGB"))
        shown = np.asarray(Image.open(overlay).convert("RGB"))
        mask = pixels(study.out / "masks" / name) > 0
        yellow = (shown == (255, 213, 0)).all(axis=2)
        rest = ~yellow & ~(shown == (0, 158, 115)).all(axis=2)  # green: what was looked at
        assert np.array_equal(shown[rest], np.minimum(scan, 253)[rest])
        assert rest.mean() > 0.9
        assert yellow.any() == mask.any()
        near = ndimage.binary_dilation(mask, iterations=3) & ~ndimage.binary_erosion(
            mask, iterations=3, border_value=0
        )
        assert not (yellow & ~near).any()
        outlined += bool(yellow.any())
    assert outlined > 0


def test_the_lesion_table_describes_the_masks(study):
    with (study.out / "lesions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]) == (
        "scan,frame,lesion,area_px,bbox,centroid,long_axis_px,short_axis_px,orientation_deg,"
        "circularity,solidity,mean_probability,touches_border,"
        "long_axis_mm,short_axis_mm,area_mm2,width_mm,height_mm,wider_than_tall_ratio,depth_mm,"
        "p_normal,p_benign,p_malignant"
    )
    for mask_row in lasting_rows(study.out):
        own = [row for row in rows if row["scan"] == mask_row["scan"]]
        assert len(own) == mask_row.get("lesions", 0)
        if mask_row["status"] != "ok":
            continue
        mask = pixels(study.out / "masks" / mask_row["scan"]) > 0
        parts, count = ndimage.label(mask, np.ones((3, 3)))
        assert [int(row["lesion"]) for row in own] == list(range(1, count + 1))
        areas = [int(row["area_px"]) for row in own]
        assert areas == sorted(np.bincount(parts.ravel())[1:], reverse=True)
        for row in own:
            top, left, bottom, right = map(int, row["bbox"].split())
            assert mask[top:bottom, left:right].sum() >= int(row["area_px"])
            edge = top == 0 or left == 0 or (bottom, right) == mask.shape
            edge |= bottom == mask.shape[0] or right == mask.shape[1]
            assert row["touches_border"] == ("true" if edge else "false")
            assert 0 < float(row["mean_probability"]) <= 1


def test_the_manifest_has_a_row_for_every_file_in_the_scans_order(study, scans):
    rows = lasting_rows(study.out)
    files = sorted(p.relative_to(scans).as_posix() for p in scans.rglob("*") if p.is_file())
    assert [row["scan"] for row in rows] == files
    for row in rows:
        if "_mask" in row["scan"]:
            assert row == {**row, "status": "skipped", "reason": "a mask beside its scan"}
            continue
        (mask,) = row["masks"]
        assert row["status"] == "ok"
        assert row["sha256"] == sha256((scans / row["scan"]).read_bytes()).hexdigest()
        assert mask["path"] == f"masks/{row['scan']}"
        assert mask["sha256"] == sha256((study.out / mask["path"]).read_bytes()).hexdigest()


def test_run_json_says_with_what_and_how_the_run_went(study):
    record = json.loads((study.out / "run.json").read_text())
    card = study.weights / "card.json"
    assert record["weights"]["name"] == "tiny"
    assert record["weights"]["card_sha256"] == sha256(card.read_bytes()).hexdigest()
    assert record["postprocess"] == json.loads(card.read_text())["postprocess"]
    version = record["engine"].pop("version")
    assert version.endswith(" on tensorflow")
    assert record["engine"] == {"name": "keras", "precision": "float32"}
    assert list(record["plugins"]) == ["unet.py"]
    # 24 scans with a mask each; phantoms 06 and 09 have a second one
    assert record["counts"] == {"ok": 24, "failed": 0, "skipped": 26, "inputs": 50, "pending": 0}
    assert record["exit_status"] == study.segment.status == 0
    assert record["start"] <= record["end"]


def test_the_summary_says_how_many_and_that_a_person_must_check(study):
    found = sum(row.get("lesions", 0) > 0 for row in lasting_rows(study.out))
    said = (
        f"24 scans segmented, lesions in {found}; 0 failed, 26 files skipped (masks beside scans); "
    )
    assert study.segment.out.startswith(said)
    assert "Not a medical device" in study.segment.out


def test_no_bar_is_drawn_where_there_is_no_terminal(study):
    for ended in (study.preprocess, study.train, study.segment):
        assert "\r" not in ended.err + ended.out
        assert "\x1b" not in ended.err + ended.out
    last = study.segment.err.splitlines()[-1]
    date = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(rf"{date} segmenting: 50 of 50 after [\d:]+, 00:00 left", last)


def test_a_scan_alone_gives_what_it_gives_in_a_batch(segment, study, scans, tmp_path):
    found = [row["scan"] for row in lasting_rows(study.out) if row.get("lesions")]
    scan = Path(found[-1])
    alone = copied(scans, tmp_path / "alone", int(scan.stem[-2:]))
    assert segment(alone, "out", "--engine", "keras").status == 0
    for kind in ("masks", "overlays"):
        one, batch = tmp_path / "out" / kind / scan.name, study.out / kind / scan
        assert one.read_bytes() == batch.read_bytes()
    (row,) = lasting_rows(tmp_path / "out")
    (same,) = (row for row in lasting_rows(study.out) if row["scan"] == str(scan))
    assert (row["lesions"], row["sha256"]) == (same["lesions"], same["sha256"])


def test_what_is_not_wanted_is_not_written(segment, scans, tmp_path):
    segment(copied(scans, tmp_path / "few", 3), "out", "--no-overlays", "--no-report")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".busicli",
        "lesions.csv",
        "manifest.jsonl",
        "masks",
        "run.json",
    ]


def test_the_page_and_its_images_are_written_with_the_rest(study):
    masks = [path.relative_to(study.out / "masks") for path in study.out.glob("masks/**/*.png")]
    assert all((study.out / "thumbnails" / f"{path}.jpg").is_file() for path in masks)
    assert (study.out / "report.html").is_file()


def test_json_prints_the_manifest_and_nothing_else(segment, scans, tmp_path):
    ended = segment(copied(scans, tmp_path / "few", 3, 14), "out", "--json")
    assert ended.out == (tmp_path / "out" / "manifest.jsonl").read_text()
    assert [json.loads(line)["scan"] for line in ended.out.splitlines()] == [
        "phantom-03.png",
        "phantom-14.png",
    ]


def test_progress_as_json_lines_parses_and_ends_complete(segment, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3, 14)
    ended = segment(few, "out", "--progress", "json")
    states = [json.loads(line) for line in ended.err.splitlines()]
    assert {(state["stage"], state["total"]) for state in states} == {("segmenting", 2)}
    done = [state["done"] for state in states]
    assert done == sorted(done)
    assert done[-1] == 2
    assert segment(few, "quiet", "--progress", "none").err == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--deidentify", "--keep-identifiers"), "--deidentify and --keep-identifiers"),
        (("--fail-fast", "--max-failures", 3), "--fail-fast and --max-failures"),
        (("-0",), "-0 is for paths on stdin"),
        (("--timeout", "inf"), "--timeout"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(segment, tmp_path, options, said):
    ended = segment(tmp_path, "out", *options)
    assert (ended.status, said in ended.err) == (2, True)


def test_a_plugin_file_that_is_not_there_is_reported_though_none_is_needed(call, scans, tmp_path):
    ended = call("segment-dir", copied(scans, tmp_path / "s", 1), "out", "--plugin", "nope.py")
    assert (ended.status, "there is no plugin file nope.py" in ended.err) == (1, True)
