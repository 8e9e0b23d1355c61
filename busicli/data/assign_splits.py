"""Assigns a split and a group to each scan of a data folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from busicli.data.cases import read_splits
from busicli.data.objections import objection_by_pixels
from busicli.data.prepare_case import PreparedCase
from busicli.data.splits import divide
from busicli.errors import InputError
from busicli.imaging.similarity import join_groups, near_copies
from busicli.settings import SplitSettings
from busicli.types import SPLITS, Case, Split


@dataclass(frozen=True, slots=True)
class LoadedCases:
    """What stays in memory of the scans after their pixels are on disk."""

    cases: list[PreparedCase]
    """With empty images, masks and thumbnails."""
    thumbnails: NDArray[np.float32]
    """(N, 4096)."""


def assign_splits(
    read: LoadedCases, settings: SplitSettings, split_from: Path | None
) -> list[Case]:
    """The cases with group, split and index within the split, in the order of reading."""
    hashes = [case.fingerprint.phash for case in read.cases]
    patients = [
        f"{c.source.dataset}/{c.source.group}" if c.source.group else "" for c in read.cases
    ]
    groups = join_groups(near_copies(read.thumbnails, hashes), patients)
    splits = _splits(read.cases, groups, settings, split_from)
    positions = _positions(splits, np.random.default_rng((settings.seed, 1)))
    return [
        _case(prepared, splits[i], int(groups[i]), int(positions[i]))
        for i, prepared in enumerate(read.cases)
    ]


def _splits(
    cases: Sequence[PreparedCase],
    groups: NDArray[np.int64],
    settings: SplitSettings,
    split_from: Path | None,
) -> list[Split]:
    """Splits from the table given, else from the data sets' own tables, else drawn at random."""
    if split_from is not None:
        known = read_splits(split_from)
        unknown = sum(case.fingerprint.pixels_sha256 not in known for case in cases)
        if unknown:
            raise InputError(
                f"{unknown} of {len(cases)} scans are not in {split_from}; "
                "give the table of this data, or leave out --split-from."
            )
        return [known[case.fingerprint.pixels_sha256] for case in cases]
    if any(case.source.split for case in cases):
        return [SPLITS[SPLITS.index(case.source.split)] for case in cases]
    strata = [f"{case.source.dataset}/{case.source.label}" for case in cases]
    return [SPLITS[SPLITS.index(split)] for split in divide(groups, strata, settings).tolist()]


def _positions(splits: Sequence[Split], rng: np.random.Generator) -> NDArray[np.int64]:
    """Each scan's index in its split's arrays, shuffled."""
    order = rng.permutation(len(splits))
    positions = np.zeros(len(order), np.int64)
    for split in SPLITS:
        members = [i for i in order if splits[i] == split]
        positions[members] = np.arange(len(members))
    return positions


def _case(prepared: PreparedCase, split: Split, group: int, index: int) -> Case:
    source = prepared.source
    base = source.scan.parent.parent
    paths = (source.scan, *source.masks)
    return Case(
        case=source.case,
        dataset=source.dataset,
        label=source.label,
        split=split,
        group=group,
        index=index,
        device=source.device,
        objection=objection_by_pixels(prepared.fingerprint.pixels_sha256) or source.objection,
        view=prepared.view,
        doubts=prepared.doubts,
        height=prepared.shape[0],
        width=prepared.shape[1],
        fingerprint=prepared.fingerprint,
        mask_sha256=prepared.mask_sha256,
        sources=tuple(
            p.relative_to(base).as_posix() if base in p.parents else p.name for p in paths
        ),
    )
