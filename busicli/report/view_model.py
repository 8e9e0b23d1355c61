"""What the page shows, as plain values, whichever results they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from busicli.types import Polygon


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One image of a scan; links are relative to the page, or `data:`, or empty for none."""

    thumbnail: str = ""
    overlay: str = ""
    mask: str = ""
    image: str = ""
    """The scan alone, at its own size."""
    probability: str = ""
    mask_sha256: str = ""
    polygons: tuple[Polygon, ...] = ()
    """Contours of its lesions in pixels of the scan."""
    decision: str = ""
    """What the results hold of a person's decision."""
    lesions: tuple[tuple[str, ...], ...] = ()
    """Each lesion's measurements in the order of `Page.measures`; empty text where unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A few words on a scan that stands out."""

    kind: Literal["alarm", "caution", "quiet"]
    text: str
    title: str = ""
    """What the words leave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanView:
    """One scan as the page shows it."""

    name: str
    urgency: tuple[int, float]
    """Lower is worse: scans are shown in this order, equal ones in the results' order."""
    line: str
    """What was found, in a few words."""
    origin: str = ""
    """Its data set; empty where the name says enough."""
    badge: Badge | None = None
    reason: str = ""
    """Why there is no mask; empty where there is one."""
    tags: tuple[str, ...] = ()
    """Which filters it passes."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Numbers in [0, 1] by name, for histograms and the card; unknown ones are left out."""
    size: tuple[int, float] | None = None
    """Of the largest lesion: 1 for millimetres or 0 for pixels, and its length."""
    facts: tuple[tuple[str, str], ...] = ()
    """What else is known, as label and text."""
    sha256: str = ""
    """Of the scan's file, where it can be reviewed."""
    reviewed: Mapping[str, str] | None = None
    """What the results hold of a person's review."""
    frames: tuple[Frame, ...] = ()
    first: int = 0
    """Which frame to show first, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """The distribution of one of the scans' values over [0, 1]."""

    value: str
    label: str
    mark: float | None = None
    """Where a line is drawn; None for none."""
    mark_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that the page shows besides its scans."""

    title: str
    weights: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    """Sentences to read first."""
    filters: tuple[tuple[str, str], ...]
    """Tag and label; a filter for all scans is always there."""
    next_tag: str
    """The filter of the key that opens the next scan to look at."""
    score: str
    """Which of a scan's values its card shows."""
    histograms: tuple[Histogram, ...]
    measures: tuple[tuple[str, str], ...]
    """Label and unit of each measurement of a lesion."""
    contours: tuple[tuple[str, str], ...]
    """Kind, `predicted` or `reference`, and its label."""
    documents: tuple[tuple[str, Mapping[str, Any]], ...]
    """Title and content: settings, the weights' card."""
    run: str = ""
    """Id of the run whose scans can be reviewed; empty where nothing can."""
