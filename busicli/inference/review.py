"""Why a person should look at a frame first: the one place of this rule."""

from dataclasses import dataclass
from typing import Literal, get_args

from busicli.settings import ConfidenceSettings
from busicli.types import ClassProbabilities

Reason = Literal[
    "rest of the image missing",
    "low confidence",
    "uncertain greys",
    "no certain ultrasound field",
    "unlike the training scans",
    "several candidates",
    "lesion at the border",
    "class uncertain",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""In the order in which they are given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """When a frame needs a person; the threshold of the confidence stands in the weights' card."""

    reasons: tuple[Reason, ...] = REASONS
    """Those that count; any of them asks for a review."""
    rival_share: float = 0.5
    """Share of the best component's score from which another component is a candidate too."""
    class_certain: float = 0.6
    """Probability that the likeliest class has at least where the class is certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a frame's result."""

    confidence: float | None
    """Lowest of its views; None where the weights give none."""
    certain_greys: bool
    certain_field: bool
    candidates: int
    """Most components in one view whose scores are alike."""
    at_border: bool
    """Whether a lesion reaches the border of its view."""
    classes: ClassProbabilities | None = None
    """None where the network gives none."""
    cut_short: bool = False
    """Whether the file's last rows seem to be missing."""
    unlike: bool = False
    """Whether a view is unlike the training scans."""


def why_review(
    evidence: Evidence, trust: ConfidenceSettings | None, settings: ReviewSettings
) -> tuple[Reason, ...]:
    """The reasons why a person should look first; empty where there is none."""
    confidence, classes = evidence.confidence, evidence.classes
    holds: dict[Reason, bool] = {
        "rest of the image missing": evidence.cut_short,
        "low confidence": trust is not None
        and confidence is not None
        and confidence < trust.review_below,
        "uncertain greys": not evidence.certain_greys,
        "no certain ultrasound field": not evidence.certain_field,
        "unlike the training scans": evidence.unlike,
        "several candidates": evidence.candidates > 1,
        "lesion at the border": evidence.at_border,
        "class uncertain": classes is not None
        and max(classes.normal, classes.benign, classes.malignant) < settings.class_certain,
    }
    return tuple(reason for reason in REASONS if holds[reason] and reason in settings.reasons)
