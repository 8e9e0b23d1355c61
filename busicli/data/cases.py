"""The table of cases: `cases.csv` in a data folder."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from busicli.errors import InputError
from busicli.imaging.arrays import is_within
from busicli.io.escaping import escape_csv_formula, percent_escape
from busicli.io.files import atomic_text
from busicli.types import SPLITS, Case, Doubt, Fingerprint, Split, View

_VIEW = ("view_top", "view_left", "view_bottom", "view_right")
_CELLS: Mapping[str, Callable[[Case], object]] = {
    "case": lambda case: case.case,
    "dataset": lambda case: case.dataset,
    "class": lambda case: case.label,
    "split": lambda case: case.split,
    "group": lambda case: case.group,
    "index": lambda case: case.index,
    "scan": lambda case: case.sources[0],
    "masks": lambda case: ";".join(case.sources[1:]),
    "height": lambda case: case.height,
    "width": lambda case: case.width,
    "sha256": lambda case: case.fingerprint.sha256,
    "pixels_sha256": lambda case: case.fingerprint.pixels_sha256,
    "phash": lambda case: case.fingerprint.phash,
    "mask_sha256": lambda case: case.mask_sha256,
    "device": lambda case: case.device,
    "objection": lambda case: case.objection,
    "doubts": lambda case: ";".join(case.doubts),
}
"""What stands in each column; behind them come those of the view."""


def write_cases(path: Path, cases: Sequence[Case]) -> None:
    """One row a case, in order; names that a spreadsheet would run are escaped."""
    with atomic_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_CELLS, *_VIEW])
        for case in cases:
            view = case.view or (0, 0, case.height, case.width)
            writer.writerow([*(_cell(value(case)) for value in _CELLS.values()), *view])


def _cell(value: object) -> object:
    return escape_csv_formula(percent_escape(value)) if isinstance(value, str) else value


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a table; KeyError or ValueError where it is no such table."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            split = SPLITS[SPLITS.index(row["split"])]
            yield Case(
                case=row["case"],
                dataset=row["dataset"],
                label=row["class"],
                split=split,
                group=int(row["group"]),
                index=int(row["index"]),
                height=int(row["height"]),
                width=int(row["width"]),
                fingerprint=Fingerprint(
                    sha256=row["sha256"], pixels_sha256=row["pixels_sha256"], phash=row["phash"]
                ),
                mask_sha256=row["mask_sha256"],
                device=row.get("device") or "",  # older tables have fewer columns
                objection=row.get("objection") or "",
                doubts=_doubts(row.get("doubts") or ""),
                view=_view(row),
                sources=(row["scan"], *filter(None, row["masks"].split(";"))),
            )


def _doubts(text: str) -> tuple[Doubt, ...]:
    known: tuple[Doubt, ...] = get_args(Doubt)
    return tuple(doubt for doubt in known if doubt in text.split(";"))


def _view(row: dict[str, str]) -> View | None:
    if not row.get(_VIEW[0]):
        return None
    top, left, bottom, right = (int(row[column]) for column in _VIEW)
    height, width = int(row["height"]), int(row["width"])
    if not is_within((top, left, bottom, right), (height, width)):
        raise ValueError
    whole = (top, left, bottom, right) == (0, 0, height, width)
    return None if whole else (top, left, bottom, right)


def read_splits(table: Path) -> dict[str, Split]:
    """The split of each scan by pixels_sha256, from a `cases.csv` or any table with these columns.

    This reuses a published split, whatever the names of files and folders.
    """
    if not table.is_file():
        raise InputError(f"there is no table {table}; give a cases.csv that preprocess wrote.")
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        pairs = {(row["pixels_sha256"], SPLITS[SPLITS.index(row["split"])]) for row in rows}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{table} is not a table with the columns pixels_sha256 and split; give a cases.csv."
        ) from error
    if len(pairs) > len({pixels for pixels, _ in pairs}):
        raise InputError(
            f"{table} has identical scans in different splits; give each image one split."
        )
    return dict(pairs)
