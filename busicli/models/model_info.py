"""What architectures there are and what one of them costs."""

from pathlib import Path
from typing import Any

from busicli.errors import InputError
from busicli.models.registry import Plugin, find, from_files, installed
from busicli.settings import PreprocessSettings


def model_list(files: tuple[Path, ...] = ()) -> list[dict[str, str]]:
    """Name, summary and origin of every plugin; a broken one's summary says what is wrong."""
    return [
        {"name": plugin.name, "summary": _summary(plugin), "origin": plugin.origin}
        for plugin in (*installed(), *from_files(files))
    ]


def model_description(name: str, files: tuple[Path, ...] = ()) -> dict[str, Any]:
    """One architecture in full, built once to count its parameters and operations."""
    from busicli.models.flops import operations
    from busicli.models.weights import build_model, shipped_names

    architecture = find(name, files)
    size = PreprocessSettings().size_px
    model = build_model(architecture, size, {})
    return {
        "name": name,
        "summary": architecture.summary,
        "source": architecture.source,
        "options": architecture.options,
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
