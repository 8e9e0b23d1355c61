"""The scans of a data set: a folder in a published layout, or a table."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from busicli.data.class_folders import class_files, class_of, read_classes
from busicli.data.csv_table import CsvRow, read_rows
from busicli.data.layouts import breast_tables, read_breast, read_busbra
from busicli.errors import InputError
from busicli.io.mask_names import stem_of
from busicli.types import CLASSES, SPLITS, Failed, Found, SourceCase

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
    if files := class_files(folder):
        return read_classes(files, name)
    if any(class_of(PurePosixPath(path.name)) for path in folder.iterdir() if path.is_dir()):
        return [], []  # the folders of classes are empty
    raise InputError(
        f"{folder} has neither the folders {', '.join(CLASSES)} (BUSI's layout) nor bus_data.csv "
        "(BUS-BRA's) nor the clinical table of BrEaST; give such a folder, or describe your own "
        "data with --table."
    )


def read_table(table: Path, name: str) -> Found:
    """The cases of a CSV table with the columns scan, masks, class, group, split, in any case.

    Paths are relative to the table, with either slash; several masks are separated by `;`. All but
    scan may be empty, except that split must be given for every row or for none.
    """
    if not table.is_file():
        raise InputError(f"there is no table {table}; give a CSV file to --table.")
    rows = _table_rows(table)
    with_split = sum(bool(row.cells["split"]) for row in rows)
    if with_split not in (0, len(rows)):
        raise InputError(
            f"{table} has a split in {with_split} of {len(rows)} rows; give one in all or in none."
        )
    cases: list[SourceCase] = []
    errors: list[Failed] = []
    for row in rows:
        case = _table_case(table.parent, name, row.cells)
        reasons = _row_errors(case, row.cells)
        errors += [Failed(f"{table.name}, line {row.line}", reason) for reason in reasons]
        cases += [] if reasons else [case]
    return cases, errors


def _table_rows(table: Path) -> list[CsvRow]:
    named, rows = read_rows(table)
    columns = {name.casefold(): name for name in named}
    if "scan" not in columns:
        raise InputError(
            f"{table} has no column scan, but {', '.join(named) or 'none'}; "
            f"the columns may be {', '.join(_COLUMNS)}."
        )
    if unknown := [own for name, own in columns.items() if name not in _COLUMNS]:
        raise InputError(
            f"{table} has an unknown column {unknown[0]}; "
            f"rename or remove it: known are {', '.join(_COLUMNS)}."
        )
    if len(columns) < len(named):
        raise InputError(f"{table} has two columns of one name ({', '.join(named)}); rename one.")
    return [
        CsvRow(row.line, {name: row.cells.get(columns.get(name, ""), "") for name in _COLUMNS})
        for row in rows
    ]


def _table_case(base: Path, name: str, row: dict[str, str]) -> SourceCase:
    scan = _path(base, row["scan"])
    parts = (part.strip() for part in row["masks"].split(";"))
    return SourceCase(
        dataset=name,
        case=str(scan.with_name(stem_of(scan.name))) if scan.name else "",
        label=row["class"].casefold(),
        scan=base / scan,
        masks=tuple(base / _path(base, part) for part in parts if part),
        group=row["group"],
        split=row["split"].casefold(),
    )


def _path(base: Path, text: str) -> Path:
    """A path of a table; backslashes are slashes, unless a file has them in its name."""
    path = Path(text)
    return (
        path if "\\" not in text or (base / path).exists() else Path(*PureWindowsPath(text).parts)
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
