"""The output of `busicli train`: progress, the final table, how to resume."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from busicli.cli.progress import bar, duration, print_dated
from busicli.data.store import open_data
from busicli.training.history import METRICS, Row
from busicli.training.request import TrainRequest, left_out
from busicli.training.run import TrainOutcome
from busicli.training.run_folder import read_run


class ProgressOutput:
    """Progress within each epoch, and a line after it, on stderr."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.bar: Any = None

    def batch(self, epoch: int, done: int, total: int) -> None:
        """Show that `done` of an epoch's `total` batches are done."""
        if done == 1:
            self.bar = bar(f"epoch {epoch} of {self.epochs}", total, unit="batch", leave=False)
        self.bar.update(1)
        if done == total:
            self.bar.close()

    def epoch(self, history: list[Row], left_s: float) -> None:
        """Write the line of the last epoch."""
        row = history[-1]
        validation = f", {row['val_Dice_coef']:.4f} validation" if "val_Dice_coef" in row else ""
        left = f", {duration(left_s)} left" if left_s else ""
        print_dated(
            f"epoch {len(history)} of {self.epochs}: Dice_coef {row['Dice_coef']:.4f} training"
            f"{validation} at {row['size_px']:.0f} px; {row['seconds']:.0f} s{left}"
        )


def print_left_out(request: TrainRequest, folds: int | None) -> None:
    """Print how many scans with an objection are not trained on, if any."""
    fold = (1, folds) if folds else None
    if count := left_out(replace(request, fold=fold), open_data(request.data)):
        print(
            f"Left out: {count} {'scan' if count == 1 else 'scans'} to which the curators of BUSI "
            "object; --objected keep trains on them.",
            flush=True,
        )


def how_to_resume(request: TrainRequest, folds: int | None) -> str:
    """The advice after a stop: the command that resumes the run, if it has started."""
    if read_run(request.runs / request.name) is None:
        return "nothing was trained yet: run the same command again"
    of_folds = f" --folds {folds}" if folds else ""
    return (
        f"resume with: busicli train --resume --name {request.name}{of_folds}"
        f"{path_options(request)}"
    )


def path_options(request: TrainRequest, *, runs: bool = True) -> str:
    """The options that name data, runs and plugins where they are not at their defaults."""
    paths = {"data": request.data, "runs": request.runs if runs else Path("runs")}
    options = [f" --{name} {path}" for name, path in paths.items() if path != Path(name)]
    return "".join([*options, *(f" --plugin {path}" for path in request.plugins)])


def show(outcome: TrainOutcome, request: TrainRequest) -> None:
    """Print the metrics of the last epoch and of the best, and where the results are."""
    last, kept = outcome.history[-1], outcome.history[outcome.best_epoch - 1]
    columns = {"training": (last, "")}
    title = f"After epoch {len(outcome.history)}"
    if "val_Loss" in last:
        columns |= {"validation": (last, "val_"), "validation, best epoch": (kept, "val_")}
        title += f"; best epoch {outcome.best_epoch}"
    table = Table(title=title)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    for metric in METRICS:
        table.add_row(metric, *(f"{row[prefix + metric]:.4f}" for row, prefix in columns.values()))
    Console().print(table)
    if "val_Loss" in last:
        print(_compared(outcome))
    if outcome.note:
        print(outcome.note, file=sys.stderr)
    print(f"Curves in {outcome.folder}, weights in {outcome.folder / 'weights'}.")
    if "val_Loss" in last:
        print(f"Score them with: busicli eval --split test{path_options(request)}")
    else:
        print("Score them on scans that they were not trained on.")


def _compared(outcome: TrainOutcome) -> str:
    """Which epochs the best was chosen from; those at a smaller size have easier validation."""
    first, last = outcome.compared[0], outcome.compared[-1]
    among = f"epochs {first} to {last}" if first < last else f"epoch {first} alone"
    text = f"Best epoch: the highest validation Dice_coef of {among}"
    if first == 1:
        return f"{text}."
    before = "Epoch 1" if first == 2 else f"Epochs 1 to {first - 1}"
    return f"{text}, at full size. {before} trained on smaller scans and cannot be compared."
