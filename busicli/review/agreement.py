"""How far the network and its reviewers agree, and the reviewers with one another."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from busicli.imaging.polygons import polygon_mask
from busicli.io.review_store import KeptReview, ReviewedScan
from busicli.types import Polygon

SAME_DICE = 0.9
"""Two reviewers' masks of at least this Dice are no disagreement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """All frames that are reviewed, by the decision that holds."""

    frames: int
    accepted: int
    edited: int
    no_lesion: int
    rejected: int
    edited_dice: float | None
    """Mean Dice of the network's mask with the reviewer's over edited frames; None for none."""

    @property
    def accepted_share(self) -> float | None:
        """Of the frames that were not rejected; None for none."""
        judged = self.frames - self.rejected
        return self.accepted / judged if judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Two people who decided otherwise on one frame."""

    scan: str
    frame: int
    reviewers: tuple[str, str]
    """The one whose review holds comes second."""
    decisions: tuple[str, str]


def agreement(scans: Iterable[ReviewedScan]) -> Agreement:
    """Of the network with its reviewers."""
    held = [kept for scan in scans for kept in _deciding(scan)]
    counts = Counter(kept.review.decision for kept in held)
    edited = [k.dice for k in held if k.review.decision == "edited" and k.dice is not None]
    return Agreement(
        frames=len(held),
        accepted=counts["accepted"],
        edited=counts["edited"],
        no_lesion=counts["no_lesion"],
        rejected=counts["rejected"],
        edited_dice=float(np.mean(edited)) if edited else None,
    )


def disagreements(scans: Iterable[ReviewedScan]) -> Iterator[Disagreement]:
    """Every two people who decided otherwise on one frame."""
    for scan in scans:
        for one, other in combinations(scan.reviews, 2):
            if one.review.frame == other.review.frame and _differ(one, other):
                pair = sorted((one, other), key=lambda kept: kept.order)
                yield Disagreement(
                    scan=scan.model.scan,
                    frame=one.review.frame,
                    reviewers=(pair[0].review.reviewer, pair[1].review.reviewer),
                    decisions=(_words(pair[0]), _words(pair[1])),
                )


def _deciding(scan: ReviewedScan) -> Iterator[KeptReview]:
    for frame in sorted({kept.review.frame for kept in scan.reviews}):
        kept = scan.deciding(frame)
        if kept is not None:
            yield kept


def _differ(one: KeptReview, other: KeptReview) -> bool:
    rejections = [kept.review.decision == "rejected" for kept in (one, other)]
    labels = {kept.review.label for kept in (one, other)} - {""}
    if rejections[0] != rejections[1] or len(labels) > 1:
        return True
    if one.mask_sha256 == other.mask_sha256 or all(rejections):
        return False
    polygons = one.review.polygons, other.review.polygons
    return not all(polygons) or _overlap(*polygons) < SAME_DICE


def _overlap(one: tuple[Polygon, ...], other: tuple[Polygon, ...]) -> float:
    """Dice of two sets of polygons, wherever on the scan they lie."""
    points = np.array([point for polygon in (*one, *other) for point in polygon])
    low = np.floor(points.min(axis=0))
    columns, rows = (int(side) for side in np.ceil(points.max(axis=0) - low))
    shape = (min(rows, 10_000), min(columns, 10_000))
    masks = [polygon_mask([np.asarray(p) - low for p in some], shape) for some in (one, other)]
    return float(2 * (masks[0] & masks[1]).sum() / max(1, masks[0].sum() + masks[1].sum()))


def _words(kept: KeptReview) -> str:
    label = f", {kept.review.label}" if kept.review.label else ""
    return kept.review.decision.replace("_", " ") + label
