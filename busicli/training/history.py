"""`history.csv`: the metrics of every epoch; what was not measured is an empty cell."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from busicli.io.files import atomic_write

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
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = (f"{row[name]:.6g}" if name in row else "" for name in COLUMNS[1:])
        writer.writerow([int(row["epoch"]), *cells])
    atomic_write(path, text.getvalue().encode())


def read_history(path: Path) -> list[Row]:
    """The rows of `history.csv`; none where the file does not exist yet."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(file)
        ]
