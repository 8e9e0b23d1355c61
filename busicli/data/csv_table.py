"""A CSV table in UTF-8, with or without a byte-order mark."""

import csv
from collections.abc import Sequence
from pathlib import Path

from busicli.errors import InputError


def read_csv(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    """Columns and rows; a missing cell is empty. Raises InputError if it is not a CSV table."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            return reader.fieldnames or (), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV table in UTF-8; save it as one.") from error
