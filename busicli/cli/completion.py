"""Names that a shell completes: of weights, models and settings. Nothing here imports Keras."""

from pathlib import Path

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
    from dataclasses import asdict

    from busicli.cli.settings import joined_keys
    from busicli.settings import TrainSettings

    return _beginning(incomplete, [f"{key}=" for key, _ in joined_keys(asdict(TrainSettings()))])


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
