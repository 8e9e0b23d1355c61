"""Names that a shell completes: of weights, models and settings. Nothing here imports Keras."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer


def weights_names(context: typer.Context, incomplete: str) -> list[str]:
    """Weights that ship, and runs with finished weights; a shell adds files itself."""
    from busicli.models.weights import CARD, shipped_names

    runs = Path(context.params.get("runs") or "runs")
    trained = [str(card.parent.parent) for card in runs.glob(f"*/weights/{CARD}")]
    return _beginning(incomplete, [*shipped_names(), *sorted(trained)])


def initial_weights_names(context: typer.Context, incomplete: str) -> list[str]:
    """What --init takes."""
    return [*_beginning(incomplete, ["random"]), *weights_names(context, incomplete)]


def model_names(incomplete: str) -> list[str]:
    """Registered architectures."""
    from importlib.metadata import entry_points  # slow to load

    from busicli.models.registry import GROUP

    names = {point.name for point in entry_points(group=GROUP)}
    return _beginning(incomplete, sorted(names))


def model_options(context: typer.Context, incomplete: str) -> list[str]:
    """KEY= of the options of the model that the line names; its plugin's file is imported."""
    from busicli.errors import InputError
    from busicli.models.registry import find

    name = context.params.get("model") or context.params.get("name")
    try:
        options = find(str(name)).options
    except InputError:
        return []
    return _beginning(incomplete, [f"{key}=" for key in options])


def training_settings(incomplete: str) -> list[str]:
    """KEY= of what --set takes."""
    from busicli.settings import TrainSettings

    return _beginning(incomplete, [f"{key}=" for key in _keys(TrainSettings())])


def _keys(record: Any) -> Iterator[str]:
    """Names of a record's fields; those of a record within are joined to its own by a dot."""
    from dataclasses import fields, is_dataclass

    for field in fields(record):
        value = getattr(record, field.name)
        if is_dataclass(value):
            yield from (f"{field.name}.{key}" for key in _keys(value))
        else:
            yield field.name


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
