"""What an evaluation leaves, read back."""

import csv


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
