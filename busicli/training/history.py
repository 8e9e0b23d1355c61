"""`history.csv`: the metrics of every epoch; what was not measured is an empty cell."""

import csv
from collections.abc import Sequence
from pathlib import Path

from busicli.io.files import atomic_write, csv_bytes

METRICS = ("Loss", "Dice_coef", "Recall", "Precision", "Accuracy", "F1_score")
COLUMNS = (
    "epoch",
    *METRICS,
    *(f"val_{name}" for name in METRICS),
    "objective",
    "val_objective",
    "learning_rate",
    "size_px",
    "seconds",
)
Row = dict[str, float]


def write_history(path: Path, rows: Sequence[Row]) -> None:
    """Rewrite the whole file; six significant digits, so that equal runs give equal files."""
    cells = (
        [int(row["epoch"]), *(f"{row[n]:.6g}" if n in row else "" for n in COLUMNS[1:])]
        for row in rows
    )
    atomic_write(path, csv_bytes([COLUMNS, *cells]))


def read_history(path: Path) -> list[Row]:
    """The rows of `history.csv`; none where the file does not exist yet."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(file)
        ]
