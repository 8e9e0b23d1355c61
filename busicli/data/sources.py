"""The scans of a data set: a folder in a published layout, or a table."""

from collections.abc import Sequence
from pathlib import Path

from busicli.data.csv_table import read_csv
from busicli.data.layouts import Found, breast_tables, read_breast, read_busbra, read_busi
from busicli.errors import InputError
from busicli.types import CLASSES, SPLITS, Failed, SourceCase

_COLUMNS = ("scan", "masks", "class", "group", "split")


def read_folder(folder: Path, name: str) -> Found:
    """The cases of a folder in the layout of BUSI, BUS-BRA or BrEaST; `name` is the data set.

    Raises InputError for any other layout.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the folder of a data set.")
    if (folder / "bus_data.csv").is_file():
        return read_busbra(folder, name)
    if breast_tables(folder):
        return read_breast(folder, name)
    if any((folder / label).is_dir() for label in CLASSES):
        return read_busi(folder, name)
    raise InputError(
        f"{folder} has neither the folders {', '.join(CLASSES)} (BUSI's layout) nor bus_data.csv "
        "(BUS-BRA's) nor the clinical table of BrEaST; give such a folder, or describe your own "
        "data with --table."
    )


def read_table(table: Path, name: str) -> Found:
    """The cases of a CSV table with the columns scan, masks, class, group, split.

    Paths are relative to the table; several masks are separated by `;`. All but scan may be empty,
    except that split must be given for every row or for none.
    """
    if not table.is_file():
        raise InputError(f"there is no table {table}; give a CSV file to --table.")
    rows = _table_rows(table)
    with_split = sum(bool(row["split"]) for row in rows)
    if with_split not in (0, len(rows)):
        raise InputError(
            f"{table} has a split in {with_split} of {len(rows)} rows; give one in all or in none."
        )
    cases: list[SourceCase] = []
    errors: list[Failed] = []
    for number, row in enumerate(rows, start=2):
        case = _table_case(table.parent, name, row)
        reasons = _row_errors(case, row)
        errors += [Failed(f"{table.name}, line {number}", reason) for reason in reasons]
        cases += [] if reasons else [case]
    return cases, errors


def _table_rows(table: Path) -> list[dict[str, str]]:
    columns, rows = read_csv(table)
    if "scan" not in columns:
        raise InputError(
            f"{table} has no column scan, but {', '.join(columns) or 'none'}; "
            f"the columns may be {', '.join(_COLUMNS)}."
        )
    if unknown := [column for column in columns if column not in _COLUMNS]:
        raise InputError(
            f"{table} has an unknown column {unknown[0]}; "
            f"rename or remove it: known are {', '.join(_COLUMNS)}."
        )
    return [{column: (row.get(column) or "").strip() for column in _COLUMNS} for row in rows]


def _table_case(base: Path, name: str, row: dict[str, str]) -> SourceCase:
    scan = Path(row["scan"])
    masks = tuple(base / part.strip() for part in row["masks"].split(";") if part.strip())
    return SourceCase(
        dataset=name,
        case=str(scan.with_suffix("")) if scan.name else "",
        label=row["class"],
        scan=base / scan,
        masks=masks,
        group=row["group"],
        split=row["split"],
    )


def _row_errors(case: SourceCase, row: dict[str, str]) -> list[str]:
    if not row["scan"]:
        return ["names no scan"]
    reasons = [f"names {path.name}, which is not a file" for path in _absent(case)]
    if case.label not in ("", *CLASSES):
        reasons.append(f"has the class {case.label}; known are {', '.join(CLASSES)}")
    if case.label in CLASSES and case.label != "normal" and not case.masks:
        reasons.append(f"is {case.label} but names no mask; name it, or leave the class empty")
    if case.split not in ("", *SPLITS):
        reasons.append(f"has the split {case.split}; known are {', '.join(SPLITS)}")
    return reasons


def _absent(case: SourceCase) -> Sequence[Path]:
    return [path for path in (case.scan, *case.masks) if not path.is_file()]
