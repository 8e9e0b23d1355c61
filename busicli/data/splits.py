"""Splits scans into train, val and test, or folds, and keeps groups whole. Arrays only."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.settings import SplitSettings
from busicli.types import SPLITS, Split

_DRAWS = 20
"""Attempts: one draw for test may make val impossible, another may not."""


def split_counts(scans: int, settings: SplitSettings) -> dict[Split, int]:
    """How many scans each split gets: train floor(0.9 N), test a quarter of the rest, rounded up.

    >>> split_counts(780, SplitSettings())
    {'train': 702, 'val': 58, 'test': 20}
    """
    train = math.floor(scans * settings.train_share + 1e-9)
    rest = scans - train
    test = math.ceil(rest / 4)
    counts: dict[Split, int] = {"train": train, "val": rest - test, "test": test}
    if min(counts.values()) < 1:
        raise InputError(
            f"train, val and test get {train} / {rest - test} / {test} of {scans} in all; "
            "each needs at least one, so add scans."
        )
    return counts


def divide(
    groups: NDArray[np.int64], strata: Sequence[str], settings: SplitSettings
) -> NDArray[np.str_]:
    """The split (N,) of each scan: exact counts, whole groups, strata spread evenly.

    `groups` are (N,) int64, `strata` (class and data set) N strings. With `settings.by` "image"
    every scan is its own group and strata do not count: the plain random split. Raises InputError
    if the groups cannot give these counts exactly.
    """
    count = len(groups)
    wanted = split_counts(count, settings)
    rng = np.random.default_rng(settings.seed)
    if settings.by == "image":
        shuffled = np.repeat(np.array(SPLITS), [wanted[s] for s in SPLITS])
        return shuffled[np.argsort(rng.permutation(count))]
    _, stratum = np.unique(np.array(strata), return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    table = np.zeros((group.max() + 1, stratum.max() + 1), np.int64)
    np.add.at(table, (group, stratum), 1)
    for _ in range(_DRAWS):
        splits = _drawn(table, wanted, rng)
        if splits is not None:
            return splits[group]
    exactly = " / ".join(map(str, wanted.values()))
    raise InputError(
        f"no choice of whole groups gives splits of exactly {exactly} scans; "
        "add scans, or split without groups by --split-by image."
    )


def divide_into_folds(
    groups: NDArray[np.int64], strata: Sequence[str], folds: int, *, seed: int = 0
) -> NDArray[np.int64]:
    """The fold (N,) of each scan, from 1: whole groups, strata as even as groups allow.

    `groups` are (N,) int64, `strata` N strings. Groups are assigned in order of size, equal ones at
    random, each to the fold that has least of its strata; rare strata weigh more. Raises InputError
    for fewer groups than folds, or fewer than two folds.
    """
    known, group = np.unique(groups, return_inverse=True)
    if not 2 <= folds <= len(known):
        raise InputError(
            f"the number of folds is {folds}; it must be from 2 to that of the groups of scans, "
            f"{len(known)}."
        )
    _, stratum = np.unique(np.array(strata), return_inverse=True)
    table = np.zeros((len(known), stratum.max() + 1), np.int64)
    np.add.at(table, (group, stratum), 1)
    shares = table / (table.sum(axis=0) / folds)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table))
    order = order[np.argsort(-table.sum(axis=1)[order], kind="stable")]
    filled = np.zeros((folds, table.shape[1]))
    fold = np.zeros(len(table), np.int64)
    for position in order:
        growth = ((filled + shares[position]) ** 2 - filled**2).sum(axis=1)
        fold[position] = growth.argmin()
        filled[fold[position]] += shares[position]
    return fold[group] + 1


def _drawn(
    table: NDArray[np.int64], wanted: dict[Split, int], rng: np.random.Generator
) -> NDArray[np.str_] | None:
    """A split of each group of a (groups, strata) table of scans, or None if it does not fit."""
    splits = np.full(len(table), "train", dtype="<U5")
    free = np.ones(len(table), bool)
    for name in ("test", "val"):
        target = _shares(table.sum(axis=0), wanted[name])
        chosen = _fill(table, free, target, rng)
        if chosen is None:
            return None
        splits[chosen] = name
        free[chosen] = False
    return splits


def _shares(totals: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """`wanted` shared out in proportion to `totals` by largest remainder."""
    exact: NDArray[np.float64] = totals * wanted / totals.sum()
    shares = np.floor(exact).astype(np.int64)
    most_cut = np.argsort(-(exact - shares), kind="stable")
    shares[most_cut[: wanted - shares.sum()]] += 1
    return shares


def _fill(
    table: NDArray[np.int64],
    free: NDArray[np.bool_],
    target: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.int64] | None:
    """Groups, drawn at random, that fill `target`: stratum by stratum, then in number alone.

    Larger groups come first, up to their share of the scans, and single scans fill what is left:
    drawn together, the last places would fall to single scans, for they fit where no group does.
    """
    sizes = table.sum(axis=1)
    order = rng.permutation(np.flatnonzero(free))
    larger, single = order[sizes[order] > 1], order[sizes[order] == 1]
    room = target.sum() * sizes[larger].sum() / sizes[order].sum()
    remaining = target.copy()
    chosen: list[int] = []
    for group in (*larger, *single):
        size = sizes[group]
        if size > 1 and size > room and rng.random() * size >= room:
            room = 0  # a group on the edge of the share is in as often as it lies inside
        elif (table[group] <= remaining).all():
            remaining -= table[group]
            room -= size
            chosen.append(int(group))
    missing = int(remaining.sum())
    others = [int(group) for group in order if group not in set(chosen)]
    rest = _subset_of_sum(others, sizes, missing)
    if rest is None:  # start again without strata: exact numbers come first
        rest, chosen = _subset_of_sum([int(g) for g in order], sizes, int(target.sum())), []
    return None if rest is None else np.array(chosen + rest, np.int64)


def _subset_of_sum(groups: Sequence[int], sizes: NDArray[np.int64], total: int) -> list[int] | None:
    """The first groups found whose sizes add up to `total` exactly, or None."""
    reached: dict[int, list[int]] = {0: []}
    for group in groups:
        if total in reached:
            break
        size = int(sizes[group])
        for have in sorted(reached, reverse=True):
            if have + size <= total and have + size not in reached:
                reached[have + size] = [*reached[have], group]
    return reached.get(total)
