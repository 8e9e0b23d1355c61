"""Reading what others publish: BUSI's folders, BUS-BRA's folders, anyone's table.

Each reader looks at names only and opens no picture. It returns the cases and the faults, so that
all faults of all data sets can be told at once.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from busicli.errors import InputError
from busicli.images import SUFFIXES
from busicli.mask_file import scan_stem_of_mask
from busicli.records import CLASSES, LESION_CLASSES, SPLITS, Failed, SourceCase

Found = tuple[list[SourceCase], list[Failed]]

_COLUMNS = ("scan", "masks", "class", "group", "split")


def read_folder(folder: Path, name: str) -> Found:
    """The cases of a folder in BUSI's or BUS-BRA's layout; `name` becomes their data set.

    Raises InputError where the folder is neither.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the folder of a data set.")
    if (folder / "bus_data.csv").is_file():
        return _busbra(folder, name)
    if any((folder / label).is_dir() for label in CLASSES):
        return _busi(folder, name)
    raise InputError(
        f"{folder} holds neither the folders {', '.join(CLASSES)} (BUSI's layout) nor bus_data.csv "
        "(BUS-BRA's); give such a folder, or describe your own data with --table."
    )


def read_table(table: Path, name: str) -> Found:
    """The cases of a CSV table with the columns scan, masks, class, group, split.

    Paths are relative to the table; several masks are separated by `;`. All but scan may be empty,
    except that split is given for every row or for none.
    """
    if not table.is_file():
        raise InputError(f"there is no table {table}; give a CSV file to --table.")
    rows = _table_rows(table)
    with_split = sum(bool(row["split"]) for row in rows)
    if with_split not in (0, len(rows)):
        raise InputError(
            f"{table} names a split in {with_split} of {len(rows)} rows; name it in all or in none."
        )
    cases: list[SourceCase] = []
    faults: list[Failed] = []
    for number, row in enumerate(rows, start=2):
        case = _table_case(table.parent, name, row)
        reasons = _row_faults(case, row)
        faults += [Failed(f"{table.name}, line {number}", reason) for reason in reasons]
        cases += [] if reasons else [case]
    return cases, faults


def _busi(folder: Path, name: str) -> Found:
    cases: list[SourceCase] = []
    faults: list[Failed] = []
    for label in CLASSES:
        pictures = _pictures(folder / label)
        masks: dict[str, list[Path]] = {}
        scans = [path for path in pictures if scan_stem_of_mask(path) is None]
        for path in pictures:
            if (stem := scan_stem_of_mask(path)) is not None:
                masks.setdefault(stem, []).append(path)
        for scan in scans:
            own = tuple(masks.pop(scan.stem, ()))
            if not own and label in LESION_CLASSES:
                faults.append(Failed(f"{label}/{scan.name}", f"has no mask {scan.stem}_mask.png"))
            else:
                cases.append(
                    SourceCase(dataset=name, case=scan.stem, label=label, scan=scan, masks=own)
                )
        for stray in (path for paths in masks.values() for path in paths):
            faults.append(Failed(f"{label}/{stray.name}", "is a mask without its scan"))
    return cases, faults


def _busbra(folder: Path, name: str) -> Found:
    columns, rows = _read_csv(folder / "bus_data.csv")
    if missing := {"ID", "Case", "Pathology"} - set(columns):
        raise InputError(
            f"{folder / 'bus_data.csv'} has no column {', '.join(sorted(missing))}; "
            "BUS-BRA's own table is needed."
        )
    cases: list[SourceCase] = []
    faults: list[Failed] = []
    for row in rows:
        scan = folder / "Images" / f"{row['ID']}.png"
        mask = folder / "Masks" / f"{row['ID'].replace('bus_', 'mask_', 1)}.png"
        if not scan.is_file() and not mask.is_file():
            continue  # the published table lists more scans than a part of the data holds
        gone = [path for path in (scan, mask) if not path.is_file()]
        faults += [Failed(f"{path.parent.name}/{path.name}", "is missing") for path in gone]
        if not gone:
            cases.append(
                SourceCase(
                    dataset=name,
                    case=row["ID"],
                    label=row["Pathology"],
                    scan=scan,
                    masks=(mask,),
                    group=row["Case"],
                    device=row.get("Device") or "",
                )
            )
    return cases, faults


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def _table_rows(table: Path) -> list[dict[str, str]]:
    columns, rows = _read_csv(table)
    if "scan" not in columns:
        raise InputError(
            f"{table} has no column scan but {', '.join(columns) or 'none'}; "
            f"it may have {', '.join(_COLUMNS)}."
        )
    if unknown := [column for column in columns if column not in _COLUMNS]:
        raise InputError(
            f"{table} has a column {unknown[0]}, which says nothing here; "
            f"rename it or leave it out: known are {', '.join(_COLUMNS)}."
        )
    return [{column: (row.get(column) or "").strip() for column in _COLUMNS} for row in rows]


def _read_csv(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            return reader.fieldnames or (), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV table in UTF-8; save it as one.") from error


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


def _row_faults(case: SourceCase, row: dict[str, str]) -> list[str]:
    if not row["scan"]:
        return ["names no scan"]
    reasons = [f"names {path.name}, which is no file" for path in _absent(case)]
    if case.label not in ("", *CLASSES):
        reasons.append(f"has the class {case.label}; known are {', '.join(CLASSES)}")
    if case.label in CLASSES and case.label != "normal" and not case.masks:
        reasons.append(f"is {case.label} but names no mask; name it, or leave the class empty")
    if case.split not in ("", *SPLITS):
        reasons.append(f"has the split {case.split}; known are {', '.join(SPLITS)}")
    return reasons


def _absent(case: SourceCase) -> Sequence[Path]:
    return [path for path in (case.scan, *case.masks) if not path.is_file()]
