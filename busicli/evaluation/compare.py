"""Two evaluations of the same scans, compared: which is better, by how much, how surely."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from busicli.evaluation.comparison import (
    Differences,
    Pair,
    compare_pairs,
    comparison_csv,
    hd95_left_out,
    joined_groups,
    label_of,
    pair_scores,
)
from busicli.evaluation.records import to_json
from busicli.imaging.bootstrap import FLIPS, PairedDifference
from busicli.io.escaping import percent_escape
from busicli.io.files import atomic_write, write_json
from busicli.plots.comparison import comparison_plot
from busicli.report.reading import read_scores

PROTOCOL = {
    "scans": "those of both results, paired by data set and case",
    "groups": "scans that either result puts into one group (near copies, a patient) stay together",
    "interval": "B - A: bootstrap 95 % percentile interval over groups, 2,000 resamples",
    "p_value": "two-sided, by flipping the signs of whole groups' differences: every choice of "
    f"signs up to 13 groups, {FLIPS:,} random ones beyond; not corrected for how many are given",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """Which evaluations to compare."""

    a: Path
    b: Path
    out: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two evaluations side by side, as `compare.json` holds them."""

    a: str
    """Folder of the first, `b` of the second."""
    b: str
    protocol: dict[str, str] = field(default_factory=lambda: PROTOCOL)
    scans: int
    """In both."""
    groups: int
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]
    hd95_left_out: int
    """Scans with a lesion whose HD95 is undefined in one of them at least."""
    seen_in_training: dict[str, int]
    """By `a` and `b`, how many scans or near copies the weights have trained on."""
    differences: Differences = field(metadata={"json": ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOutcome:
    """What was found, and where it stands."""

    comparison: Comparison
    out: Path


def compare(request: CompareRequest) -> CompareOutcome:
    """Write `compare.json`, `compare.csv`, `compare.png` and `compare.svg`.

    Raises InputError where a folder is of no evaluation, or the two cannot be compared.
    """
    paired = pair_scores(read_scores(request.a), read_scores(request.b))
    groups = joined_groups(paired.pairs)
    a, b = (percent_escape(folder.resolve().name) for folder in (request.a, request.b))
    found = Comparison(
        a=percent_escape(request.a),
        b=percent_escape(request.b),
        scans=len(paired.pairs),
        groups=len(set(groups.tolist())),
        only_in_a=paired.only_a,
        only_in_b=paired.only_b,
        hd95_left_out=hd95_left_out(paired.pairs),
        seen_in_training=_seen(paired.pairs),
        differences=compare_pairs(paired.pairs, groups),
    )
    out = request.out or Path("eval") / f"{a}-and-{b}"
    plot = comparison_plot((a, b), _points(paired.pairs), _effects(found.differences))
    write_json(out / "compare.json", to_json(found))
    atomic_write(out / "compare.csv", comparison_csv(found.differences))
    plot.write(out / "compare")
    return CompareOutcome(comparison=found, out=out)


def _seen(pairs: Sequence[Pair]) -> dict[str, int]:
    """How many of the scans each result's weights had trained on, or on a near copy."""
    return {name: sum(bool(pair[which].seen) for pair in pairs) for which, name in enumerate("ab")}


def _points(pairs: Sequence[Pair]) -> dict[str, NDArray[np.float64]]:
    """Dice of both on the scans with a lesion, by class."""
    found: dict[str, list[tuple[float, float]]] = {}
    for mine, theirs in pairs:
        if mine.reference_area_px:
            found.setdefault(label_of((mine, theirs)), []).append((mine.dice, theirs.dice))
    return {label: np.array(found[label], np.float64) for label in sorted(found)}


def _effects(found: Differences) -> list[tuple[str, PairedDifference]]:
    """Dice over all scans with a lesion, by class, and by data set where there are several."""
    rows = [(name, m["dice"]) for parts in found.kinds.values() for name, m in parts.items()]
    return [(name, row) for name, row in rows if row.scans]
