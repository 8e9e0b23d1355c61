import json
import shutil

from tests.segmented import copied


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


def test_a_dry_run_ends_as_the_run_would(segment, tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "notes.txt").write_text("no scan")
    for options in ((), ("--dry-run",)):
        ended = segment(tmp_path / "scans", "out", *options)
        assert (ended.status, "holds no scan" in ended.err) == (1, True)
