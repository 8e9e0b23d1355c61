"""`busicli train`."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from busicli.cli.options import Data, Plugin, Runs, Seed
from busicli.errors import InputError, UsageError

if TYPE_CHECKING:
    from busicli.train.history import Row
    from busicli.workflows.fit import FitOutcome


def train(
    data: Data = Path("data"),
    model: Annotated[str, typer.Option(help="Architecture; see busicli models list.")] = (
        "improved-unet"
    ),
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training split.")] = 100,
    name: Annotated[
        str | None, typer.Option(help="Name of the run; default: the model and the UTC time.")
    ] = None,
    init: Annotated[str | None, typer.Option(metavar="W", help="Weights to begin from.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a stopped run: --name, or the newest.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1)] = 16,
    learning_rate: Annotated[float, typer.Option(min=0)] = 1e-3,
    precision: Annotated[
        str, typer.Option(help="float32, or bfloat16 where the processor has it.")
    ] = "float32",
    augment: Annotated[bool, typer.Option(help="Change training scans at random.")] = True,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Option of the model, as filters=16; repeatable."),
    ] = None,
    seed: Seed = 0,
    runs: Runs = Path("runs"),
    plugin: Plugin = None,
) -> None:
    """Train a model on prepared data; checkpointed every epoch, the best epoch kept."""
    # imported here: SciPy and matplotlib would double the time of --help
    from busicli.settings import TrainSettings
    from busicli.workflows.fit import FitRequest, fit

    try:
        settings = TrainSettings(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            precision=precision,  # type: ignore[arg-type]  # checked by the settings themselves
            augment=augment,
            seed=seed,
        )
    except InputError as error:  # here they come from the command line alone
        raise UsageError(str(error)) from error
    request = FitRequest(
        data=data,
        runs=runs,
        name=name or _run_name(runs, model, resume),
        model=model,
        settings=settings,
        options=dict(map(_option, option or ())),
        init=init,
        plugins=tuple(plugin or ()),
        resume=resume,
    )
    print(f"Run {request.runs / request.name}: {model}, {epochs} epochs")
    shown = _Shown(epochs)
    _show(fit(request, shown.batch, shown.epoch))


class _Shown:
    """A bar an epoch on a terminal, and everywhere a line after each."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.bar: Any = None

    def batch(self, epoch: int, done: int, total: int) -> None:
        from busicli.cli.progress import bar

        if not sys.stderr.isatty():
            return
        if done == 1:
            self.bar = bar(f"epoch {epoch} of {self.epochs}", total, unit="batch")
        self.bar.update(1)
        if done == total:
            self.bar.close()

    def epoch(self, history: "list[Row]") -> None:
        row = history[-1]
        print(
            f"epoch {len(history)} of {self.epochs}: Dice_coef {row['Dice_coef']:.4f} training, "
            f"{row['val_Dice_coef']:.4f} validation; {row['seconds']:.0f} s",
            file=sys.stderr,
            flush=True,
        )


def _run_name(runs: Path, model: str, resume: bool) -> str:
    if not resume:
        return f"{model}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    from busicli.workflows.run_folder import newest_run

    newest = newest_run(runs)
    if newest is None:
        raise UsageError(f"there is no run in {runs} to go on with; leave out --resume.")
    return newest.name


def _option(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"--option is {text}; it must be KEY=VALUE, as filters=16.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _show(outcome: "FitOutcome") -> None:
    from rich.console import Console
    from rich.table import Table

    from busicli.train.history import FIGURES

    last, best = outcome.history[-1], outcome.history[outcome.best_epoch - 1]
    table = Table(title=f"After epoch {len(outcome.history)}; best epoch {outcome.best_epoch}")
    for column in ("", "training", "validation", "validation, best epoch"):
        table.add_column(column, justify="left" if not column else "right")
    for figure in FIGURES:
        values = (last[figure], last[f"val_{figure}"], best[f"val_{figure}"])
        table.add_row(figure, *(f"{value:.4f}" for value in values))
    Console().print(table)
    print(f"Curves in {outcome.folder}, weights in {outcome.folder / 'weights'};")
    print("score them with: busicli eval --split test")
