"""Counts of prepared data, for the screen and for `dataset.json`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from busicli.types import SPLITS, Case, Doubt, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts of a finished preparation, for showing."""

    shapes: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    groups: int = 0
    grouped_scans: int = 0
    divided: int = 0
    """Groups that stand in more than one split: only where the split was asked for so."""
    objections: dict[str, int] = field(default_factory=dict)
    """Scans by the curators' objection; scans without one are not counted."""
    cut: int = 0
    """Scans that were cut to their ultrasound field."""
    doubts: dict[Doubt, tuple[str, ...]] = field(default_factory=dict)
    """Scans of which something was assumed."""
    mostly_lesion: tuple[str, ...] = ()
    """Scans of which more than half is lesion; their masks may be inverted."""


def labels_of(cases: Sequence[Case]) -> dict[str, dict[str, int]]:
    """How many scans of each class a split has."""
    return {
        split: dict(
            sorted(Counter(c.label or "unknown" for c in cases if c.split == split).items())
        )
        for split in SPLITS
    }


def objections_of(cases: Sequence[Case]) -> dict[str, int]:
    """How many scans carry each objection."""
    return dict(sorted(Counter(case.objection for case in cases if case.objection).items()))


def doubts_of(cases: Sequence[Case]) -> dict[Doubt, tuple[str, ...]]:
    """The scans with each doubt."""
    every: tuple[Doubt, ...] = get_args(Doubt)
    named = {
        doubt: tuple(f"{case.dataset}/{case.case}" for case in cases if doubt in case.doubts)
        for doubt in every
    }
    return {doubt: scans for doubt, scans in named.items() if scans}


def summary_of(cases: Sequence[Case], size: int) -> Summary:
    """The counts of cases at so many rows and columns, but for what only their masks tell."""

    def shape(split: Split) -> tuple[int, int, int, int]:
        return (sum(case.split == split for case in cases), size, size, 3)

    groups = Counter(case.group for case in cases)
    parts = Counter(group for group, _ in {(case.group, case.split) for case in cases})
    return Summary(
        shapes={split: shape(split) for split in SPLITS},
        labels=labels_of(cases),
        groups=sum(n > 1 for n in groups.values()),
        grouped_scans=sum(n for n in groups.values() if n > 1),
        divided=sum(n > 1 for n in parts.values()),
        objections=objections_of(cases),
        cut=sum(case.view is not None for case in cases),
        doubts=doubts_of(cases),
    )
