"""`busicli models`."""

import json
from typing import Any

import typer

from busicli.cli.options import Json, Plugin

app = typer.Typer(
    help="List the model architectures, or show one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_models(as_json: Json = False, plugin: Plugin = None) -> None:
    """Every registered architecture, with what is wrong where one is broken."""
    from busicli.workflows.catalogue import listing

    rows = listing(tuple(plugin or ()))
    if as_json:
        print(json.dumps(rows))
        return
    _table("Models", ("name", "summary", "origin"), rows)


@app.command("show")
def show_model(name: str, as_json: Json = False, plugin: Plugin = None) -> None:
    """One architecture: where it comes from, its options, its size and its cost."""
    from busicli.workflows.catalogue import description

    found = description(name, tuple(plugin or ()))
    if as_json:
        print(json.dumps(found))
        return
    rows = [{"": key, name: _text(value)} for key, value in found.items() if key != "name"]
    _table(name, ("", name), rows, header=False)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}={json.dumps(v)}" for k, v in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(
    title: str, columns: tuple[str, ...], rows: list[dict[str, Any]], *, header: bool = True
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, show_header=header)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(row[column])) for column in columns))
    Console().print(table)
