"""Readers of the layouts in which BUS-BRA and BrEaST are published.

Each reader looks only at names and opens no image. It returns cases and errors, so that all errors
of all data sets can be reported at once.
"""

from collections.abc import Sequence
from pathlib import Path

from busicli.data.csv_table import read_csv
from busicli.errors import InputError
from busicli.types import CLASSES, LESION_CLASSES, Failed, Found, SourceCase


def read_busbra(folder: Path, name: str) -> Found:
    """`bus_data.csv` with `Images/bus_ID.png` and `Masks/mask_ID.png`; a `Case` is a patient."""
    columns, rows = read_csv(folder / "bus_data.csv")
    if missing := {"ID", "Case", "Pathology"} - set(columns):
        raise InputError(
            f"{folder / 'bus_data.csv'} has no column {', '.join(sorted(missing))}; "
            "BUS-BRA's own table is needed."
        )
    cases: list[SourceCase] = []
    errors: list[Failed] = []
    for row in rows:
        scan = folder / "Images" / f"{row['ID']}.png"
        mask = folder / "Masks" / f"{row['ID'].replace('bus_', 'mask_', 1)}.png"
        missing_files = _missing((scan, mask))
        if missing_files is None:
            continue
        errors += missing_files
        if not missing_files:
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
    return cases, errors


def breast_tables(folder: Path) -> list[Path]:
    """The clinical tables of BrEaST in a folder, as CSV or as the published workbook."""
    return sorted(
        path
        for path in folder.glob("BrEaST*clinical*")
        if path.suffix.lower() in (".csv", ".xlsx") and path.is_file()
    )


def read_breast(folder: Path, name: str) -> Found:
    """The clinical table as CSV and the folder of images; only tumour masks are used.

    `_other` masks show structures that are not lesions. A normal scan has no mask. Each `CaseID`
    is a patient with one scan.
    """
    table = _breast_csv(folder)
    columns, rows = read_csv(table)
    if missing := {"CaseID", "Image_filename", "Mask_tumor_filename", "Classification"} - set(
        columns
    ):
        raise InputError(
            f"{table} has no column {', '.join(sorted(missing))}; "
            "the clinical table that BrEaST publishes is needed."
        )
    images = _breast_images(folder)
    cases: list[SourceCase] = []
    errors: list[Failed] = []
    for row in rows:
        found = _breast_case(row, images, name)
        if isinstance(found, SourceCase):
            cases.append(found)
        else:
            errors += found
    return cases, errors


def _breast_csv(folder: Path) -> Path:
    tables = breast_tables(folder)
    found = [path for path in tables if path.suffix.lower() == ".csv"]
    if not found:
        raise InputError(
            f"{tables[0]} is a workbook; save its table beside it as CSV in UTF-8, with the same "
            "name and the suffix .csv."
        )
    if len(found) > 1:
        raise InputError(
            f"{folder} holds {len(found)} clinical tables ({', '.join(p.name for p in found)}); "
            "keep only one there."
        )
    return found[0]


def _breast_images(folder: Path) -> Path:
    found = [path for path in sorted(folder.glob("BrEaST*images*")) if path.is_dir()]
    if len(found) != 1:
        raise InputError(
            f"{folder} holds {len(found)} folders of BrEaST's images; keep only one there, such as "
            "BrEaST-Lesions_USG-images_and_masks."
        )
    return found[0]


def _breast_case(row: dict[str, str], images: Path, name: str) -> SourceCase | list[Failed]:
    """One row's case, or its errors; no error if none of its files is there."""
    if not row["Image_filename"]:
        return []
    scan = images / row["Image_filename"]
    masks = tuple(
        images / part.strip() for part in row["Mask_tumor_filename"].split("&") if part.strip()
    )
    missing = _missing((scan, *masks))
    if missing is None or missing:
        return missing or []
    what, label = f"{images.name}/{scan.name}", row["Classification"]
    if label not in CLASSES:
        return [Failed(what, f"has the class {label}; known are {', '.join(CLASSES)}")]
    if label in LESION_CLASSES and not masks:
        return [Failed(what, f"is {label} but the table names no tumour mask")]
    return SourceCase(
        dataset=name, case=scan.stem, label=label, scan=scan, masks=masks, group=row["CaseID"]
    )


def _missing(files: Sequence[Path]) -> list[Failed] | None:
    """Errors for missing files; None if all are missing, as a published table may list more scans
    than the folder holds.
    """
    gone = [path for path in files if not path.is_file()]
    if len(gone) == len(files):
        return None
    return [Failed(f"{path.parent.name}/{path.name}", "is missing") for path in gone]
