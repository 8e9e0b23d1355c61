"""The table of what is written for each scan."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from busicli.batch.outputs import (
    DEFAULT_OUTPUTS,
    OUTPUTS,
    files_of,
    foreign_result,
    is_within_results,
    lost_outputs,
    masks_stand,
    remove_all_but,
    wanted_outputs,
)
from busicli.io.files import sha256_bytes
from busicli.io.scan_results import DicomFile, FrameMask, ScanResult

BY_NAME = {output.name: output for output in OUTPUTS}
SCAN = PurePosixPath("ward/x.dcm")


def result(frames: int, *objects: tuple[str, int]) -> ScanResult:
    """Of a scan whose masks all hold the same bytes."""
    masks = (
        FrameMask(frame=n, path="", sha256=sha256_bytes(b"mask")) for n in range(1, frames + 1)
    )
    made = (DicomFile(kind=kind, frame=frame, path="") for kind, frame in objects)
    return ScanResult(scan="ward/x.dcm", status="ok", masks=tuple(masks), dicom=tuple(made))


def write_all(out: Path, found: ScanResult, names=DEFAULT_OUTPUTS) -> list[Path]:
    paths = [out / path for path in files_of(found, SCAN, wanted_outputs(names))]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mask")
    return paths


@pytest.mark.parametrize(
    ("name", "scan", "frame", "frames", "expected"),
    [
        ("masks", "a/x.png", 1, 1, "masks/a/x.png"),
        ("masks", "a/x.PNG", 1, 1, "masks/a/x.PNG.png"),
        ("overlays", "x.jpg", 1, 1, "overlays/x.jpg.png"),
        ("probabilities", "x", 1, 1, "probabilities/x.png"),
        ("masks", "x.tif", 1, 2, "masks/x.tif/0001.png"),
        ("masks", "x.png", 12345, 12345, "masks/x.png/12345.png"),
        ("thumbnails", "x.png", 1, 1, "thumbnails/x.png.jpg"),
        ("thumbnails", "x.tif", 2, 2, "thumbnails/x.tif/0002.png.jpg"),
        ("seg", "x.dcm", 0, 1, "dicom/x.dcm.seg.dcm"),
        ("sr", "x.dcm", 0, 30, "dicom/x.dcm.sr.dcm"),
        ("sc", "x.dcm", 1, 1, "dicom/x.dcm.sc.dcm"),
        ("sc", "x.dcm", 3, 30, "dicom/x.dcm/0003.sc.dcm"),
    ],
)
def test_paths_follow_from_the_scans_name(name, scan, frame, frames, expected):
    assert str(BY_NAME[name].path(PurePosixPath(scan), frame, frames)) == expected


def test_a_scans_files_are_those_of_its_frames_and_the_objects_that_its_row_lists():
    found = result(2, ("sr", 0), ("sc", 1), ("sc", 2))
    names = ("sc", "masks", "seg", "sr")  # in the table's order, whatever the order here
    assert [str(path) for path in files_of(found, SCAN, wanted_outputs(names))] == [
        "masks/ward/x.dcm/0001.png",
        "masks/ward/x.dcm/0002.png",
        "dicom/ward/x.dcm.sr.dcm",
        "dicom/ward/x.dcm/0001.sc.dcm",
        "dicom/ward/x.dcm/0002.sc.dcm",
    ]
    failed = ScanResult(scan="ward/x.dcm", status="failed")
    assert list(files_of(failed, SCAN, OUTPUTS)) == []


def lost(out: Path, found: ScanResult, names=DEFAULT_OUTPUTS) -> list[str]:
    return [output.name for output in lost_outputs(out, found, SCAN, wanted_outputs(names))]


def test_masks_stand_while_their_bytes_are_the_same_and_lost_files_are_named_by_kind(tmp_path):
    found = result(2)
    paths = write_all(tmp_path, found)
    assert len(paths) == 8  # mask, overlay, image and thumbnail of each frame
    hashes = {str(path.relative_to(tmp_path)): sha256_bytes(b"mask") for path in paths}
    found = replace(found, files=hashes)
    assert masks_stand(tmp_path, found, SCAN)
    assert lost(tmp_path, found) == []
    assert lost(tmp_path, found, (*DEFAULT_OUTPUTS, "probabilities")) == ["probabilities"]
    paths[-1].unlink()
    assert lost(tmp_path, found) == ["thumbnails"]
    paths[0].write_bytes(b"spoilt")
    assert not masks_stand(tmp_path, found, SCAN)


def test_all_but_what_is_kept_is_removed_and_other_scans_stay(tmp_path):
    several, one = result(2, ("sr", 0), ("sc", 1), ("sc", 2)), result(1)
    write_all(tmp_path, several, [output.name for output in OUTPUTS])
    other = tmp_path / "masks/ward/y.dcm.png"
    other.write_bytes(b"")
    kept = list(files_of(one, SCAN, wanted_outputs(["masks"])))
    write_all(tmp_path, one, ["masks"])
    remove_all_but(tmp_path, SCAN, kept)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"masks/ward/x.dcm.png", "masks/ward/y.dcm.png"}
    assert not (tmp_path / "masks/ward/x.dcm").exists()  # the empty folder of its frames


def test_what_busicli_did_not_make_is_named(tmp_path):
    assert foreign_result(tmp_path) == ""
    (tmp_path / "overlays").mkdir()
    assert foreign_result(tmp_path) == "overlays"
    assert not is_within_results(tmp_path / "overlays" / "ward")
    (tmp_path / ".busicli").mkdir()
    assert foreign_result(tmp_path) == ""
    assert is_within_results(tmp_path / "overlays" / "ward")
    assert not is_within_results(tmp_path / "ward")
