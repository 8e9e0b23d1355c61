"""What a run or an evaluation left behind, read back row by row."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from busicli.errors import InputError
from busicli.io.escaping import escape_csv_formula
from busicli.types import ImageScore

Row = dict[str, Any]
Cells = dict[str, str]
"""A row of a table by column, as text."""
_PARSERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: lambda text: float(text or "nan"),
    bool: lambda text: text == "True",
    tuple[int, ...]: lambda text: tuple(map(int, text.split())),
}


def run_rows(out: Path) -> Iterator[tuple[Row, list[Cells]]]:
    """Each row of `manifest.jsonl` with its lesions of `lesions.csv`, in the manifest's order.

    Memory holds one scan. Raises InputError where a line is no row, or where the two tables are
    not of one run.
    """
    lesions = table_rows(out / "lesions.csv")
    for row in _manifest(out / "manifest.jsonl"):
        own = [cells for _, cells in zip(range(row.get("lesions") or 0), lesions, strict=False)]
        if len(own) != (row.get("lesions") or 0) or any(
            cells.get("scan") != escape_csv_formula(row["scan"]) for cells in own
        ):
            raise _not_of_one_run(out)
        yield row, own
    if next(lesions, None) is not None:
        raise _not_of_one_run(out)


def read_scores(out: Path) -> list[ImageScore]:
    """The rows of `per_image.csv` in a folder that `eval` wrote; other columns are passed over.

    Raises InputError where there is none, or where it is damaged.
    """
    path = out / "per_image.csv"
    if not path.is_file():
        raise InputError(f"{out} holds no per_image.csv; name a folder that busicli eval wrote.")
    try:
        return [_score(cells) for cells in table_rows(path)]
    except (KeyError, ValueError) as error:
        raise _damaged(path) from error


def table_rows(path: Path) -> Iterator[Cells]:
    """The rows of a CSV table in UTF-8; InputError where it cannot be read as one."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for cells in csv.DictReader(file, restval=""):
                if None in cells:  # more cells than columns
                    raise _damaged(path)
                yield cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _damaged(path) from error


def columns_of(path: Path) -> tuple[str, ...]:
    """The names in a table's first line; () for an empty file."""
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(next(csv.reader(file), ()))


def document(path: Path) -> Row:
    """A JSON object in a file; empty where there is no file, InputError where it is damaged."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def _score(cells: Cells) -> ImageScore:
    """A row of scores; a column that came later, and has a default, may be missing."""
    values: dict[str, Any] = {}
    for field in fields(ImageScore):
        column = "class" if field.name == "label" else field.name
        if column in cells or field.default is MISSING:
            values[field.name] = _PARSERS[field.type](cells[column])
    return ImageScore(**values)


def _manifest(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for line in file:
            try:
                row = json.loads(line)
            except ValueError as error:
                raise _damaged(path) from error
            if not (isinstance(row, dict) and {"scan", "status"} <= set(row)):
                raise _damaged(path)
            yield row


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is damaged or of another version; run the same command again.")


def _not_of_one_run(out: Path) -> InputError:
    return InputError(
        f"manifest.jsonl and lesions.csv in {out} are not of one run; run segment-dir again."
    )
