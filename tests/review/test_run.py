"""Reviews applied to the results of a run."""

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.io.images import GREEN
from busicli.review.run import ReviewRequest, review
from tests.review.made_reviews import AT, mask
from tests.segmented import rows_by_scan


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
