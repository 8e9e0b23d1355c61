"""What is damaged under OUT is found and made again; tests/soak does it thousands of times."""

import os
import subprocess
import sys

import pytest

from tests.soak.state import (
    check_card,
    check_forged,
    check_parts,
    check_results,
    check_state,
    results,
)


def test_changed_bits_of_the_state_change_no_result(wards, tmp_path):
    check_state(wards["few"], tmp_path / "out", 20)


def test_changed_bits_of_parts_change_no_result(wards, tmp_path):
    check_parts(wards["few"], tmp_path / "out", 20)


def test_forged_values_of_the_state_crash_nothing(wards, tmp_path):
    check_forged(wards["few"], tmp_path / "out", 12)


def test_damaged_results_are_made_again(wards, tmp_path):
    check_results(wards["all"], tmp_path / "out", 20)


def test_a_changed_card_is_refused_or_says_the_same(tmp_path):
    check_card(tmp_path, 30)


def test_pipes_in_place_of_all_files_are_not_waited_for(scans, tmp_path):
    """A folder of results may be a stranger's; who opens a pipe would wait for ever."""
    out, command = tmp_path / "out", [sys.executable, "-m", "busicli"]
    segment = [*command, "segment-dir", scans / "benign", out, "--quiet"]
    assert subprocess.run(segment, timeout=120).returncode == 0
    made = [path for path in out.rglob("*") if path.is_file() and path.name != "lock"]
    assert {out / "run.json", out / "manifest.jsonl", out / ".busicli/journal.jsonl"} < {*made}
    for path in made:
        path.unlink()
        os.mkfifo(path)
    assert subprocess.run([*command, "report", out], timeout=120).returncode == 1
    assert subprocess.run(segment, timeout=120).returncode == 0
    assert all(path.is_file() for path in made)


@pytest.mark.parametrize(
    "name",
    [
        "overlays/a.png",
        "probabilities/a.png",
        "thumbnails/a.png.jpg",
        "dicom/sub/b.dcm.seg.dcm",
        "dicom/sub/b.dcm.sr.dcm",
        "dicom/sub/b.dcm.sc.dcm",
        "overlays/sub/c.tif/0002.png",
    ],
)
def test_an_emptied_file_is_made_again(wards, tmp_path, name):
    out, ward = tmp_path / "out", wards["all"]
    ward.run(out)
    expected = results(out)
    (out / name).write_bytes(b"")
    ward.run(out)
    assert results(out) == expected
