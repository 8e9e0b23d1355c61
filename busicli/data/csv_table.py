"""CSV tables as Excel, pandas and people write them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from busicli.errors import InputError

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""First bytes of an .xlsx and of an .xls file."""
_ENCODINGS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""By the byte-order mark."""
_SEPARATORS = ",;\t|"
_INDEX = "unnamed:"
"""How pandas names the column in which it wrote its index, if at all."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row with something in it."""

    line: int
    """Of the file, from 1; the last one of a row over several lines."""
    cells: dict[str, str]
    """By column, without blanks around them."""


def read_rows(path: Path) -> tuple[Sequence[str], list[CsvRow]]:
    """Columns and rows of a table in UTF-8, UTF-16 or, with a byte-order mark, UTF-32.

    The separator is the comma, semicolon, tab or bar that the header has most of, or the one that
    Excel's line `sep=;` names. Empty rows, empty columns and the index of pandas are left out; a
    missing cell is empty. Raises InputError if it is not such a table.
    """
    lines = list(io.StringIO(_text(path), newline=""))
    separator, first = _separator(lines)
    reader = csv.reader(lines[first:], delimiter=separator, skipinitialspace=True, strict=True)
    try:
        found = [
            (first + reader.line_num, [cell.strip() for cell in cells])
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise InputError(
            f"{path}, line {first + reader.line_num} cannot be split into cells; check its quotes "
            "and save the table as CSV."
        ) from error
    header = found[0][1] if found else []
    for line, cells in found:
        if any(cells[len(header) :]):
            raise InputError(
                f"{path}, line {line} has {len(cells)} cells for {len(header)} columns; put a cell "
                "that holds the separator into quotes."
            )
    kept = [at for at, name in enumerate(header) if name and not name.lower().startswith(_INDEX)]
    if any(cells[at] for _, cells in found[1:] for at in range(1, len(cells)) if not header[at]):
        raise InputError(f"{path} has a column without a name; name it or remove it.")
    rows = [
        CsvRow(line, {header[at]: cells[at] if at < len(cells) else "" for at in kept})
        for line, cells in found[1:]
    ]
    return tuple(header[at] for at in kept), rows


def read_csv(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    """Columns and rows as of `read_rows`, without the numbers of lines."""
    columns, rows = read_rows(path)
    return columns, [row.cells for row in rows]


def _text(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith(_WORKBOOKS):
        raise InputError(f"{path} is a workbook; save its table as CSV in UTF-8.")
    try:
        return data.decode(_encoding(data))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a CSV table in UTF-8; save it as one.") from error


def _encoding(data: bytes) -> str:
    """By the byte-order mark, else by the NUL that UTF-16 has beside the first letter."""
    marked = (name for start, name in _ENCODINGS.items() if data.startswith(start))
    nuls = (data[:1] == b"\0", data[1:2] == b"\0")
    unmarked = {(True, False): "utf-16-be", (False, True): "utf-16-le"}.get(nuls, "utf-8-sig")
    return next(marked, unmarked)


def _separator(lines: Sequence[str]) -> tuple[str, int]:
    """The separator, and how many lines stand before the header."""
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    header = lines[first].strip() if lines else ""
    if header.lower().startswith("sep=") and len(header) == 5:
        return header[4], first + 1
    return max(_SEPARATORS, key=header.count), first
