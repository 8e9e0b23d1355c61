"""What people have decided on the scans of OUT: `.busicli/reviews.jsonl`, a line a scan.

Reviews are kept apart from the journal of a run, so that they hold for runs with other weights and
settings too. A line has its checksum, the network's own result, every review, and the result as
reviewed. The file holds the reviews before anything is changed, so that a review that was killed is
resumed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from busicli.errors import InputError
from busicli.io.checksums import checksum_line, verify_line
from busicli.io.files import atomic_text
from busicli.io.output_paths import own_folder
from busicli.io.reviews import Review
from busicli.io.scan_results import ScanResult, journal_line, parse_journal_line

STORE = "reviews.jsonl"
CHANGED_AFTER_REVIEW = (
    "was reviewed, but its mask was changed since; run busicli review OUT to restore that of the "
    "review"
)
"""Why a run does not touch a scan: a mask that somebody drew elsewhere must not be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReview:
    """A review that fits its scan, and the mask that follows from it."""

    review: Review
    mask_sha256: str
    """Of the mask as the reviewer wants it."""
    dice: float | None
    """Of that mask with the network's; None where both are empty, or the scan is rejected."""

    @property
    def order(self) -> tuple[str, str, str]:
        """The greatest of a frame's reviews holds, whichever file came first."""
        return self.review.at, self.review.reviewer, self.mask_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedScan:
    """One scan with what people have decided on it."""

    model: ScanResult
    """As the network made it."""
    reviews: tuple[KeptReview, ...]
    """By frame and reviewer; of one reviewer the newest."""
    result: ScanResult | None = None
    """As reviewed; None until its files are written."""

    def deciding(self, frame: int) -> KeptReview | None:
        """The review of a frame that holds; None where it has none."""
        own = [kept for kept in self.reviews if kept.review.frame == frame]
        return max(own, key=lambda kept: kept.order, default=None)

    def known_masks(self, frame: int) -> set[str]:
        """SHA-256 of each mask that a page of this scan may have shown."""
        own = {kept.mask_sha256 for kept in self.reviews if kept.review.frame == frame}
        return own | {mask.sha256 for mask in self.model.masks if mask.frame == frame}

    def with_review(self, kept: KeptReview) -> "ReviewedScan":
        """With one review more; the same object where it has that one, or a newer one."""
        same = [k for k in self.reviews if _author(k) == _author(kept)]
        if same and max(same, key=lambda k: k.order).order >= kept.order:
            return self
        others = [k for k in self.reviews if _author(k) != _author(kept)]
        reviews = tuple(sorted([*others, kept], key=lambda k: (_author(k), k.order)))
        return replace(self, reviews=reviews, result=None)


ReviewStore = dict[str, ReviewedScan]
"""By the scan's name in results."""


def read_store(out: Path) -> ReviewStore:
    """What stands in OUT; empty where nobody has reviewed anything."""
    path = own_folder(out) / STORE
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            scans = map(_scan_of_line, file)
            return {scan.model.scan: scan for scan in scans}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged or of another version; restore it from a copy, or remove it to "
            "forget all reviews."
        ) from error


def write_store(out: Path, store: ReviewStore) -> None:
    """As it is read; in order of the scans' names, so that the same reviews give the same bytes."""
    with atomic_text(own_folder(out) / STORE) as file:
        for _, scan in sorted(store.items()):
            file.write(checksum_line(json.dumps(_to_json(scan), ensure_ascii=False)).decode())


def reviewed_results(
    store: Mapping[str, ReviewedScan], results: Iterable[ScanResult]
) -> Iterator[ScanResult]:
    """Results with those as reviewed in place of the network's, while the scan is the same."""
    for result in results:
        found = store.get(result.scan)
        kept = found.result if found else None
        same = kept and kept.sha256 == result.sha256
        restored = result.reason == CHANGED_AFTER_REVIEW
        yield replace(kept, new=result.new) if kept and (same or restored) else result


def _author(kept: KeptReview) -> tuple[int, str]:
    return kept.review.frame, kept.review.reviewer


def _to_json(scan: ReviewedScan) -> dict[str, Any]:
    return {
        "model": json.loads(journal_line(scan.model)),
        "reviews": [{**asdict(kept), "review": kept.review.to_json()} for kept in scan.reviews],
        "result": json.loads(journal_line(scan.result)) if scan.result else None,
    }


def _scan_of_line(line: bytes) -> ReviewedScan:
    row = json.loads(verify_line(line) or b"")
    result = row["result"]
    return ReviewedScan(
        model=_result_of(row["model"]),
        reviews=tuple(map(_kept_of_json, row["reviews"])),
        result=_result_of(result) if result else None,
    )


def _result_of(row: Mapping[str, Any]) -> ScanResult:
    return replace(parse_journal_line(json.dumps(row)), new=False)


def _kept_of_json(row: Mapping[str, Any]) -> KeptReview:
    written = row["review"]
    review = Review.from_json({**written, "comment": ""}, written["reviewer"])
    comment = str(written["comment"])  # escaped, it may be longer than a new one
    return KeptReview(**{**row, "review": replace(review, comment=comment)})
