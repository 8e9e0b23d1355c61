"""What a training run leaves and says, read back."""

import csv
import re

METRICS = ("Loss", "Dice_coef", "Recall", "Precision", "Accuracy", "F1_score")
DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def epochs_reported(err: str) -> list[str]:
    """Epochs with a line of their own, without the lines within an epoch that takes long."""
    return re.findall(rf"^{DATE} (epoch \d+ of \d+): Dice_coef", err, re.MULTILINE)


def history(run):
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
