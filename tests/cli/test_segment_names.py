import shutil
import time

import numpy as np
import pytest
from PIL import Image

from tests.segmented import copied, lasting_rows


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
    by_status = {row["status"]: row for row in lasting_rows(tmp_path / "out")}
    assert set(by_status) == {"ok", "failed"}
    assert by_status["failed"]["reason"].startswith("its mask would overwrite that of x.")
    assert len(list(tmp_path.glob("out/masks/*"))) == 1


def test_a_clash_of_names_removes_nothing_of_the_scan_that_has_the_name(segment, scans, tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    phantom = next(scans.glob("*/phantom-01.png"))
    shutil.copy(phantom, source / "a.jpg.png")
    assert segment(source, "out").status == 0
    Image.open(phantom).save(source / "a.jpg")  # its mask is a.jpg.png too
    assert segment(source, "out").status == 3
    rows = {row["scan"]: row["status"] for row in lasting_rows(tmp_path / "out")}
    assert rows == {"a.jpg": "ok", "a.jpg.png": "failed"}
    assert (tmp_path / "out" / "masks" / "a.jpg.png").is_file()


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
    rows = {row["scan"]: row for row in lasting_rows(tmp_path / "out")}
    assert rows.pop(long)["reason"] == "its results cannot be written: File name too long"
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert not list(tmp_path.glob("out/*/x*"))
