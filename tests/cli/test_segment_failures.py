import io
import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.inference.engines import OpenVinoEngine, Predictions
from tests.segmented import copied, lasting_rows


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
    assert len(lasting_rows(tmp_path / "out")) == 45 - pending


def test_too_large_an_image_fails_undecoded(segment, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3, 14)
    # phantom-03 has 355 x 495 = 175,725 pixels, phantom-14 has 389 x 381 = 148,209
    assert segment(few, "out", "--max-pixels", 150000).status == 3
    first, second = lasting_rows(tmp_path / "out")
    assert first["status"] == "failed"
    assert "175,725 pixels" in first["reason"]
    assert second["status"] == "ok"


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
    rows = {row["scan"]: row for row in lasting_rows(out)}
    assert rows.pop("phantom-02-slow.png")["reason"].startswith(
        "the program crashed each time at it"
    )
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert run(*given, cwd=tmp_path).status == 0  # a failed scan is tried again


def test_a_scan_that_takes_too_long_fails_alone(segment, scans, tmp_path):
    source = copied(scans, tmp_path / "scans", 1)
    # 100 million pixels of noise are inflated and filtered for a second and more
    noise = np.random.default_rng(0).integers(0, 256, (10_000, 10_000), np.uint8)
    Image.fromarray(noise).save(source / "vast.png", compress_level=1)
    ended = segment(source, "out", "--timeout", "0.3")
    assert ended.status == 3
    rows = {row["scan"]: row for row in lasting_rows(tmp_path / "out")}
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
    rows = {row["scan"]: row for row in lasting_rows(tmp_path / "out")}
    assert rows["phantom-01.png"]["status"] == "ok"
    assert rows["passes.jpg"]["reason"].startswith("was not decoded after 2 s")
    for _ in range(100):
        if threading.active_count() <= before:
            return
        time.sleep(0.1)
    pytest.fail("a thread still decodes it")


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
    reasons = {row["scan"]: row["reason"] for row in lasting_rows(tmp_path / "out")}
    assert "holds NaN" in reasons["phantom-01.png"]
    assert reasons["phantom-03.png"] == ""


def test_only_the_scan_that_kills_is_given_up_on_keras_too(scans, study, start, run, tmp_path):
    ward, out = copied(scans, tmp_path / "ward", 1, 3, 5), tmp_path / "out"
    slow = np.random.default_rng(0).integers(0, 255, (5000, 5000), np.uint8)
    Image.fromarray(slow).save(ward / "phantom-04-slow.png", compress_level=0)
    given = ("segment-dir", ward, out, "--weights", study.weights, "--engine", "keras")
    killed_three_times(start, given, out, "phantom-04-slow.png")
    assert run(*given, cwd=tmp_path).status == 3
    statuses = {row["scan"]: row["status"] for row in lasting_rows(out)}
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
    (failed,) = (row for row in lasting_rows(tmp_path / "out") if row["status"] == "failed")
    assert failed["scan"] == "IM2"
