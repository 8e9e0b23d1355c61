"""The table of lesions: a record to the cells of its row, and back."""

from collections.abc import Callable, Mapping
from dataclasses import astuple, fields
from typing import Any

from busicli.errors import InputError
from busicli.io.escaping import escape_csv_formula
from busicli.types import ClassProbabilities, Lesion, LesionMm

_PX_FIELDS = tuple(f for f in fields(Lesion) if f.name != "millimetres")
_MM_COLUMNS = tuple(f.name for f in fields(LesionMm))
LESION_COLUMNS = ("scan", *(f.name for f in _PX_FIELDS), *_MM_COLUMNS)
CLASS_COLUMNS = tuple(f"p_{f.name}" for f in fields(ClassProbabilities))
"""Of the lesion's scan, behind the others."""


def lesion_cells(scan: str, lesion: Lesion) -> dict[str, str]:
    """A row of `lesions.csv` by column: positions as `row column ...`, empty where unknown.

    A name that a spreadsheet would run is escaped.
    """
    values: dict[str, Any] = {"scan": escape_csv_formula(scan)}
    values |= {f.name: getattr(lesion, f.name) for f in _PX_FIELDS}
    values |= {name: getattr(lesion.millimetres, name, None) for name in _MM_COLUMNS}
    return {name: _cell(value) for name, value in values.items()}


def class_cells(classes: ClassProbabilities | None) -> dict[str, str]:
    """A scan's class probabilities by column, empty where the weights give none."""
    values = (None,) * len(CLASS_COLUMNS) if classes is None else astuple(classes)
    return dict(zip(CLASS_COLUMNS, map(_cell, values), strict=True))


def parse_lesion_cells(cells: Mapping[str, str]) -> Lesion:
    """The lesion of a row of `lesions.csv`; InputError where it is no such row."""
    try:
        known = {name: _number(cells[name]) for name in _MM_COLUMNS}
        unknown = known["area_mm2"] is None
        return Lesion(
            **{f.name: _PARSERS[f.type](cells[f.name]) for f in _PX_FIELDS},
            millimetres=None if unknown else LesionMm(**known),  # type: ignore[arg-type]
        )
    except (KeyError, ValueError) as error:
        raise InputError(
            "a row of lesions.csv is damaged or of another version; run segment-dir again."
        ) from error


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_cell, value))
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _number(text: str) -> float | None:
    return float(text) if text else None


_PARSERS: dict[Any, Callable[[str], Any]] = {
    int: int,
    float: float,
    float | None: _number,
    bool: lambda text: text == "true",
    tuple[int, int, int, int]: lambda text: tuple(map(int, text.split())),
    tuple[float, float]: lambda text: tuple(map(float, text.split())),
}
"""By the type of a lesion's value, how its cell is read."""
