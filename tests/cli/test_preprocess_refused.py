import shutil
import signal

from PIL import Image


def test_a_folder_of_someone_elses_is_not_replaced(call, scans, tmp_path, tree):
    theirs = tmp_path / "thesis"
    theirs.mkdir()
    (theirs / "chapter1.txt").write_text("a year's work")
    ended = call("preprocess", scans, "--size", 32, "--jobs", 1, "--out", "thesis")
    assert ended.status == 1
    assert "thesis" in ended.err
    assert tree(tmp_path) == {"thesis/chapter1.txt": b"a year's work"}


def test_all_broken_files_are_named_at_once_and_nothing_is_left(call, busi, tmp_path):
    benign, malignant = busi / "benign", busi / "malignant"
    (benign / "phantom-01_mask.png").unlink()
    Image.new("1", (7, 5)).save(benign / "phantom-02_mask.png")  # 5 rows, 7 columns
    scan = malignant / "phantom-11.png"
    scan.write_bytes(scan.read_bytes()[:2000])
    (malignant / "phantom-12.png").write_bytes(b"no image at all")
    shutil.copy(benign / "phantom-03_mask.png", busi / "normal" / "stray_mask.png")
    for jobs in (1, 2):
        ended = call("preprocess", busi, "--size", 32, "--jobs", jobs)
        assert ended.status == 1
        assert "5 files are broken" in ended.err
        errors = [line.strip() for line in ended.err.splitlines() if line.startswith("  ")]
        assert sorted(errors) == [
            "benign/phantom-01.png: has no mask phantom-01_mask.png",
            # width x height of phantom-02 is 367 x 381
            "benign/phantom-02_mask.png: is 5 x 7 px but its scan is 381 x 367",
            "malignant/phantom-11.png: is damaged or cut short; copy it again from its source",
            "malignant/phantom-12.png: is not a scan; give a PNG, JPEG, BMP, TIFF or DICOM "
            "ultrasound file",
            "normal/stray_mask.png: is a mask without its scan",
        ]
        assert ended.out == ""
        assert [path.name for path in tmp_path.iterdir()] == ["busi"]


def test_two_broken_masks_of_one_scan_are_both_named(call, busi):
    Image.new("1", (7, 5)).save(busi / "benign" / "phantom-06_mask.png")
    (busi / "benign" / "phantom-06_mask_1.png").write_bytes(b"no image at all")
    ended = call("preprocess", busi, "--size", 32, "--jobs", 1)
    assert "benign/phantom-06_mask.png: is 5 x 7 px" in ended.err
    assert "benign/phantom-06_mask_1.png: is not an image" in ended.err


def test_a_stopped_run_leaves_nothing_behind(start, scans, tmp_path):
    process = start("preprocess", scans, "--size", 2048, "--jobs", 1, cwd=tmp_path)
    with process:
        first = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        err = process.stderr.read()
    assert b" preparing scans: 0 of 24" in first
    assert process.returncode == 75, err
    assert b"Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_data_of_an_earlier_run_alone(call, busi, tmp_path, tree):
    call("preprocess", busi, "--size", 32, "--jobs", 1)
    before = tree(tmp_path / "data")
    (busi / "benign" / "phantom-01.png").write_bytes(b"no image at all")
    assert call("preprocess", busi, "--size", 32, "--jobs", 1).status == 1
    assert tree(tmp_path / "data") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["busi", "data"]


def test_scans_of_one_name_are_named_with_their_files(busi, call):
    for suffix in ("png", "jpg"):
        shutil.copy(next(busi.glob("normal/*[0-9].png")), busi / "normal" / f"one.{suffix}")
    ended = call("preprocess", busi, "--size", 32, "--jobs", 1)
    assert ended.status == 1
    assert "is the name of two scans, normal/one.jpg and normal/one.png; rename one" in ended.err
