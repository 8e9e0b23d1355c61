"""The folder of a training run: its settings, and its curves."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import MaxNLocator

from busicli.errors import InputError, UsageError
from busicli.io.files import parse_json, write_json
from busicli.plots.drawing import (
    BLUE,
    COLUMN_IN,
    VERMILION,
    Plot,
    legend_below,
    new_figure,
    plain_axis,
    render,
)
from busicli.versions import versions

if TYPE_CHECKING:
    from busicli.training.history import Row

RUN = "run.json"
_LATER = ("postprocess_from", "folds", "init_weight")
"""Keys that an older record may lack without being another run."""
CURVES = {
    "loss": ("Loss (1 - Dice_coef)", "Loss"),
    "accuracy": ("Accuracy", "Accuracy"),
    "dice": ("Dice_coef", "Dice_coef"),
}


def run_name(runs: Path, model: str, *, resume: bool, folds: bool) -> str:
    """The name of a run that was given none: new, or the newest that can be resumed.

    With `folds` it is a cross-validation's. Raises UsageError where there is none to resume.
    """
    if not resume:
        return f"{model}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    newest = newest_run(runs, run="*/fold-*" if folds else "*")
    if newest is None:
        kind = "cross-validation" if folds else "run"
        raise UsageError(f"there is no {kind} in {runs} to resume; leave out --resume.")
    return newest.parent.name if folds else newest.name


def newest_run(
    runs: Path, fingerprint: str | None = None, *, holding: str = RUN, run: str = "*"
) -> Path | None:
    """The run folder that was started last, on the data of a fingerprint if one is given.

    Only runs that hold the file `holding` count; `run` is a glob pattern of their names.
    """
    found = []
    for path in runs.glob(f"{run}/{RUN}"):
        if not (path.parent / holding).is_file():
            continue
        with suppress(InputError, KeyError, TypeError):  # segment-dir writes a run.json too
            record = parse_json(path.read_bytes())
            if fingerprint in (None, record["data"]["fingerprint"]):
                found.append((record["started"], path.parent))
    return max(found)[1] if found else None


def all_but_fold(number: int, count: int) -> str:
    """The training scans of a cross-validation's run, as its card names them."""
    return f"all folds but {number} of {count}"


def check_run(folder: Path, now: Mapping[str, Any], *, resume: bool) -> None:
    """Raise InputError where a new run's name is taken, or a resumed run had other settings."""
    record = folder / RUN
    if not resume:
        if folder.exists() and any(p.name != ".lock" for p in folder.iterdir()):
            raise InputError(
                f"the run {folder} exists; give another --name, or resume it with --resume."
            )
        return
    if not record.is_file():
        raise InputError(f"there is no run {folder} to resume; leave out --resume.")
    before = _read(record)
    different = sorted(
        f"{key} ({before[part].get(key)}, now {now[part][key]})"
        if isinstance(now[part][key], int | float | str | None)
        else key
        for part in ("settings", "data", "model")
        for key in now[part]
        if now[part][key] != before[part].get(key)
        and not (key in _LATER and before[part].get(key) is None)
    )
    if different:
        raise InputError(
            f"the run {folder} was started with another {', '.join(different)}; "
            "resume with the same, or start a new run under another --name."
        )


def read_run(folder: Path) -> dict[str, Any] | None:
    """The record of a run, or of a cross-validation's first fold; None where there is none.

    Raises InputError where it is damaged.
    """
    records = sorted((*folder.glob(RUN), *folder.glob(f"fold-*/{RUN}")))
    return _read(records[0]) if records else None


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = parse_json(path.read_bytes())
        if {"settings", "data", "model"} <= found.keys():
            return found
    except (InputError, AttributeError):
        pass
    raise InputError(
        f"{path} is damaged or of another version; start a new run under another --name."
    )


def write_run(folder: Path, record: Mapping[str, Any]) -> None:
    """Record a run's settings, its start and the versions."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    document = {"started": started, **record, "versions": versions()}
    write_json(folder / RUN, document)


def draw_curves(folder: Path, history: "list[Row]") -> None:
    """Draw `loss`, `accuracy` and `dice` of all epochs so far, .png and .svg."""
    epochs = [int(row["epoch"]) for row in history]
    for name, (title, column) in CURVES.items():
        curves = {
            curve: [row[prefix + column] for row in history]
            for curve, prefix in (("training", ""), ("validation", "val_"))
            if prefix + column in history[0]
        }
        _curve_plot(title, column, epochs, curves).write(folder / name)


def _curve_plot(
    title: str, label: str, epochs: Sequence[int], curves: Mapping[str, Sequence[float]]
) -> Plot:
    """Named curves over epochs, the first two in blue (training) and vermilion (validation)."""
    figure = new_figure(2.6, COLUMN_IN)
    axis = figure.subplots()
    plain_axis(axis, title, "epoch", label)
    styles = zip((BLUE, VERMILION), ("-", "--"), ("o", "s"), strict=True)
    for (name, values), (colour, line, marker) in zip(curves.items(), styles, strict=False):
        few = marker if len(values) < 30 else None
        axis.plot(epochs, values, color=colour, ls=line, lw=1.2, marker=few, ms=3, label=name)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(axis)
    return render(figure)
