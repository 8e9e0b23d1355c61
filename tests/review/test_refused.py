"""Reviews that do not fit the results, and files that are none."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.review.made_reviews import SQUARE
from tests.segmented import rows_by_scan


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
