"""What a run or an evaluation left, read back row by row."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, replace
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any

from busicli.errors import InputError
from busicli.io.escaping import escape_csv_formula
from busicli.io.files import open_regular, parse_json
from busicli.io.lesion_table import parse_lesion_cells
from busicli.io.run_record import RunRecord
from busicli.io.scan_results import ScanResult, parse_manifest_line
from busicli.types import ImageScore

Cells = dict[str, str]
"""A row of a table by column, as text."""
_PARSERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: lambda text: float(text or "nan"),
    bool: lambda text: text == "True",
    tuple[int, ...]: lambda text: tuple(map(int, text.split())),
}


def run_results(out: Path) -> Iterator[ScanResult]:
    """Each result of a run, from `manifest.jsonl` and `lesions.csv`, in the manifest's order.

    Memory holds one scan. Raises InputError where a line is damaged, or where the two files are not
    of one run.
    """
    rows = table_rows(out / "lesions.csv")
    for result, count in _manifest(out / "manifest.jsonl"):
        own = list(islice(rows, count))
        scan = escape_csv_formula(result.scan)
        if len(own) != count or any(cells.get("scan") != scan for cells in own):
            raise _not_of_one_run(out)
        yield replace(result, lesions=tuple(map(parse_lesion_cells, own)))
    if next(rows, None) is not None:
        raise _not_of_one_run(out)


def read_run_record(out: Path) -> RunRecord:
    """What stands in `run.json`; InputError where it is damaged or missing."""
    return RunRecord.from_json(document(out / "run.json"))


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
        with open_regular(path) as file, TextIOWrapper(file, "utf-8", newline="") as text:
            for cells in csv.DictReader(text, restval=""):
                if None in cells:  # more cells than columns
                    raise _damaged(path)
                yield cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _damaged(path) from error


def document(path: Path) -> dict[str, Any]:
    """A JSON object in a file; empty where there is no file, InputError where it is damaged."""
    if not path.is_file():
        return {}
    try:
        found = parse_json(path.read_bytes())
    except InputError as error:
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


def _manifest(path: Path) -> Iterator[tuple[ScanResult, int]]:
    with open_regular(path) as file:
        for line in file:
            try:
                yield parse_manifest_line(line)
            except InputError as error:
                raise _damaged(path) from error


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is damaged or of another version; run the same command again.")


def _not_of_one_run(out: Path) -> InputError:
    return InputError(
        f"manifest.jsonl and lesions.csv in {out} are not of one run; run segment-dir again."
    )
