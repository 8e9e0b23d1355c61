"""The registered architectures, and the parameters and operations of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from busicli.errors import InputError
from busicli.models.registry import Plugin, find, from_files, installed
from busicli.settings import PreprocessSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """Which network to describe: an architecture by name, or that of weights."""

    name: str | None = None
    weights: str | None = None
    """Folder or shipped name; their options and size hold where no others are given."""
    size_px: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()


def model_list(files: tuple[Path, ...] = ()) -> list[dict[str, str]]:
    """Name, summary and origin of every plugin; a broken one's summary gives the reason."""
    return [
        {"name": plugin.name, "summary": _summary(plugin), "origin": plugin.origin}
        for plugin in (*installed(), *from_files(files))
    ]


def model_description(request: ModelRequest) -> dict[str, Any]:
    """One network in full, built once to count its parameters and operations.

    Raises InputError for an unknown name, refused weights, a size or an option that the
    architecture does not take, and for weights of another architecture than the one named.
    """
    from busicli.models.flops import operations
    from busicli.models.weights import build_model, read_card, resolve_weights, shipped_names

    name, size, options = request.name, PreprocessSettings().size_px, dict(request.options)
    if request.weights is not None:
        folder, pinned = resolve_weights(request.weights)
        card = read_card(folder, pinned_sha256=pinned)
        if name not in (None, card.architecture):
            raise InputError(
                f"the weights {request.weights} are of the model {card.architecture}, not {name}; "
                "leave one of them out."
            )
        name, size = card.architecture, card.preprocess.size_px
        options = {**card.options, **options}
    if name is None:
        raise InputError("no model was given; name an architecture or weights.")
    architecture = find(name, request.plugins)
    size = request.size_px or size
    model = build_model(architecture, size, options)
    return {
        "name": name,
        "summary": architecture.summary,
        "source": architecture.source,
        "options": architecture.checked_options(options),
        "size_multiple": architecture.size_multiple,
        "parameters": int(model.count_params()),
        "gflop_a_scan": round(operations(model) / 1e9, 3),
        "input": f"{size} x {size} x 3",
        "shipped_weights": name if name in shipped_names() else "none",
    }


def _summary(plugin: Plugin) -> str:
    try:
        return plugin.load().summary
    except InputError as error:
        return f"broken: {error}"
