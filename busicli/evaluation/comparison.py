"""Two results on the same scans: paired, and how they differ, metric by metric."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.imaging.bootstrap import PairedDifference, paired_difference
from busicli.imaging.similarity import join_groups
from busicli.io.escaping import escape_csv_formula, first_few
from busicli.io.files import csv_bytes
from busicli.types import ImageScore

NAN = float("nan")
Pair = tuple[ImageScore, ImageScore]
"""One scan's scores in the first result and in the second."""

METRICS: Mapping[str, Callable[[ImageScore], float]] = {
    "dice": lambda s: s.dice if s.reference_area_px else NAN,
    "iou": lambda s: s.iou if s.reference_area_px else NAN,
    "hd95_px": lambda s: s.hd95_px,
    "dice_empty_is_1": lambda s: 1.0 if math.isnan(s.dice) else s.dice,
    "false_masks": lambda s: NAN if s.reference_area_px else float(s.predicted_area_px > 0),
}
"""What is compared, NaN where a scan does not count: Dice and IoU on scans with a lesion, HD95
where both masks hold one, false masks on scans without."""


Metrics = dict[str, PairedDifference]
"""By name, as in `METRICS`."""
_COLUMNS = tuple(f.name for f in fields(PairedDifference))


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """All metrics over all scans, by class and by data set."""

    all: dict[str, Metrics]
    """With the one key `all`."""
    by_class: dict[str, Metrics]
    by_dataset: dict[str, Metrics]

    @property
    def kinds(self) -> dict[str, dict[str, Metrics]]:
        """The three by name, `by_dataset` only if there are several data sets."""
        found = {"all": self.all, "by_class": self.by_class}
        return found | ({"by_dataset": self.by_dataset} if len(self.by_dataset) > 1 else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The scans of two results, and those that only one of them has, by name."""

    pairs: tuple[Pair, ...]
    """In the order of data set and case."""
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def pair_scores(a: Sequence[ImageScore], b: Sequence[ImageScore]) -> Paired:
    """Pair scans by data set and case.

    Raises InputError where a result has a scan twice, where none is in both, or where one was
    scored against another reference than in the other result, as far as its size tells.
    """
    ours, theirs = _by_name(a, "first"), _by_name(b, "second")
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        raise InputError(
            "no scan is in both results by data set and case "
            f"({_first_name(ours)} in the first, {_first_name(theirs)} in the second); "
            "score both against one reference."
        )
    pairs = tuple((ours[name], theirs[name]) for name in both)
    other = [
        _name(mine) for mine, yours in pairs if _reference_size(mine) != _reference_size(yours)
    ]
    if other:
        raise InputError(
            f"scans scored against another reference in the second result than in the first: "
            f"{len(other)} ({first_few(other)}); score both against one reference."
        )
    return Paired(
        pairs=pairs,
        only_a=tuple("/".join(name) for name in sorted(ours.keys() - theirs.keys())),
        only_b=tuple("/".join(name) for name in sorted(theirs.keys() - ours.keys())),
    )


def joined_groups(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """The group (N,) of each pair: scans that either result puts together stay together."""
    first_of: dict[int, int] = {}
    links = [(first_of.setdefault(mine.group, row), row) for row, (mine, _) in enumerate(pairs)]
    rows, columns = np.array(links, np.int64).reshape(-1, 2).T
    return join_groups((rows, columns), [str(theirs.group) for _, theirs in pairs])


def compare_pairs(pairs: Sequence[Pair], groups: NDArray[np.int64]) -> Differences:
    """Every metric over all scans, by class and by data set."""

    def by(names: Sequence[str]) -> dict[str, Metrics]:
        own = {name: np.array(names) == name for name in sorted(set(names))}
        return {name: _metrics(pairs, groups, rows) for name, rows in own.items()}

    return Differences(
        all=by(["all"] * len(pairs)),
        by_class=by([label_of(pair) for pair in pairs]),
        by_dataset=by([mine.dataset for mine, _ in pairs]),
    )


def hd95_left_out(pairs: Sequence[Pair]) -> int:
    """How many scans with a lesion have an HD95 in one result at most."""
    lesions = [(mine, theirs) for mine, theirs in pairs if mine.reference_area_px]
    return sum(math.isnan(mine.hd95_px + theirs.hd95_px) for mine, theirs in lesions)


def label_of(pair: Pair) -> str:
    """A scan's class, as the first result has it if it knows; `unknown` if neither does."""
    return pair[0].label or pair[1].label or "unknown"


def comparison_csv(found: Differences) -> bytes:
    """One row for each kind of scan and metric; an undefined one is an empty cell."""
    kinds = {"all": found.all, "class": found.by_class, "dataset": found.by_dataset}
    rows = (
        (kind, escape_csv_formula(name), metric, *map(_cell, astuple(row)))
        for kind, parts in kinds.items()
        for name, metrics in parts.items()
        for metric, row in metrics.items()
    )
    return csv_bytes([("kind", "name", "metric", *_COLUMNS), *rows])


def _by_name(scores: Sequence[ImageScore], which: str) -> dict[tuple[str, str], ImageScore]:
    found = {(score.dataset, score.case): score for score in scores}
    if len(found) < len(scores):
        raise InputError(f"the {which} result holds a scan twice; score its folder again.")
    return found


def _name(score: ImageScore) -> str:
    return f"{score.dataset}/{score.case}"


def _first_name(found: Mapping[tuple[str, str], ImageScore]) -> str:
    return "/".join(min(found)) if found else "nothing"


def _reference_size(score: ImageScore) -> tuple[int, int]:
    return score.reference_area_px, score.scan_px


def _metrics(pairs: Sequence[Pair], groups: NDArray[np.int64], rows: NDArray[np.bool_]) -> Metrics:
    own = [pair for pair, wanted in zip(pairs, rows, strict=True) if wanted]
    return {name: _compare(own, groups[rows], value) for name, value in METRICS.items()}


def _compare(
    pairs: Sequence[Pair], groups: NDArray[np.int64], value: Callable[[ImageScore], float]
) -> PairedDifference:
    a, b = (np.array([value(pair[which]) for pair in pairs], np.float64) for which in (0, 1))
    return paired_difference(a, b, groups)


def _cell(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.6g}"
