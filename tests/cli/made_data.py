"""Prepared data read back, and data sets to prepare."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image


def rows(data: Path) -> list[dict[str, str]]:
    with (data / "cases.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def grey(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


def native(data: Path, row: dict[str, str]) -> np.ndarray:
    return grey(data / row["split"] / "native" / f"{int(row['index']):06d}.png")
