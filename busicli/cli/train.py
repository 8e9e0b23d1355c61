"""`busicli train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from busicli.cli.completion import initial_weights_names, model_names, training_settings
from busicli.cli.options import (
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
    in_scans,
    in_weights,
    in_where,
    key_value,
    option_under,
)
from busicli.errors import InputError, UsageError
from busicli.report.formatting import counted

if TYPE_CHECKING:
    from busicli.parallel.dask import ClusterRequest
    from busicli.settings import TrainSettings
    from busicli.training.request import TrainCallbacks, TrainRequest

in_run, in_learning = option_under("The run"), option_under("Training settings")
SETTINGS = ("epochs", "batch_size", "learning_rate", "precision", "augment", "seed")
"""Training settings that have an option of their own."""


def train(
    context: typer.Context,
    data: Data = Path("data"),
    model: Annotated[
        str, in_weights(help="Architecture; see busicli models list.", autocompletion=model_names)
    ] = "improved-unet",
    epochs: Annotated[int, in_learning(min=1, help="Passes over the training split.")] = 100,
    name: Annotated[
        str | None, in_run(help="Name of the run. Default: the model and the UTC time.")
    ] = None,
    train_on: Annotated[
        Literal["train", "all"],
        in_scans(
            help="train: train on the training split and keep the best epoch by validation; "
            "all: train on every scan and keep the last epoch."
        ),
    ] = "train",
    folds: Annotated[
        int | None,
        in_scans(
            min=2, help="Split the data into this many folds and train one network without each."
        ),
    ] = None,
    fold: Annotated[
        list[int] | None, in_scans(min=1, help="Train only this fold. Repeatable.")
    ] = None,
    dataset: Annotated[
        list[str] | None,
        in_scans(
            "--dataset",
            metavar="DATASET",
            help="Train only on the scans of this data set. Repeatable.",
        ),
    ] = None,
    objected: Annotated[
        Literal["leave-out", "keep"],
        in_scans(help="Leave out or keep scans to which the curators of BUSI object."),
    ] = "leave-out",
    postprocess_from: Annotated[
        Path | None,
        in_run(
            metavar="EVAL", help="Results of eval --folds, whose post-processing the weights get."
        ),
    ] = None,
    init: Annotated[
        str | None,
        in_weights(
            metavar="W",
            help="Weights to begin from; random for none. Default: the pre-trained encoder where "
            "the model has one. With --folds also a run of the same folds.",
            autocompletion=initial_weights_names,
        ),
    ] = None,
    resume: Annotated[
        bool,
        in_run("--resume", help="Resume the run --name, or the newest, with its own settings."),
    ] = False,
    batch_size: Annotated[int, in_learning(min=1, help="Scans per step.")] = 16,
    learning_rate: Annotated[
        float, in_learning(min=0, help="Highest learning rate; it falls to 0.")
    ] = 1e-3,
    precision: Annotated[
        Literal["float32", "bfloat16"],
        in_learning(help="bfloat16 is faster where the processor supports it."),
    ] = "float32",
    augment: Annotated[bool, in_learning(help="Augment training scans at random.")] = True,
    model_option: ModelOption = None,
    overrides: Annotated[
        list[str] | None,
        in_learning(
            "--set",
            metavar="KEY=VALUE",
            help="Any other training setting, such as augmentation.gamma=0.2. Repeatable.",
            autocompletion=training_settings,
        ),
    ] = None,
    seed: Seed = 0,
    devices: Annotated[
        Literal["one", "all"],
        in_where(help="all: divide each batch among all accelerators (JAX only)."),
    ] = "one",
    loader_processes: Annotated[
        int,
        in_where(min=0, help="Processes that prepare training scans; 0 uses two threads instead."),
    ] = 0,
    cluster: Cluster = None,
    workers: Workers = None,
    worker_cores: WorkerCores = None,
    worker_memory: WorkerMemory = None,
    walltime: Walltime = None,
    runs: Runs = Path("runs"),
    plugin: Plugin = None,
) -> None:
    """Train a model on prepared data, with a checkpoint after every epoch."""
    _check(name, train_on, folds, fold, postprocess_from)
    on_cluster = cluster_of(cluster, workers, worker_cores, worker_memory, walltime)
    if on_cluster and folds is None:
        raise UsageError("--cluster trains folds in parallel; give --folds too.")
    # imported here: SciPy and matplotlib would double the time of --help
    from busicli.cli.signals import resumed_with
    from busicli.cli.train_output import ProgressOutput, how_to_resume, print_left_out
    from busicli.training.request import TrainCallbacks, TrainRequest
    from busicli.training.run_folder import read_run, run_name

    if name is None:
        name = run_name(runs, model, resume=resume, folds=folds is not None)
    recorded = read_run(runs / name) if resume else None
    given = _given(context, recorded)
    values = {key: context.params[key] for key in SETTINGS if key in given}
    settings = _settings(recorded, values, overrides if "overrides" in given else None)
    options = dict(map(key_value, model_option or ()))
    if recorded:  # what is not given again stays as it was
        model = model if "model" in given else recorded["model"]["name"]
        options = options if "model_option" in given else recorded["model"]["options"]
        init = init if "init" in given else recorded["model"]["init"]
        asked = recorded.get("asked", {})  # older runs do not record it
        train_on = train_on if "train_on" in given else asked.get("train_on", train_on)
        dataset = dataset if "dataset" in given else asked.get("datasets", dataset)
        objected = objected if "objected" in given else asked.get("objected", objected)
    request = TrainRequest(
        data=data,
        runs=runs,
        name=name,
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
    print_left_out(request, folds)
    epochs = settings.epochs
    output = ProgressOutput(epochs)
    callbacks = TrainCallbacks(
        on_start=lambda folder: print(
            f"Run {folder}: {model}, {counted(epochs, 'epoch')}", flush=True
        ),
        on_batch=output.batch,
        on_epoch=output.epoch,
    )
    with resumed_with(lambda: how_to_resume(request, folds)):
        if folds is None:
            _train_one(request, callbacks)
        else:
            numbers = fold or range(1, folds + 1)
            _train_folds(request, callbacks, [(k, folds) for k in numbers], on_cluster)


def _check(
    name: str | None,
    train_on: str,
    folds: int | None,
    fold: list[int] | None,
    postprocess_from: Path | None,
) -> None:
    """Raise UsageError where options do not fit each other."""
    is_plain = name is None or (Path(name).name == name and name.isprintable())
    if not is_plain or name in ("", ".", ".."):
        raise UsageError(f"--name is {name}; it names a folder in --runs: leave out slashes.")
    if folds and train_on == "all":
        raise UsageError("--folds leaves scans out and --train-on all does not; give one of them.")
    if fold and not folds:
        raise UsageError("--fold needs --folds, the number of folds.")
    if wrong := [number for number in fold or () if folds and number > folds]:
        raise UsageError(f"--fold is {wrong[0]}; there are {folds} folds.")
    if postprocess_from is not None and train_on != "all":
        raise UsageError(
            "--postprocess-from is for --train-on all; any other run chooses post-processing on "
            "the scans that it leaves out."
        )


def _given(context: typer.Context, recorded: dict[str, Any] | None) -> set[str]:
    """Parameters that the user set. A settings file is for new runs: one that resumes keeps its
    own settings.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    others = ("DEFAULT", "DEFAULT_MAP") if recorded else ("DEFAULT",)
    return {name for name, source in sources.items() if source and source.name not in others}


def _settings(
    recorded: dict[str, Any] | None, values: dict[str, Any], overrides: list[str] | None
) -> "TrainSettings":
    """Recorded or default settings, changed by options; UsageError where one is refused."""
    from busicli.settings import TrainSettings

    settings = TrainSettings.from_dict(recorded["settings"]) if recorded else TrainSettings()
    try:
        return settings.changed(values).changed(dict(map(key_value, overrides or ())))
    except InputError as error:  # the values come from the command line
        raise UsageError(str(error)) from error


def _train_one(request: "TrainRequest", callbacks: "TrainCallbacks") -> None:
    from busicli.cli.train_output import show
    from busicli.training.run import run_training

    show(run_training(request, callbacks), request)


def _train_folds(
    request: "TrainRequest",
    callbacks: "TrainCallbacks",
    folds: list[tuple[int, int]],
    cluster: "ClusterRequest | None",
) -> None:
    from busicli.cli.train_output import path_options
    from busicli.training.cluster import train_folds_on
    from busicli.training.run import train_fold

    here = (train_fold(request, fold, callbacks) for fold in folds)
    for weights in train_folds_on(cluster, request, folds) if cluster else here:
        print(f"Weights in {weights}", flush=True)
    print(
        f"Score them with: busicli eval --folds {folds[0][1]} "
        f"--weights {request.runs / request.name}{path_options(request, runs=False)}"
    )
