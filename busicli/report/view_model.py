"""What the page shows, as plain values; which kind of results they come from no longer matters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One image of a scan; links are relative to the page, or `data:`, or empty for none."""

    thumbnail: str = ""
    overlay: str = ""
    mask: str = ""
    lesions: tuple[tuple[str, ...], ...] = ()
    """Each lesion's measurements in the order of `Page.measures`; empty text where unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A few words on a scan that stands out."""

    kind: Literal["alarm", "caution", "quiet"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanView:
    """One scan as the page shows it."""

    name: str
    urgency: tuple[int, float]
    """Lower is worse: scans are looked at in this order, equal ones in the results' order."""
    line: str
    """What was found, in a few words."""
    origin: str = ""
    """The data set that it is from; empty where its name alone says where it belongs."""
    badge: Badge | None = None
    reason: str = ""
    """Why there is no mask; empty where there is one."""
    tags: tuple[str, ...] = ()
    """Which filters it passes."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Numbers in [0, 1] by name, for histograms and the card; an unknown one is left out."""
    size: tuple[int, float] | None = None
    """Of the largest lesion: 1 for millimetres or 0 for pixels, and how many."""
    facts: tuple[tuple[str, str], ...] = ()
    """What else is known, as label and text."""
    frames: tuple[Frame, ...] = ()
    first: int = 0
    """Which frame to show first, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How one of the scans' values is spread over [0, 1]."""

    value: str
    label: str
    mark: float | None = None
    """Where a line is drawn; None for none."""
    mark_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that the page says besides its scans."""

    title: str
    weights: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    """Sentences that whoever looks should read first."""
    filters: tuple[tuple[str, str], ...]
    """Tag and label; one that every scan passes is always there."""
    next_tag: str
    """The filter that the key for the next one to look at goes by."""
    score: str
    """Which of a scan's values stands on its card."""
    histograms: tuple[Histogram, ...]
    measures: tuple[tuple[str, str], ...]
    """Label and unit of each measurement of a lesion."""
    contours: tuple[tuple[str, str], ...]
    """Kind, `predicted` or `true`, and what it is called."""
    documents: tuple[tuple[str, Mapping[str, Any]], ...]
    """Title and content: settings, the weights' card."""
