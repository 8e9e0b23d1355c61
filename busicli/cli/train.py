"""`busicli train`."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from busicli.cli.options import (
    SCANS,
    WEIGHTS,
    WHERE,
    Cluster,
    Data,
    ModelOption,
    Plugin,
    Runs,
    Seed,
    Walltime,
    WorkerCores,
    WorkerMemory,
    Workers,
    cluster_of,
    key_value,
)
from busicli.errors import InputError, UsageError

if TYPE_CHECKING:
    from busicli.training.history import Row
    from busicli.training.request import TrainRequest
    from busicli.training.run import TrainOutcome


RUN, LEARNING = "The run", "How it learns"
"""Headings of the help, beside those that commands share."""


def train(
    context: typer.Context,
    data: Data = Path("data"),
    model: Annotated[
        str, typer.Option(help="Architecture; see busicli models list.", rich_help_panel=WEIGHTS)
    ] = ("improved-unet"),
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the training split.", rich_help_panel=LEARNING)
    ] = 100,
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the run; default: the model and the UTC time.", rich_help_panel=RUN
        ),
    ] = None,
    train_on: Annotated[
        Literal["train", "all"],
        typer.Option(
            help="train: the training split, the best epoch by validation kept; "
            "all: every scan, the last epoch kept.",
            rich_help_panel=SCANS,
        ),
    ] = "train",
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Train as many networks, each on all folds of the data but one.",
            rich_help_panel=SCANS,
        ),
    ] = None,
    fold: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Only this one of --folds; repeatable.", rich_help_panel=SCANS),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset",
            metavar="DATASET",
            help="Only this data set's scans; repeatable.",
            rich_help_panel=SCANS,
        ),
    ] = None,
    objected: Annotated[
        Literal["leave-out", "keep"],
        typer.Option(
            help="Scans to which the curators of BUSI object: leave them out, or keep them.",
            rich_help_panel=SCANS,
        ),
    ] = "leave-out",
    postprocess_from: Annotated[
        Path | None,
        typer.Option(
            metavar="EVAL",
            help="Results of eval --folds: use what was chosen there.",
            rich_help_panel=RUN,
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="W",
            help="Weights to begin from; random for none; with --folds also a run of folds. "
            "Default: the pre-trained encoder where the model has one.",
            rich_help_panel=WEIGHTS,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Resume a stopped run, --name or the newest, with its own settings.",
            rich_help_panel=RUN,
        ),
    ] = False,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Scans a step.", rich_help_panel=LEARNING)
    ] = 8,
    learning_rate: Annotated[
        float,
        typer.Option(min=0, help="At its highest; it falls to 0.", rich_help_panel=LEARNING),
    ] = 3e-3,
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(
            help="bfloat16 is faster where the processor has it.", rich_help_panel=LEARNING
        ),
    ] = "float32",
    augment: Annotated[
        bool, typer.Option(help="Change training scans at random.", rich_help_panel=LEARNING)
    ] = True,
    model_option: ModelOption = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any other setting of training, as augmentation.gamma=0.2; repeatable.",
            rich_help_panel=LEARNING,
        ),
    ] = None,
    seed: Seed = 0,
    devices: Annotated[
        Literal["one", "all"],
        typer.Option(
            help="all: each batch shared by every accelerator (JAX).", rich_help_panel=WHERE
        ),
    ] = "one",
    loader_processes: Annotated[
        int,
        typer.Option(
            min=0,
            help="Processes that prepare training scans; 0: two threads of this one.",
            rich_help_panel=WHERE,
        ),
    ] = 0,
    cluster: Cluster = None,
    workers: Workers = None,
    worker_cores: WorkerCores = None,
    worker_memory: WorkerMemory = None,
    walltime: Walltime = None,
    runs: Runs = Path("runs"),
    plugin: Plugin = None,
) -> None:
    """Train a model on prepared data; checkpointed every epoch, the best epoch kept."""
    if name is not None and (Path(name).name != name or name in ("", ".", "..")):
        raise UsageError(f"--name is {name}; it names a folder below {runs}: leave out slashes.")
    # imported here: SciPy and matplotlib would double the time of --help
    from busicli.settings import TrainSettings
    from busicli.training.request import TrainCallbacks, TrainRequest
    from busicli.training.run import run_training, train_fold
    from busicli.training.run_folder import read_run

    run = name or _run_name(runs, model, resume, folds)
    recorded = read_run(runs / run) if resume else None
    sources = {name: context.get_parameter_source(name) for name in context.params}
    # a run resumes with its own settings: those of a settings file are for new ones
    others = ("DEFAULT", "DEFAULT_MAP") if recorded else ("DEFAULT",)
    given = {name for name, source in sources.items() if source and source.name not in others}
    values: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "precision": precision,
        "augment": augment,
        "seed": seed,
    }
    settings = TrainSettings.from_dict(recorded["settings"]) if recorded else TrainSettings()
    try:
        settings = settings.changed({n: value for n, value in values.items() if n in given})
        if overrides and "overrides" in given:
            settings = settings.changed(dict(map(key_value, overrides)))
    except InputError as error:  # here they come from the command line alone
        raise UsageError(str(error)) from error
    options = dict(map(key_value, model_option or ()))
    if recorded:  # what is not said again stays as it was
        model = model if "model" in given else recorded["model"]["name"]
        options = options if "model_option" in given else recorded["model"]["options"]
        init = init if "init" in given else recorded["model"]["init"]
        asked = recorded.get("asked", {})  # older runs do not say
        train_on = train_on if "train_on" in given else asked.get("train_on", train_on)
        dataset = dataset if "dataset" in given else asked.get("datasets", dataset)
        objected = objected if "objected" in given else asked.get("objected", objected)
    _check(train_on, folds, fold)
    if postprocess_from is not None and train_on != "all":
        raise UsageError(
            "--postprocess-from is for --train-on all; else choices are made on the scans kept out."
        )
    request = TrainRequest(
        data=data,
        runs=runs,
        name=run,
        model=model,
        settings=settings,
        options=options,
        train_on=train_on,
        datasets=tuple(dataset or ()),
        objected=objected,
        postprocess_from=postprocess_from,
        init=init,
        plugins=tuple(plugin or ()),
        devices=devices,
        processes=loader_processes,
        resume=resume,
    )
    on_cluster = cluster_of(cluster, workers, worker_cores, worker_memory, walltime)
    if on_cluster and folds is None:
        raise UsageError("--cluster trains folds side by side; give --folds too.")
    _print_left_out(request, folds)
    epochs = settings.epochs
    output = _ProgressOutput(epochs)
    callbacks = TrainCallbacks(
        on_start=lambda folder: print(f"Run {folder}: {model}, {epochs} epochs", flush=True),
        on_batch=output.batch,
        on_epoch=output.epoch,
    )
    if folds is None:
        _show(run_training(request, callbacks), _elsewhere(request))
        return
    numbers = fold or range(1, folds + 1)
    if on_cluster:
        from busicli.training.cluster import train_folds_on

        for outcome in train_folds_on(on_cluster, request, [(number, folds) for number in numbers]):
            print(f"Weights in {outcome}", flush=True)
    for number in () if on_cluster else numbers:
        outcome = train_fold(request, (number, folds), callbacks)
        print(f"Weights in {outcome}")
    print(
        f"Score them with: busicli eval --folds {folds} --weights {request.runs / request.name}"
        + _elsewhere(request, runs=False)
    )


def _print_left_out(request: "TrainRequest", folds: int | None) -> None:
    from busicli.data.store import open_data
    from busicli.training.request import left_out

    fold = (1, folds) if folds else None
    if count := left_out(replace(request, fold=fold), open_data(request.data)):
        scans = "scan" if count == 1 else "scans"
        print(
            f"Left out: {count} {scans} to which the curators of BUSI object; "
            "--objected keep trains on them.",
            flush=True,
        )


def _check(train_on: str, folds: int | None, fold: list[int] | None) -> None:
    if folds and train_on == "all":
        raise UsageError("--folds leaves scans out and --train-on all does not; give one of them.")
    if fold and not folds:
        raise UsageError("--fold needs --folds, how many there are.")
    if wrong := [number for number in fold or () if folds and number > folds]:
        raise UsageError(f"--fold is {wrong[0]}; there are {folds} folds.")


class _ProgressOutput:
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
        from busicli.cli.progress import is_quiet

        if is_quiet():
            return
        row = history[-1]
        print(
            f"epoch {len(history)} of {self.epochs}: Dice_coef {row['Dice_coef']:.4f} training"
            + (f", {row['val_Dice_coef']:.4f} validation" if "val_Dice_coef" in row else "")
            + f"; {row['seconds']:.0f} s",
            file=sys.stderr,
            flush=True,
        )


def _run_name(runs: Path, model: str, resume: bool, folds: int | None) -> str:
    if not resume:
        return f"{model}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    from busicli.training.run_folder import newest_run

    newest = newest_run(runs, run="*/fold-*" if folds else "*")
    if newest is None:
        what = "cross-validation" if folds else "run"
        raise UsageError(f"there is no {what} in {runs} to resume; leave out --resume.")
    return newest.parent.name if folds else newest.name


def _elsewhere(request: "TrainRequest", *, runs: bool = True) -> str:
    """The options by which eval finds data, runs and plugins that it would not find by itself."""
    paths = {"data": request.data, "runs": request.runs if runs else Path("runs")}
    options = [f" --{name} {path}" for name, path in paths.items() if path != Path(name)]
    return "".join([*options, *(f" --plugin {path}" for path in request.plugins)])


def _show(outcome: "TrainOutcome", elsewhere: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from busicli.training.history import METRICS

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
    if outcome.note:
        print(outcome.note, file=sys.stderr)
    print(f"Curves in {outcome.folder}, weights in {outcome.folder / 'weights'};")
    if "val_Loss" in last:
        print(f"score them with: busicli eval --split test{elsewhere}")
    else:
        print("score them on scans that they were not trained on.")
