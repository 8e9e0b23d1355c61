"""Reviews applied to the results of a run."""

import csv
import json
import os
import shutil
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from busicli.io.images import GREEN
from busicli.review.run import ReviewRequest, review
from tests.dicom_maker import region, ultrasound
from tests.segmented import rows_by_scan

AT = "2026-01-31T07:12:00Z"
SQUARE = [[10, 20], [30, 20], [30, 50], [10, 50]]
"""20 columns by 30 rows."""


def mask(out: Path, scan: str, folder: str = "masks") -> np.ndarray:
    return np.asarray(Image.open(out / folder / scan)) > 0


@pytest.fixture
def named(out) -> list[str]:
    """Two dozen scans, those with a lesion first."""
    scans = [row for row in rows_by_scan(out).values() if row["status"] == "ok"]
    found = sorted(scans, key=lambda row: row["lesions"] == 0)
    return [row["scan"] for row in found]


@pytest.fixture
def review_of(out):
    """A review that fits a scan of OUT, but for what is given."""
    found = rows_by_scan(out)

    def review(of: str, decision: str = "accepted", **changed) -> dict:
        row = found.get(of) or next(row for row in found.values() if row["status"] == "ok")
        usual = {
            "scan": of,
            "frame": 1,
            "scan_sha256": row["sha256"],
            "mask_sha256": row["masks"][0]["sha256"],
            "decision": decision,
            "polygons": [SQUARE] if decision == "edited" else None,
            "class": None,
            "comment": "",
            "at": AT,
        }
        return {**usual, **changed}

    return review


@pytest.fixture
def saved(out, tmp_path):
    """Save reviews as the page does; the file's name."""

    def save(*reviews: dict, reviewer: str = "AB", name: str = "reviews.json", **changed) -> str:
        run = json.loads((out / "run.json").read_text())["id"]
        document = {
            "format": "busicli-reviews",
            "version": 1,
            "run": run,
            "reviewer": reviewer,
            "reviews": list(reviews),
        }
        (tmp_path / name).write_text(json.dumps({**document, **changed}), encoding="utf-8")
        return name

    return save


def test_each_decision_changes_what_it_should(out, named, review_of, saved, call):
    edited, emptied, accepted, rejected = named[:4]
    before = {scan: (out / "masks" / scan).read_bytes() for scan in named}
    ended = call(
        *("review", "out"),
        saved(
            review_of(edited, "edited", **{"class": "malignant", "comment": "spiculated"}),
            review_of(emptied, "no_lesion"),
            review_of(accepted),
            review_of(rejected, "rejected"),
        ),
    )
    assert ended.status == 0, ended.err
    assert "4 new reviews, 0 refused." in ended.out
    assert "4 images, 1 accepted (33 % of those not rejected)" in ended.out.replace("33%", "33 %")
    found = rows_by_scan(out)
    assert found[edited]["reviewed"] == {
        **{"decision": "edited", "reviewer": "AB", "at": AT},
        **{"label": "malignant", "comment": "spiculated"},
    }
    drawn = np.zeros_like(mask(out, edited))
    drawn[20:50, 10:30] = True
    assert np.array_equal(mask(out, edited), drawn)
    assert found[edited]["lesions"] == 1
    assert found[edited]["review"] is False
    assert not mask(out, emptied).any()
    assert found[emptied]["lesions"] == 0
    for scan in (edited, emptied):
        assert (out / "model_masks" / scan).read_bytes() == before[scan]
    for scan in (accepted, rejected, *named[4:]):
        assert (out / "masks" / scan).read_bytes() == before[scan]
        assert not (out / "model_masks" / scan).exists()
    assert found[named[4]]["reviewed"] is None
    table = (out / "lesions.csv").read_text().splitlines()
    (line,) = [line for line in table if line.startswith(f"{edited},")]
    assert line.split(",")[:4] == [edited, "1", "1", "600"]  # 20 x 30 px


def test_a_second_time_nothing_changes(out, named, review_of, saved, call, tree):
    file = saved(review_of(named[0], "edited"), review_of(named[1]))
    assert call("review", "out", file).status == 0
    before = tree(out)
    ended = call("review", "out", file)
    assert "no new review, 2 known already, 0 refused." in ended.out
    assert tree(out) == before


@pytest.mark.parametrize(
    "changed", [{"comment": "\n" * 2_000}, {"at": "0999-01-31T07:12:00Z"}], ids=["comment", "at"]
)
def test_what_is_written_otherwise_than_it_came_can_be_read_again(
    changed, out, named, review_of, saved, call, tree
):
    file = saved(review_of(named[0], **changed))
    assert call("review", "out", file).status == 0
    before = tree(out)
    ended = call("review", "out", file)
    assert "no new review, 1 known already, 0 refused." in ended.out
    assert tree(out) == before


def test_the_overlay_shows_the_mask_as_reviewed(out, named, review_of, saved, call):
    call("review", "out", saved(review_of(named[0], "edited")))
    overlay = np.asarray(Image.open(out / "overlays" / named[0]).convert("RGB"))
    line = (overlay == (255, 213, 0)).all(axis=2)
    assert line[19, 10:30].all()  # just above the square's first row
    assert not line[20:50, 10:30].any()
    whole = np.asarray(Image.open(out / "images" / named[0]).convert("RGB"))
    bare = ~line & ~(overlay == GREEN).all(axis=2)
    # two of the palette are the lines
    assert np.array_equal(np.minimum(whole, 253)[bare], overlay[bare])


def test_the_later_of_two_reviewers_holds_and_the_other_is_named(
    out, named, review_of, saved, call
):
    scan = named[0]
    first = saved(review_of(scan, "no_lesion", at="2026-01-31T09:00:00Z"), name="a.json")
    second = saved(review_of(scan, "edited"), name="b.json", reviewer="CD")
    ended = call("review", "out", first, second)
    assert rows_by_scan(out)[scan]["reviewed"]["reviewer"] == "AB"
    assert f"disagreement: {scan}, frame 1: CD edited, AB no lesion" in ended.out
    assert not mask(out, scan).any()


def test_the_order_of_files_does_not_matter(out, named, review_of, saved, call, tree, tmp_path):
    other = Path(shutil.copytree(out, tmp_path / "other"))
    a = saved(review_of(named[0], "edited"), review_of(named[1], "no_lesion"), name="a.json")
    later = "2026-02-01T07:12:00Z"
    b = saved(review_of(named[0], "no_lesion", at=later), name="b.json", reviewer="CD")
    call("review", "out", a)
    call("review", "out", b)
    call("review", "other", b, a)
    assert tree(out) == tree(other)


def test_an_edited_mask_can_be_accepted_and_taken_back(out, named, review_of, saved, call):
    scan = named[0]
    before = (out / "masks" / scan).read_bytes()
    call("review", "out", saved(review_of(scan, "edited")))
    edited = rows_by_scan(out)[scan]["masks"][0]["sha256"]
    accept = review_of(scan, mask_sha256=edited, at="2026-02-01T07:12:00Z")
    assert call("review", "out", saved(accept, reviewer="CD")).status == 0
    assert mask(out, scan)[20:50, 10:30].all()
    assert rows_by_scan(out)[scan]["reviewed"]["decision"] == "accepted"
    back = review_of(scan, at="2026-02-02T07:12:00Z")
    assert call("review", "out", saved(back)).status == 0
    assert (out / "masks" / scan).read_bytes() == before
    assert not (out / "model_masks" / scan).exists()


# --- what does not fit


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"scan": "../../etc/passwd"}, "is not among the results"),
        ({"scan_sha256": "0" * 64}, "has changed since it was reviewed"),
        ({"mask_sha256": "0" * 64}, "has another mask than was reviewed"),
        ({"frame": 2}, "has changed since it was reviewed"),
        (
            {"decision": "edited", "polygons": [[[-9, -9], [-9, -5], [-5, -5]]]},
            "has polygons without a pixel of the scan",
        ),
    ],
)
def test_a_review_of_something_else_is_refused_by_name(
    changed, why, out, named, review_of, saved, call
):
    ended = call("review", "out", saved(review_of(named[0], **changed), review_of(named[1])))
    assert ended.status == 3
    assert "1 new review, 1 refused." in ended.out
    assert why in ended.out
    assert changed.get("scan", named[0]) in ended.out
    found = rows_by_scan(out)
    assert found[named[0]]["reviewed"] is None
    assert found[named[1]]["reviewed"]["decision"] == "accepted"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"decision": "fine"}, "has the decision fine"),
        ({"class": "odd"}, "has the class odd"),
        ({"frame": True}, "has the frame True"),
        ({"at": "yesterday"}, "has the time yesterday"),
        ({"at": "2026-01-31T07:12:00"}, "has the time"),  # of no zone
        ({"comment": "x" * 2001}, "has a comment that is no text or too long"),
        ({"scan_sha256": "../x"}, "no SHA-256"),
        ({"polygons": [SQUARE]}, "polygons that do not fit its decision"),
        ({"decision": "edited", "polygons": None}, "polygons that do not fit its decision"),
        ({"decision": "edited", "polygons": [[[0, 0], [1, 1]]]}, "too few or too many points"),
        (
            {"decision": "edited", "polygons": [[[0, 0], [1, 1]] * 10_001]},
            "too few or too many points",
        ),
        (
            {"decision": "edited", "polygons": [[[0, 0], [1e300, 0], [0, 1]]]},
            "a point far outside of any scan",
        ),
        ({"decision": "edited", "polygons": [[[0, 0], [1, 0], ["0", 1]]]}, "a point far outside"),
        ({"decision": "edited", "polygons": {"a": 1}}, "polygons that are no lists"),
    ],
)
def test_a_file_with_a_bad_review_changes_nothing(
    changed, why, out, named, review_of, saved, call, tree
):
    before = tree(out)
    ended = call("review", "out", saved(review_of(named[1]), review_of(named[0], **changed)))
    assert ended.status == 1
    assert f"number 2 ({named[0]}): it {why}" in ended.err or why in ended.err
    assert ended.err.count("\n") == 1
    assert tree(out) == before


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "is no file of reviews"),
        ('{"format": "busicli-reviews"', "cannot be read: it is no JSON, or damaged or cut short"),
        ("[" * 100_000, "cannot be read: it is no JSON, or damaged or cut short"),
        ('{"format": "busicli-reviews", "run": "a", "run": "b"}', "read: it names run twice"),
        ('{"reviews": [{"decision": 1, "\\u0064ecision": 2}]}', "read: it names decision twice"),
        ('{"format": "busicli-reviews", "version": 2}', "has version 2 of the format"),
        ('{"format": "busicli-reviews", "version": NaN}', "has version nan of"),
        ('{"format": "busicli-reviews", "version": 1, "reviewer": " "}', "names no reviewer"),
        ('{"format": "busicli-reviews", "version": 1, "reviewer": "A"}', "no list of reviews"),
        ('{"format": "busicli-reviews", "version": 1, "reviewer": [1]}', "reviewer that is no"),
    ],
)
def test_what_is_no_file_of_reviews_is_refused(text, why, out, call, tmp_path, tree):
    before = tree(out)
    (tmp_path / "reviews.json").write_text(text)
    ended = call("review", "out", "reviews.json")
    assert ended.status == 1
    assert why in ended.err
    assert tree(out) == before


def test_a_review_from_the_future_is_refused_by_name_and_a_clock_may_be_hours_ahead(
    out, named, review_of, saved, call
):
    hours = f"{datetime.now(UTC) + timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}"
    reviews = [
        review_of(named[0], "rejected", at="2099-01-31T07:12:00Z"),
        review_of(named[1], at=hours),
    ]
    ended = call("review", "out", saved(*reviews))
    assert ended.status == 3
    assert "1 new review, 1 refused." in ended.out
    assert (
        f"refused: {named[0]} has a review from more than a day ahead, 2099-01-31T07:12:00Z; set "
        "the clock there, review again." in ended.out
    )
    assert call("review", "out", saved(review_of(named[0]))).status == 0
    assert rows_by_scan(out)[named[0]]["reviewed"]["decision"] == "accepted"


def test_reviews_of_another_run_and_huge_files_are_refused(
    out, named, review_of, saved, call, tmp_path, tree
):
    before = tree(out)
    ended = call("review", "out", saved(review_of(named[0]), run="feed"))
    assert ended.status == 1
    assert "the reviews are of run feed" in ended.err
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(100_000_000)
    ended = call("review", "out", "large.json")
    assert "has 100,000,000 bytes, of at most 50,000,000" in ended.err
    assert tree(out) == before


def test_markup_and_control_characters_in_comments_do_no_harm(out, named, review_of, saved, call):
    comment = "</script><img src=x onerror=alert(1)>\x1b[31m"
    assert call("review", "out", saved(review_of(named[0], comment=comment))).status == 0
    kept = rows_by_scan(out)[named[0]]["reviewed"]["comment"]
    assert kept == "</script><img src=x onerror=alert(1)>%1B[31m"
    page = (out / "report.html").read_text()
    assert "<img src=x" not in page


def test_without_a_finished_run_there_is_nothing_to_review(call, tmp_path):
    (tmp_path / "empty").mkdir()
    ended = call("review", "empty")
    assert ended.status == 1
    assert "holds no finished run" in ended.err


# --- later runs


def test_a_later_run_keeps_reviewed_scans(out, named, scans, review_of, saved, call):
    call("review", "out", saved(review_of(named[0], "edited"), review_of(named[1])))
    before = rows_by_scan(out)
    # another limit is another run: all other scans are segmented again
    ended = call("segment-dir", scans, "out", "--max-pixels", 1_000_000)
    assert ended.status == 0, ended.err
    assert "2 scans stayed as a person reviewed them." in ended.out
    found = rows_by_scan(out)
    for scan in named[:2]:
        assert {**found[scan], "new": None} == {**before[scan], "new": None}
    assert mask(out, named[0])[20:50, 10:30].all()
    assert sum(row["new"] for row in found.values() if row["status"] == "ok") == len(named) - 2


def test_a_run_does_not_overwrite_a_reviewed_mask_that_somebody_changed(
    out, named, scans, review_of, saved, call
):
    call("review", "out", saved(review_of(named[0], "edited")))
    shutil.copy(out / "masks" / named[1], out / "masks" / named[0])
    ended = call("segment-dir", scans, "out")
    assert ended.status == 3
    assert "run busicli review OUT to restore" in ended.out
    assert call("review", "out").status == 0
    assert mask(out, named[0])[20:50, 10:30].all()
    assert rows_by_scan(out)[named[0]]["reviewed"]["decision"] == "edited"


def test_a_reviewed_mask_that_is_gone_comes_back(out, named, scans, review_of, saved, call):
    call("review", "out", saved(review_of(named[0], "edited")))
    before = (out / "masks" / named[0]).read_bytes()
    (out / "masks" / named[0]).unlink()
    assert call("segment-dir", scans, "out").status == 0
    assert call("review", "out").status == 0
    assert (out / "masks" / named[0]).read_bytes() == before


def test_a_scan_that_changed_is_segmented_and_its_review_forgotten(
    out, named, scans, review_of, saved, call, tmp_path
):
    ward = Path(shutil.copytree(scans, tmp_path / "ward"))
    call("review", "out", saved(review_of(named[0], "edited")))
    image = Image.open(ward / named[0])
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(ward / named[0])
    assert call("segment-dir", "ward", "out").status == 0
    assert rows_by_scan(out)[named[0]]["reviewed"] is None
    assert call("review", "out").status == 0
    assert not (out / "model_masks" / named[0]).exists()


# --- learning from it


def test_reviewed_scans_are_a_data_set(out, named, review_of, saved, call, tmp_path):
    kinds = ["benign", "malignant", *[None] * 6]
    reviews = [
        review_of(scan, "edited", **{"class": kind})
        for scan, kind in zip(named, kinds, strict=False)
    ]
    reviews += [review_of(scan, "no_lesion") for scan in named[8:12]]
    reviews.append(review_of(named[12], "rejected"))
    call("review", "out", saved(*reviews))
    ended = call("preprocess", "--reviewed", "out", "--size", 64, "--out", "learn")
    assert ended.status == 0, ended.err
    with (tmp_path / "learn" / "cases.csv").open(newline="", encoding="utf-8") as file:
        found = {row["case"]: row for row in csv.DictReader(file)}
    assert set(found) == set(named[:12])
    labels = [found[scan]["class"] for scan in named[:12]]
    assert labels == ["benign", "malignant", *[""] * 6, *["normal"] * 4]
    row = found[named[0]]
    native = tmp_path / "learn" / row["split"] / "native" / f"{int(row['index']):06d}.png"
    assert np.array_equal(np.asarray(Image.open(native)) > 0, mask(out, named[0]))


def test_without_a_review_there_is_no_data_set(out, call):
    ended = call("preprocess", "--reviewed", "out", "--out", "learn")
    assert ended.status == 1
    assert "holds no scan that a person accepted" in ended.err


# --- DICOM


@pytest.fixture(scope="module")
def clinic(tmp_path_factory, scans, run) -> Path:
    """A night's run over two DICOM scans, with objects of all kinds."""
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "ward").mkdir()
    for name in ("a.dcm", "b.dcm"):
        phantom = np.asarray(Image.open(scans / "benign" / "phantom-06.png").convert("L"))
        rows, columns = phantom.shape
        whole = region((0, 0, rows - 1, columns - 1), 0.01, 0.005)
        (folder / "ward" / name).write_bytes(ultrasound(phantom, regions=[whole]))
    ended = run("segment-dir", "ward", "out", "--dicom", "seg,sr,sc", cwd=folder)
    assert ended.status == 0, ended.err
    return folder


def reviewed_clinic(clinic: Path, tmp_path: Path, decision: str) -> Path:
    """A copy of the clinic with a file of reviews of both scans."""
    shutil.copytree(clinic, tmp_path, dirs_exist_ok=True)
    out = tmp_path / "out"
    reviews = [
        {
            **{"scan": row["scan"], "frame": 1, "at": AT, "decision": decision},
            **{"scan_sha256": row["sha256"], "mask_sha256": row["masks"][0]["sha256"]},
            "polygons": [SQUARE] if decision == "edited" else None,
        }
        for row in rows_by_scan(out).values()
    ]
    run = json.loads((out / "run.json").read_text())["id"]
    document = {"format": "busicli-reviews", "version": 1, "run": run, "reviewer": "Møller^X"}
    (tmp_path / "reviews.json").write_text(json.dumps({**document, "reviews": reviews}))
    return out


def test_objects_say_who_corrected_what(clinic, call, tmp_path):
    out = reviewed_clinic(clinic, tmp_path, "edited")
    before = {path.name: dcmread(path) for path in (out / "dicom").iterdir()}
    ended = call("review", "out", "reviews.json", "--scans", "ward")
    assert ended.status == 0, ended.err
    after = {path.name: dcmread(path) for path in (out / "dicom").iterdir()}
    assert set(after) == set(before)
    segment = after["a.dcm.seg.dcm"]
    assert segment.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert np.array_equal(segment.pixel_array.squeeze() > 0, mask(out, "a.dcm.png"))
    assert "corrected by a person" in segment.SeriesDescription
    report = after["a.dcm.sr.dcm"]
    assert report.VerificationFlag == "VERIFIED"
    assert str(report.VerifyingObserverSequence[0].VerifyingObserverName) == "M?ller X"
    for name, made in after.items():
        assert made.SOPInstanceUID != before[name].SOPInstanceUID
    with (out / "lesions.csv").open(newline="") as file:
        lesion = next(csv.DictReader(file))
    # pixels of 0.1 x 0.05 mm
    assert (lesion["area_px"], lesion["area_mm2"], lesion["mean_probability"]) == ("600", "3", "")
    row = rows_by_scan(out)["a.dcm"]
    assert row["dicom_left_out"] == ""
    assert len(row["dicom"]) == 3


def test_without_the_scans_objects_are_left_out_until_they_are_there(clinic, call, tmp_path):
    out = reviewed_clinic(clinic, tmp_path, "accepted")
    shutil.move(tmp_path / "ward", tmp_path / "archive")
    assert call("review", "out", "reviews.json", "--scans", "ward").status == 0
    assert list((out / "dicom").iterdir()) == []
    assert "the scan was not found" in rows_by_scan(out)["a.dcm"]["dicom_left_out"]
    assert call("review", "out", "--scans", "archive").status == 0
    assert len(list((out / "dicom").iterdir())) == 6
    assert rows_by_scan(out)["a.dcm"]["dicom_left_out"] == ""


def test_a_rejected_scan_has_no_objects(clinic, call, tmp_path):
    out = reviewed_clinic(clinic, tmp_path, "rejected")
    assert call("review", "out", "reviews.json").status == 0
    assert list((out / "dicom").iterdir()) == []
    assert rows_by_scan(out)["a.dcm"]["dicom_left_out"] == "a person rejected the scan"
    assert mask(out, "a.dcm.png").shape


# --- killed


def killed_at(moment: int, request: ReviewRequest) -> bool:
    """Review in a process that is killed just before it renames its n-th file; whether it was."""
    process = os.fork()
    if process == 0:
        rename, renamed = os.replace, []

        def until(source: str, target: str) -> None:
            renamed.append(target)
            if len(renamed) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            rename(source, target)

        os.replace = until
        with open(os.devnull, "w") as silent:  # noqa: PTH123
            sys.stderr = silent
            review(request, lambda scans, _: scans)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def test_killed_at_any_moment_the_next_one_makes_the_same_bytes(
    out, named, review_of, saved, tree, tmp_path
):
    file = saved(
        *(review_of(scan, "edited") for scan in named[:3]),
        *(review_of(scan, "no_lesion") for scan in named[3:5]),
        review_of(named[5]),
    )
    night = Path(shutil.copytree(out, tmp_path / "night"))
    request = ReviewRequest(out=out, files=(tmp_path / file,))
    review(request, lambda scans, _: scans)
    expected = tree(out)
    for moment in range(1, 200):
        shutil.rmtree(out)
        shutil.copytree(night, out)
        if not killed_at(moment, request):
            break
        review(request, lambda scans, _: scans)
        assert tree(out) == expected, f"killed at the rename of file {moment}"
    assert moment > 20
