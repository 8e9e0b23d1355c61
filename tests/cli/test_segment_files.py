import csv
import json
import os
import shutil

import pytest
from PIL import Image

from tests.segmented import lasting_rows, results, stamps

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
