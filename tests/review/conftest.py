import json

import pytest

from tests.review.made_reviews import AT, SQUARE
from tests.segmented import rows_by_scan


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
