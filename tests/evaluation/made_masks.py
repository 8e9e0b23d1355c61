"""Small masks to score, and what is read of their scores."""

import csv
import os

import numpy as np

from busicli.io.images import encode_mask

TRUE = np.zeros((4, 6), bool)
TRUE[1:3, 1:5] = True  # 2 x 4 = 8 px
LEFT = TRUE.copy()
LEFT[:, 3:] = False  # its left half, 4 px
EMPTY = np.zeros((4, 6), bool)
FULL = np.ones((4, 6), bool)  # 24 px


def put(path, mask):
    """A mask as PNG of 0 and 255, at a path whose name may be bytes."""
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(encode_mask(mask))


def rows(folder):
    with (folder / "per_image.csv").open(newline="", encoding="utf-8") as file:
        return {row["case"]: row for row in csv.DictReader(file)}
