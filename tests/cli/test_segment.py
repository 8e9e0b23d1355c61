import csv
import io
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from busicli.imaging.confidence import FEATURES
from busicli.inference.engines import OpenVinoEngine, Predictions
from busicli.io.files import sha256_file
from busicli.models.weights import read_card
from tests.made_weights import change_card

TIMED = ("run.json", "manifest.jsonl", "report.html")
NAMES_OF_ALL_KINDS = (
    b"two words.png",
    "Ω-größe.png".encode(),
    b"line\nbreak.png",
    b"caf\xe9.png",
    b"=1+1.png",
    b"-dash.png",
    b".hidden.png",
)


def manifest(out: Path) -> list[dict]:
    """The manifest's rows without the two values that may differ between runs."""
    lines = (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [without_times(json.loads(line)) for line in lines]


def without_times(row: dict) -> dict:
    return {name: value for name, value in row.items() if name not in ("milliseconds", "new")}


def results(out: Path, tree: Callable[[Path], dict[str, bytes]]) -> dict[str, object]:
    """All that must come out the same, however often a run was interrupted."""
    found: dict[str, object] = {
        name: data
        for name, data in tree(out).items()
        if not name.startswith(".busicli/")
        and name not in ("run.json", "manifest.jsonl", "report.html")
    }
    return {**found, "manifest.jsonl": manifest(out)}


def stamps(out: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in out.glob("masks/**/*.png")}


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def copied(scans: Path, folder: Path, *numbers: int) -> Path:
    """Some phantoms in one flat folder."""
    folder.mkdir(parents=True)
    for number in numbers:
        shutil.copy(next(scans.glob(f"*/phantom-{number:02d}.png")), folder)
    return folder


@pytest.fixture
def segment(call, study):
    """`segment-dir` with the study's weights."""

    def do(*args, stdin: bytes = b""):
        return call("segment-dir", *args, "--weights", study.weights, stdin=stdin)

    return do


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
    for mask_row in manifest(study.out):
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
    rows = manifest(study.out)
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
    found = sum(row.get("lesions", 0) > 0 for row in manifest(study.out))
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
    rows = {row["scan"]: row for row in manifest(out)}
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


@pytest.mark.parametrize(
    ("limit", "failed"), [(("--fail-fast",), 1), (("--max-failures", "2"), 2), ((), 3)]
)
def test_a_run_stops_once_enough_scans_have_failed(call, study, scans, tmp_path, limit, failed):
    ward = tmp_path / "ward"
    ward.mkdir()
    for name in ("1.png", "3.png", "5.png"):
        (ward / name).write_bytes(b"no image")
    for name in ("2.png", "4.png", *(f"6-{n:02}.png" for n in range(40))):
        shutil.copy(scans / "normal" / "phantom-19.png", ward / name)
    given = ("segment-dir", ward, "out", "--weights", study.weights, "--jobs", "1")
    ended = call(*given, *limit)
    assert ended.status == 3
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    done = {1: 0, 2: 1, 3: 42}[failed]
    pending = 45 - failed - done
    assert record["counts"] == {
        **{"ok": done, "failed": failed, "skipped": 0},
        **{"inputs": 45, "pending": pending},
    }
    assert ("Stopped: too many scans failed" in ended.out) is bool(pending)
    assert len(manifest(tmp_path / "out")) == 45 - pending


def test_names_that_are_not_utf8_are_written_as_percent_bytes(ward):
    _, out, _ = ward
    names = [row["scan"] for row in manifest(out)]
    assert {"caf%E9.png", "line%0Abreak.png", "two words.png", "Ω-größe.png"} <= set(names)


def test_a_spreadsheet_runs_no_cell_of_the_lesion_table(ward):
    _, out, _ = ward
    with (out / "lesions.csv").open(newline="", encoding="utf-8") as file:
        cells = {row["scan"] for row in csv.DictReader(file)}
    assert cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_each_frame_of_a_file_has_its_mask_and_its_rows(ward):
    source, out, _ = ward
    (row,) = (row for row in manifest(out) if row["scan"] == "sub/sweep.tif")
    assert [mask["frame"] for mask in row["masks"]] == [1, 2, 3]
    with Image.open(source / "sub" / "sweep.tif") as sweep:
        for frame in range(3):
            sweep.seek(frame)
            mask = Image.open(out / "masks" / "sub" / "sweep.tif" / f"{frame + 1:04d}.png")
            assert mask.size == sweep.size


def test_a_scan_alone_gives_what_it_gives_in_a_batch(segment, study, scans, tmp_path):
    found = [row["scan"] for row in manifest(study.out) if row.get("lesions")]
    scan = Path(found[-1])
    alone = copied(scans, tmp_path / "alone", int(scan.stem[-2:]))
    assert segment(alone, "out", "--engine", "keras").status == 0
    for kind in ("masks", "overlays"):
        one, batch = tmp_path / "out" / kind / scan.name, study.out / kind / scan
        assert one.read_bytes() == batch.read_bytes()
    (row,) = manifest(tmp_path / "out")
    (same,) = (row for row in manifest(study.out) if row["scan"] == str(scan))
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


def test_a_lost_thumbnail_is_made_again(segment, scans, tmp_path):
    segment(copied(scans, tmp_path / "few", 3, 4), "out")
    (lost,) = (tmp_path / "out").glob("thumbnails/*03*.jpg")
    lost.unlink()
    assert "2 scans segmented (0 new, 2 in an earlier run)" in segment("few", "out").out
    assert lost.is_file()


def test_images_come_and_go_without_a_new_segmentation(segment, scans, tmp_path, tree):
    source, out = copied(scans, tmp_path / "scans", 3, 20), tmp_path / "out"
    frames = [Image.open(path) for path in sorted(scans.glob("benign/*[0-9].png"))[:2]]
    frames[0].save(source / "sweep.tif", save_all=True, append_images=frames[1:])
    segment(source, "out")
    before, written = tree(out), stamps(out)
    without = segment(source, "out", "--no-overlays", "--no-report")
    assert "3 scans segmented (0 new, 3 in an earlier run)" in without.out
    assert {path.name for path in out.iterdir()} == {
        *(".busicli", "lesions.csv", "manifest.jsonl", "masks", "run.json")
    }
    again = segment(source, "out", "--json")
    assert [json.loads(line)["new"] for line in again.out.splitlines()] == [False] * 3
    assert stamps(out) == written
    after = tree(out)
    images = [name for name in before if name.startswith(("overlays", "thumbnails"))]
    assert len(images) == 8  # of two scans and two frames
    assert all(after[name] == before[name] for name in images)


def test_masks_without_a_scan_are_counted_and_removed_when_asked_for(segment, scans, tmp_path):
    source, out = copied(scans, tmp_path / "scans", 3, 14, 20), tmp_path / "out"
    (source / "sub").mkdir()
    (source / "phantom-20.png").rename(source / "sub" / "x.png")
    segment(source, "out")
    (source / "phantom-14.png").unlink()
    shutil.rmtree(source / "sub")
    (out / "masks" / "by-hand.png").write_bytes(b"a person's")
    other = ("--views", "whole")  # other settings: a new journal
    gone = "2 masks of earlier runs belong to no scan of this one"
    for options in ((), other):
        ended = segment(source, "out", *options)
        assert f"{gone}: --prune removes such masks." in ended.out
    planned = segment(source, "out", *other, "--prune", "--dry-run")
    assert f"{gone}: to be removed." in planned.out
    assert (out / "masks" / "sub" / "x.png").is_file()
    assert f"{gone}: removed." in segment(source, "out", *other, "--prune").out
    files = {path.relative_to(out).as_posix() for path in out.glob("*/**/*.png*")}
    name = "phantom-03.png"
    assert files == {
        *("masks/by-hand.png", f"masks/{name}", f"overlays/{name}"),
        *(f"images/{name}", f"thumbnails/{name}.jpg"),
    }
    assert not (out / "masks" / "sub").exists()
    assert "earlier runs" not in segment(source, "out", *other).out


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


def test_paths_come_from_stdin_by_lines_or_by_nul(segment, scans, tmp_path, tree):
    few = copied(scans, tmp_path / "few", 3)
    outside = scans / "benign" / "phantom-05.png"
    shutil.copy(few / "phantom-03.png", few / "a b\nc.png")
    nul = f"few/phantom-03.png\0few/a b\nc.png\0{outside}\0few/gone.png\0./few/phantom-03.png\0"
    ended = segment("-", "by-nul", "-0", "--json", stdin=nul.encode())
    assert ended.status == 3  # one is missing
    rows = [json.loads(line) for line in ended.out.splitlines()]
    # in the order given, one listed twice counting once, one from outside by its whole path
    assert [(row["scan"], row["status"]) for row in rows] == [
        ("few/phantom-03.png", "ok"),
        ("few/a b%0Ac.png", "ok"),
        (str(outside).lstrip("/"), "ok"),
        ("few/gone.png", "failed"),
    ]
    assert "few/a b\nc.png" in {name.removeprefix("masks/") for name in tree(tmp_path / "by-nul")}
    lines = segment("-", "by-line", stdin=b"few/phantom-03.png\n\nfew/a b\n")
    assert lines.status == 3
    assert [row["scan"] for row in manifest(tmp_path / "by-line")] == [
        "few/phantom-03.png",
        "few/a b",
    ]


def test_the_same_scans_under_other_names_are_reported(segment, scans, tmp_path):
    copied(scans, tmp_path / "few", 3)
    name = "few/phantom-03.png"
    assert "other names" not in segment("-", "out", stdin=name.encode()).err
    ended = segment("few", "out")
    assert "out holds results of 1 of these scans under other names" in ended.err
    assert f"such as {name} for phantom-03.png; give the same SCANS" in ended.err
    ended = segment("-", "out", "--root", "few", stdin=name.encode())
    assert [row["scan"] for row in manifest(tmp_path / "out")] == ["phantom-03.png"]
    assert "other names" not in ended.err
    wrong = segment("few", "out", "--root", "few")
    assert (wrong.status, "--root is for paths on stdin" in wrong.err) == (2, True)


def test_an_empty_list_is_nothing_to_do_and_an_empty_or_missing_folder_is_an_error(
    segment, tmp_path
):
    ended = segment("-", "out", stdin=b"\n")
    assert (ended.status, ended.err, list(tmp_path.iterdir())) == (0, "", [])
    assert ended.out == "The list on stdin is empty: nothing to do.\n"
    ended = segment("-", "out", "--json", stdin=b"")
    assert (ended.status, ended.out) == (0, "")  # no row
    assert "nothing to do" in ended.err
    ended = segment("-", "out", stdin=b"nowhere_mask.png\n")
    assert (ended.status, (tmp_path / "out").exists()) == (3, True)  # asked for, and not there
    (tmp_path / "mount").mkdir()
    for folder, reason in (
        ("mount", "is empty and holds no scan"),
        ("nowhere", "there is no folder"),
    ):
        ended = segment(folder, "other")
        assert (ended.status, reason in ended.err) == (1, True)


def test_the_folder_of_a_training_run_means_its_weights(call, study, scans, tmp_path):
    source = copied(scans, tmp_path / "scans", 1)
    assert call("segment-dir", source, "out", "--weights", study.run).status == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["weights"]["card_sha256"] == sha256_file(study.weights / "card.json")


def test_hashed_names_leave_no_name_of_the_users_anywhere(segment, scans, tmp_path, tree):
    secret = tmp_path / "Mueller-Anna"
    secret.mkdir()
    image = Image.open(scans / "benign" / "phantom-03.png")
    image.save(secret / "Mueller19700131.png")
    image.save(secret / "Mueller19700131.jpg")
    image.save(secret / "Mueller19700131.jpg.png")  # its mask would clash with that of the JPEG
    shutil.copy(scans / "benign" / "phantom-03_mask.png", secret / "Mueller19700131_mask.png")
    (secret / "Mueller-cut.png").write_bytes(b"no image")
    ended = segment(secret, "out", "--names", "hash")
    assert ended.status == 3
    written = tree(tmp_path / "out")
    assert len([name for name in written if name.startswith("masks/")]) == 3
    everything = "\n".join(written).encode() + b"".join(written.values())
    everything += (ended.out + ended.err).encode()
    assert b"mueller" not in everything.lower()
    assert b"19700131" not in everything


@pytest.mark.parametrize("suffix", [".jpg", ".JPG.png"])
def test_a_clash_of_names_is_a_failed_row_and_never_an_overwrite(segment, scans, tmp_path, suffix):
    folder = tmp_path / "clash"
    folder.mkdir()
    Image.open(scans / "benign" / "phantom-03.png").save(folder / "x.jpg.png")
    Image.open(scans / "benign" / "phantom-05.png").save(folder / f"x{suffix}")
    assert segment(folder, "out").status == 3
    by_status = {row["status"]: row for row in manifest(tmp_path / "out")}
    assert set(by_status) == {"ok", "failed"}
    assert by_status["failed"]["reason"].startswith("its mask would overwrite that of x.")
    assert len(list(tmp_path.glob("out/masks/*"))) == 1


def test_out_inside_the_scans_is_not_searched(segment, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3, 14)
    for _ in range(2):
        assert segment("few", "few/out").status == 0
        assert [row["scan"] for row in manifest(few / "out")] == [
            "phantom-03.png",
            "phantom-14.png",
        ]


def test_out_that_is_the_folder_of_the_scans_is_refused(segment, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3)
    ended = segment("few", few)
    assert ended.status == 1
    assert "few is to be read and written" in ended.err
    assert [path.name for path in few.iterdir()] == ["phantom-03.png"]


@pytest.mark.parametrize("make", [lambda p: None, Path.mkdir])
def test_no_folder_or_an_empty_one_is_refused(segment, tmp_path, make):
    make(tmp_path / "scans")
    ended = segment("scans", "out")
    assert ended.status == 1
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_without_any_image_is_no_success(segment, tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "notes.txt").write_text("no scan")
    ended = segment("scans", "out")
    assert ended.status == 1
    assert "scans holds no scan" in ended.err
    assert json.loads((tmp_path / "out" / "run.json").read_text())["exit_status"] == 1


def test_the_shipped_weights_are_the_default(call, scans, tmp_path):
    assert call("segment-dir", copied(scans, tmp_path / "few", 3, 14), "out").status == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["weights"]["name"] == "improved-unet"


def test_unknown_weights_are_refused_before_anything_is_written(call, scans, tmp_path):
    ended = call("segment-dir", scans, "out", "--weights", "./nowhere")
    assert ended.status == 1
    assert "nowhere holds no card.json" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_never_takes_the_place_of_the_weights_that_ship(call, study, scans, tmp_path):
    shutil.copytree(study.weights, tmp_path / "improved-unet")
    few = copied(scans, tmp_path / "few", 3)
    assert call("segment-dir", few, "out", "--weights", "improved-unet").status == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["weights"]["name"] == "improved-unet"
    assert call("segment-dir", few, "own", "--weights", "./improved-unet").status == 0
    record = json.loads((tmp_path / "own" / "run.json").read_text())
    assert record["weights"]["name"] == read_card(study.weights).name
    ended = call("segment-dir", few, "other", "--weights", "tiny")
    assert ended.status == 1
    assert "no weights named tiny ship with busicli; name a folder with its separator" in ended.err


def test_the_cards_hash_can_be_pinned(segment, study, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3)
    right = sha256((study.weights / "card.json").read_bytes()).hexdigest()
    assert segment(few, "out", "--weights-sha256", right).status == 0
    refused = segment(few, "other", "--weights-sha256", "0" * 64)
    assert refused.status == 1
    assert right[:12] in refused.err
    assert not (tmp_path / "other").exists()


def test_too_large_an_image_fails_undecoded(segment, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3, 14)
    # phantom-03 has 355 x 495 = 175,725 pixels, phantom-14 has 389 x 381 = 148,209
    assert segment(few, "out", "--max-pixels", 150000).status == 3
    first, second = manifest(tmp_path / "out")
    assert first["status"] == "failed"
    assert "175,725 pixels" in first["reason"]
    assert second["status"] == "ok"


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


def test_only_what_changed_is_done_again(segment, scans, tmp_path, tree):
    few = copied(scans, tmp_path / "few", 3, 4, 5, 9, 14, 15)
    out = tmp_path / "out"
    segment(few, "out")
    before, written = results(out, tree), stamps(out)
    (out / "masks" / "phantom-05.png").unlink()
    (out / "overlays" / "phantom-03.png").unlink()
    Image.new("L", (3, 3)).save(out / "masks" / "phantom-09.png")  # spoilt by someone
    shutil.copy(scans / "normal" / "phantom-20.png", few / "phantom-14.png")
    (few / "phantom-15.png").unlink()
    assert segment(few, "out").status == 0
    after, stamped = results(out, tree), stamps(out)
    for name in ("overlays/phantom-03.png", "masks/phantom-05.png", "masks/phantom-09.png"):
        assert after[name] == before[name]
    kept, changed = out / "masks" / "phantom-04.png", out / "masks" / "phantom-14.png"
    assert stamped[str(kept)] == written[str(kept)]
    assert pixels(changed).shape == pixels(few / "phantom-14.png").shape
    assert [row["scan"] for row in manifest(out)] == [
        f"phantom-{n:02d}.png" for n in (3, 4, 5, 9, 14)
    ]


def test_a_failed_scan_is_tried_again(segment, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3, 14)
    whole = (few / "phantom-14.png").read_bytes()
    (few / "phantom-14.png").write_bytes(whole[:3000])
    assert segment(few, "out").status == 3
    (few / "phantom-14.png").write_bytes(whole)
    assert segment(few, "out").status == 0
    assert [row["status"] for row in manifest(tmp_path / "out")] == ["ok", "ok"]


@pytest.fixture(scope="module")
def night(tmp_path_factory, scans, study, run):
    """A longer job: three copies of the phantoms, and what an uninterrupted run makes of them."""
    folder = tmp_path_factory.mktemp("night")
    for copy in "abc":
        shutil.copytree(scans, folder / "scans" / copy)
    run("segment-dir", "scans", "whole", "--weights", study.weights, cwd=folder)
    return folder


@pytest.fixture
def started(start, study, night):
    """Begin the long job so that it waits in the middle: it prints more than its small pipe holds.

    150 rows of about 200 bytes do not fit into 4096; only what a test reads makes room.
    """
    started = []

    def begin(out: str):
        process = start(
            *("segment-dir", "scans", out, "--weights", study.weights, "--json"),
            cwd=night,
            pipesize=4096,
        )
        process.stdin.close()
        started.append(process)
        return process, process.stdout.readline()

    yield begin
    for process in started:
        with process:
            process.kill()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_stopped_run_leaves_whole_tables_and_resumes_to_the_same_bytes(
    started, night, segment, tree, number, status
):
    out = night / f"stopped-{status}"
    process, first = started(out.name)
    process.send_signal(number)
    rest, err = process.stdout.read(), process.stderr.read()
    assert process.wait() == status
    assert b"Traceback" not in err
    printed = [json.loads(line) for line in (first + rest).splitlines()]
    rows = manifest(out)
    assert 0 < len(rows) < 150
    assert [row["scan"] for row in printed] == [row["scan"] for row in rows]
    assert rows == manifest(night / "whole")[: len(rows)]
    record = json.loads((out / "run.json").read_text())
    assert record["exit_status"] == status
    assert record["counts"]["pending"] == 150 - len(rows)
    masks = {mask["path"] for row in rows for mask in row.get("masks", ())}
    assert {name for name in tree(out) if name.startswith("masks/")} == masks
    assert not list(out.rglob("*.tmp"))
    assert segment(night / "scans", out).status == 0
    assert results(out, tree) == results(night / "whole", tree)


def test_a_second_job_on_the_same_out_is_refused_and_a_killed_one_lets_go(
    started, night, segment, tree
):
    out = night / "locked"
    process, _ = started(out.name)
    refused = segment(night / "scans", out)
    assert refused.status == 1
    assert f"process {process.pid} on " in refused.err
    assert not (out / "manifest.jsonl").exists()  # nothing was written beside the first job
    process.kill()
    process.wait()
    assert segment(night / "scans", out).status == 0
    assert results(out, tree) == results(night / "whole", tree)


def killed_three_times(start, given, out: Path, scan: str) -> None:
    """Begin a run again and again, and kill it each time while it is at the scan."""
    journal, started = out / ".busicli" / "journal.jsonl", f'"started": "{scan}"'.encode()
    for death in range(1, 4):
        process = start(*given, cwd=out.parent)
        while not journal.is_file() or journal.read_bytes().count(started) < death:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.communicate()


def test_a_scan_that_ends_the_process_again_and_again_is_given_up(
    scans, study, start, run, tmp_path
):
    ward, out = copied(scans, tmp_path / "ward", 1, 2, 3), tmp_path / "out"
    slow = np.random.default_rng(0).integers(0, 255, (5000, 5000), np.uint8)
    Image.fromarray(slow).save(ward / "phantom-02-slow.png", compress_level=0)
    given = ("segment-dir", ward, out, "--weights", study.weights)
    killed_three_times(start, given, out, "phantom-02-slow.png")
    ended = run(*given, cwd=tmp_path)
    assert ended.status == 3
    rows = {row["scan"]: row for row in manifest(out)}
    assert rows.pop("phantom-02-slow.png")["reason"].startswith(
        "the program crashed each time at it"
    )
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert run(*given, cwd=tmp_path).status == 0  # a failed scan is tried again


def test_a_reader_that_goes_away_ends_the_job_without_blaming_the_folder(started, night):
    process, _ = started("piped")
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait() == 1
    assert "cannot be written" not in err
    assert "Traceback" not in err


# --- maps, mirrors and trust


@pytest.fixture
def trusting(study, tmp_path) -> Callable[..., Path]:
    """The study's weights with a confidence that is the same for every mask."""

    def make(name: str, bias: float, *, review_below: float = 0.5) -> Path:
        folder = shutil.copytree(study.weights, tmp_path / name)
        settings = {"weights": [0.0] * len(FEATURES), "bias": bias, "review_below": review_below}
        change_card(folder, confidence=settings)
        return folder

    return make


def test_confidence_and_review_stand_in_the_manifest(call, trusting, scans, tmp_path):
    copied(scans, tmp_path / "in", 2, 20)
    sure, unsure = trusting("sure", 1.1), trusting("unsure", -1.1)
    call("segment-dir", "in", "sure-out", "--weights", sure)
    rows = manifest(tmp_path / "sure-out")
    assert [row["confidence"] for row in rows] == [0.7503] * 2
    assert not any("low confidence" in row["why_review"] for row in rows)
    ended = call("segment-dir", "in", "unsure-out", "--weights", unsure)
    assert "2 need a person's eye first" in ended.out
    rows = manifest(tmp_path / "unsure-out")
    assert [(row["confidence"], row["review"]) for row in rows] == [(0.2497, True)] * 2
    assert all(row["why_review"][0] == "low confidence" for row in rows)


def test_weights_that_cannot_tell_say_null(call, study, scans, tmp_path):
    folder = shutil.copytree(study.weights, tmp_path / "mute")
    change_card(folder, confidence=None)
    copied(scans, tmp_path / "in", 2)
    assert call("segment-dir", "in", "out", "--weights", folder).status == 0
    (row,) = manifest(tmp_path / "out")
    assert row["confidence"] is None


def test_maps_are_kept_at_the_scans_size_in_16_bits(segment, study, scans, tmp_path):
    copied(scans, tmp_path / "in", 2, 5)
    assert segment("in", "out", "--save-probabilities").status == 0
    settings = json.loads((study.weights / "card.json").read_text())["postprocess"]
    for path in (tmp_path / "out" / "masks").iterdir():
        probability = pixels(tmp_path / "out" / "probabilities" / path.name)
        mask = pixels(path)
        assert probability.dtype == np.uint16
        assert probability.shape == mask.shape
        assert (probability[mask > 0] / 65535 > settings["threshold"] - 1e-4).mean() > 0.5
    shutil.rmtree(tmp_path / "out" / "probabilities")
    again = segment("in", "out", "--save-probabilities")
    assert "0 of them" not in again.out
    assert len(list((tmp_path / "out" / "probabilities").iterdir())) == 2  # made again


def test_flipped_scans_get_flipped_masks(segment, scans, tmp_path):
    copied(scans, tmp_path / "in", 2)
    scan = next((tmp_path / "in").iterdir())
    Image.open(scan).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(scan.with_name("mirror.png"))
    assert segment("in", "out", "--tta", "--save-probabilities").status == 0
    maps = tmp_path / "out" / "probabilities"
    there, back = pixels(maps / scan.name), pixels(maps / "mirror.png")[:, ::-1]
    assert np.abs(there.astype(int) - back.astype(int)).max() < 1300  # a fiftieth
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["engine"]["name"].endswith("TTA")
    assert record["tta"] is True


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(segment, scans, tmp_path, tree):
    source = copied(scans, tmp_path / "scans", 1, 2)
    (source / "notes.txt").write_text("Mrs. X")
    (source / "torn.png").write_bytes((source / "phantom-01.png").read_bytes()[:500])
    planned = segment(source, "out", "--dry-run")
    assert planned.status == 3
    assert planned.out.splitlines() == [
        "2 scans would be segmented, done already: 0; 1 would fail, 1 file would be skipped.",
        "  failed: torn.png: is damaged or cut short; copy it again from its source",
        "  skipped: notes.txt: is not a scan; give a PNG, JPEG, BMP, TIFF or DICOM ultrasound file",
        "Nothing was written to out.",
    ]
    assert not (tmp_path / "out").exists()
    assert segment(source, "out").status == 3
    (source / "torn.png").unlink()
    shutil.copy(next(scans.glob("*/phantom-03.png")), source)
    before = tree(tmp_path / "out")
    planned = segment(source, "out", "--dry-run", "--json")
    assert planned.status == 0
    assert {row["scan"]: row["status"] for row in map(json.loads, planned.out.splitlines())} == {
        "notes.txt": "skipped",
        "phantom-01.png": "done",
        "phantom-02.png": "done",
        "phantom-03.png": "to do",
    }
    assert tree(tmp_path / "out") == before


def test_a_scan_that_takes_too_long_fails_alone(segment, scans, tmp_path):
    source = copied(scans, tmp_path / "scans", 1)
    # 100 million pixels of noise are inflated and filtered for a second and more
    noise = np.random.default_rng(0).integers(0, 256, (10_000, 10_000), np.uint8)
    Image.fromarray(noise).save(source / "vast.png", compress_level=1)
    ended = segment(source, "out", "--timeout", "0.3")
    assert ended.status == 3
    rows = {row["scan"]: row for row in manifest(tmp_path / "out")}
    assert rows["phantom-01.png"]["status"] == "ok"
    assert rows["vast.png"]["reason"] == (
        "was not decoded after 0.3 s; look at its drive, or raise --timeout"
    )


def test_a_file_that_would_take_hours_leaves_no_thread_at_work(segment, scans, tmp_path):
    source = copied(scans, tmp_path / "scans", 1)
    buffer = io.BytesIO()
    Image.new("L", (3000, 3000), 128).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    (source / "passes.jpg").write_bytes(data[:-2] + 20_000 * data[last:-2] + data[-2:])
    before = threading.active_count()
    assert segment(source, "out", "--timeout", "2").status == 3
    rows = {row["scan"]: row for row in manifest(tmp_path / "out")}
    assert rows["phantom-01.png"]["status"] == "ok"
    assert rows["passes.jpg"]["reason"].startswith("was not decoded after 2 s")
    for _ in range(100):
        if threading.active_count() <= before:
            return
        time.sleep(0.1)
    pytest.fail("a thread still decodes it")


def test_a_dry_run_ends_as_the_run_would(segment, tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "notes.txt").write_text("no scan")
    for options in ((), ("--dry-run",)):
        ended = segment(tmp_path / "scans", "out", *options)
        assert (ended.status, "holds no scan" in ended.err) == (1, True)


def test_what_an_earlier_run_made_does_not_stand_beside_other_results(segment, scans, tmp_path):
    source = copied(scans, tmp_path / "scans", 1, 2)
    assert segment(source, "out").status == 0
    yesterday = tmp_path / "out" / "masks" / "yesterday.png"
    shutil.copy(tmp_path / "out" / "masks" / "phantom-01.png", yesterday)  # of another list
    (source / "phantom-01.png").write_bytes(b"cut short")
    ended = segment(source, "out", "--no-overlays", "--no-report")
    assert ended.status == 3
    out = tmp_path / "out"
    assert not any(list(out.glob(f"{folder}/*")) for folder in ("overlays", "thumbnails"))
    assert not (out / "report.html").exists()
    assert sorted(path.name for path in out.glob("masks/*")) == ["phantom-02.png", "yesterday.png"]
    assert "Results in out: masks/, lesions.csv" in ended.out


def test_a_clash_of_names_removes_nothing_of_the_scan_that_has_the_name(segment, scans, tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    phantom = next(scans.glob("*/phantom-01.png"))
    shutil.copy(phantom, source / "a.jpg.png")
    assert segment(source, "out").status == 0
    Image.open(phantom).save(source / "a.jpg")  # its mask is a.jpg.png too
    assert segment(source, "out").status == 3
    rows = {row["scan"]: row["status"] for row in manifest(tmp_path / "out")}
    assert rows == {"a.jpg": "ok", "a.jpg.png": "failed"}
    assert (tmp_path / "out" / "masks" / "a.jpg.png").is_file()


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_what_is_not_ours_is_never_written_over(segment, scans, tmp_path, tree, options):
    """A data set's reference masks, say, beside its scans."""
    source = copied(scans, tmp_path / "set" / "images", 1)
    (tmp_path / "set" / "masks").mkdir()
    (tmp_path / "set" / "masks" / "phantom-01.png").write_bytes(b"theirs")
    before = tree(tmp_path)
    ended = segment(source, "set", *options)
    assert ended.status == 1
    assert "set holds masks that busicli did not make; name another folder." in ended.err
    assert tree(tmp_path) == before


def test_results_are_not_taken_for_scans(segment, scans, tmp_path):
    assert segment(copied(scans, tmp_path / "scans", 1), "out").status == 0
    ended = segment("out", "again")
    assert (ended.status, "out holds results of busicli" in ended.err) == (1, True)


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


def test_names_are_not_kept_out_of_a_folder_that_holds_some(segment, scans, tmp_path, tree):
    source = copied(scans, tmp_path / "scans", 1)
    assert segment(source, "out").status == 0
    before = tree(tmp_path / "out")
    ended = segment(source, "out", "--names", "hash")
    assert (ended.status, "made without --names hash" in ended.err) == (1, True)
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("part", [(), ("--part", "1/2")])
def test_nor_out_of_one_whose_run_was_killed(start, segment, study, scans, tmp_path, part):
    source = copied(scans, tmp_path / "scans", 1, 2, 3)
    slow = np.random.default_rng(0).integers(0, 255, (5000, 5000), np.uint8)
    for letter in "abc":  # whichever part they fall to
        Image.fromarray(slow).save(source / f"z-{letter}.png", compress_level=0)
    out = tmp_path / "out"
    process = start("segment-dir", source, out, *part, "--weights", study.weights, cwd=tmp_path)
    journals = out / ".busicli"
    while not any(b"started" in path.read_bytes() for path in journals.rglob("journal.jsonl")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not (out / "run.json").exists()
    ended = segment(source, out, *part, "--names", "hash")
    assert (ended.status, "made without --names hash" in ended.err) == (1, True)
    looked = segment(source, out, *part, "--names", "hash", "--dry-run")
    assert (looked.status, looked.err) == (1, ended.err)


def test_a_clash_of_names_names_nobody_where_names_are_hashed(call, study, scans, tmp_path):
    folder = copied(scans, tmp_path / "clash", 3)
    (folder / "phantom-03").mkdir()
    listed = f"{folder}/phantom-03.png\n{folder}/phantom-03\n".encode()
    given = ("segment-dir", "-", "out", "--names", "hash", "--weights", study.weights)
    call(*given, stdin=listed)
    text = (tmp_path / "out" / "manifest.jsonl").read_text()
    assert len(text.splitlines()) == 2
    assert "phantom" not in text


def test_a_name_that_the_results_cannot_have_fails_alone(segment, scans, tmp_path):
    source = copied(scans, tmp_path / "scans", 1, 3)
    long = "x" * 248 + ".png"  # its thumbnail's name is longer than any file system allows
    (source / long).write_bytes((source / "phantom-01.png").read_bytes())
    assert segment(source, "out").status == 3
    rows = {row["scan"]: row for row in manifest(tmp_path / "out")}
    assert rows.pop(long)["reason"] == "its results cannot be written: File name too long"
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert not list(tmp_path.glob("out/*/x*"))


def test_a_scan_that_had_several_frames_and_has_one_is_done_in_the_end(segment, scans, tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    frames = [Image.open(scans / "benign" / f"phantom-0{n}.png").convert("L") for n in (3, 5)]
    # the content decides what a file is, here a TIFF of two frames
    frames[0].save(source / "x.png", "TIFF", save_all=True, append_images=frames[1:])
    assert segment(source, "out").status == 0
    assert (tmp_path / "out/masks/x.png/0002.png").is_file()
    frames[0].save(source / "x.png", "PNG")
    statuses = [segment(source, "out").status for _ in range(2)]
    assert statuses[-1] == 0
    assert (tmp_path / "out/masks/x.png").is_file()


def test_a_network_that_answers_with_no_number_fails_that_scan_alone(
    segment, scans, tmp_path, monkeypatch
):
    source = copied(scans, tmp_path / "scans", 1, 3)
    ask = OpenVinoEngine.predict
    asked = []

    def sick(self, images):
        asked.append(len(images))
        maps = ask(self, images).maps
        return Predictions(maps * (np.nan if len(asked) == 2 else 1))  # the first one warms it up

    monkeypatch.setattr(OpenVinoEngine, "predict", sick)
    assert segment(source, "out", "--jobs", 1, "--engine", "openvino").status == 3
    reasons = {row["scan"]: row["reason"] for row in manifest(tmp_path / "out")}
    assert "holds NaN" in reasons["phantom-01.png"]
    assert reasons["phantom-03.png"] == ""


def test_only_the_scan_that_kills_is_given_up_on_keras_too(scans, study, start, run, tmp_path):
    ward, out = copied(scans, tmp_path / "ward", 1, 3, 5), tmp_path / "out"
    slow = np.random.default_rng(0).integers(0, 255, (5000, 5000), np.uint8)
    Image.fromarray(slow).save(ward / "phantom-04-slow.png", compress_level=0)
    given = ("segment-dir", ward, out, "--weights", study.weights, "--engine", "keras")
    killed_three_times(start, given, out, "phantom-04-slow.png")
    assert run(*given, cwd=tmp_path).status == 3
    statuses = {row["scan"]: row["status"] for row in manifest(out)}
    assert statuses.pop("phantom-04-slow.png") == "failed"
    assert set(statuses.values()) == {"ok"}


@pytest.mark.parametrize("data", [b"", bytes(100)])
def test_a_broken_copy_without_a_suffix_is_a_failed_scan(segment, scans, tmp_path, data):
    source = copied(scans, tmp_path / "scans", 1)
    (source / "IM2").write_bytes(data)
    (source / ".keep").write_bytes(b"")
    ended = segment(source, "out")
    assert ended.status == 3
    assert "; 1 failed, 1 file skipped; " in ended.out
    (failed,) = (row for row in manifest(tmp_path / "out") if row["status"] == "failed")
    assert failed["scan"] == "IM2"
