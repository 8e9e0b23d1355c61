import csv
import json
import os
import re
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tests.segmented import copied, lasting_rows, pixels, results, stamps

NAMES_OF_ALL_KINDS = (
    b"two words.png",
    "Ω-größe.png".encode(),
    b"line\nbreak.png",
    b"caf\xe9.png",
    b"=1+1.png",
    b"-dash.png",
    b".hidden.png",
)


@pytest.fixture(scope="module")
def ward(tmp_path_factory, scans, study, run):
    """A folder as hospitals have them, segmented by one process: (scans, out, how it ended)."""
    folder = tmp_path_factory.mktemp("ward")
    source = folder / "ward"
    (source / "sub").mkdir(parents=True)
    phantoms = sorted(scans.glob("*/*[0-9].png"))
    shutil.copy(phantoms[2], source / "plain.png")
    shutil.copy(scans / "benign" / "phantom-03_mask.png", source / "plain_mask.png")
    shutil.copy(scans / "benign" / "phantom-03_mask.png", source / "orphan_mask.png")
    Image.open(phantoms[3]).save(source / "sub" / "photo.jpg", quality=95)
    frames = [Image.open(path) for path in phantoms[4:7]]
    frames[0].save(source / "sub" / "sweep.tif", save_all=True, append_images=frames[1:])
    Image.open(phantoms[7]).convert("RGB").save(source / "sub" / "no-suffix", "BMP")
    (source / "notes.txt").write_text("no scan")
    (source / "broken.png").write_bytes(phantoms[8].read_bytes()[:5000])
    (source / "empty.png").touch()
    os.mkfifo(source / "pipe")
    with (source / "film.mp4").open("wb") as film:
        film.truncate(2**40)  # a hole: it takes no room
    for name, phantom in zip(NAMES_OF_ALL_KINDS, phantoms[9:], strict=False):
        shutil.copy(phantom, os.fsencode(source) + b"/" + name)
    ended = run("segment-dir", "ward", "out", "--weights", study.weights, cwd=folder)
    return source, folder / "out", ended


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


def test_names_of_masks_follow_the_contract(ward):
    _, out, _ = ward
    masks = {os.fsencode(path.relative_to(out / "masks")) for path in out.glob("masks/**/*.png")}
    frames = {b"sub/sweep.tif/0001.png", b"sub/sweep.tif/0002.png", b"sub/sweep.tif/0003.png"}
    assert masks == {
        b"plain.png",
        b"orphan_mask.png",  # a mask only beside its scan
        b"sub/photo.jpg.png",
        b"sub/no-suffix.png",
        *frames,
        *NAMES_OF_ALL_KINDS,
    }
    overlays = {os.fsencode(p.relative_to(out / "overlays")) for p in out.glob("overlays/**/*.png")}
    assert overlays == masks


def test_a_broken_scan_is_a_failed_row_and_the_rest_is_done(ward):
    _, out, ended = ward
    assert ended.status == 3
    rows = {row["scan"]: row for row in lasting_rows(out)}
    reasons = {name: row["reason"] for name, row in rows.items() if row["status"] == "failed"}
    assert reasons == {
        "broken.png": "is damaged or cut short; copy it again from its source",
        "empty.png": "is empty; copy it again from its source",
    }
    skipped = {name for name, row in rows.items() if row["status"] == "skipped"}
    assert skipped == {"notes.txt", "plain_mask.png", "film.mp4", "pipe"}
    assert ended.out.startswith("12 scans segmented, lesions in ")
    assert "; 2 failed, 4 files skipped" in ended.out
    assert "  failed: broken.png: is damaged or cut short" in ended.out
    record = json.loads((out / "run.json").read_text())
    assert record["exit_status"] == 3
    assert record["counts"] == {"ok": 12, "failed": 2, "skipped": 4, "inputs": 18, "pending": 0}


def test_names_that_are_not_utf8_are_written_as_percent_bytes(ward):
    _, out, _ = ward
    names = [row["scan"] for row in lasting_rows(out)]
    assert {"caf%E9.png", "line%0Abreak.png", "two words.png", "Ω-größe.png"} <= set(names)


def test_a_spreadsheet_runs_no_cell_of_the_lesion_table(ward):
    _, out, _ = ward
    with (out / "lesions.csv").open(newline="", encoding="utf-8") as file:
        cells = {row["scan"] for row in csv.DictReader(file)}
    assert cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_each_frame_of_a_file_has_its_mask_and_its_rows(ward):
    source, out, _ = ward
    (row,) = (row for row in lasting_rows(out) if row["scan"] == "sub/sweep.tif")
    assert [mask["frame"] for mask in row["masks"]] == [1, 2, 3]
    with Image.open(source / "sub" / "sweep.tif") as sweep:
        for frame in range(3):
            sweep.seek(frame)
            mask = Image.open(out / "masks" / "sub" / "sweep.tif" / f"{frame + 1:04d}.png")
            assert mask.size == sweep.size


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


def test_a_second_run_keeps_every_row_and_writes_no_mask_again(ward, study, run, tree):
    source, out, first = ward
    before, written = results(out, tree), stamps(out)
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_bytes().splitlines()]
    again = run("segment-dir", source, "out", "--weights", study.weights, cwd=out.parent)
    assert again.status == first.status == 3
    assert results(out, tree) == before
    after = [json.loads(line) for line in (out / "manifest.jsonl").read_bytes().splitlines()]
    # even the milliseconds are those of the first run; only `new` says that results were kept
    assert after == [{**row, "new": row["status"] != "ok"} for row in rows]
    assert all(row["new"] for row in rows)
    assert stamps(out) == written


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
