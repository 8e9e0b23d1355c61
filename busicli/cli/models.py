"""`busicli models`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from busicli.cli.completion import model_names, weights_names
from busicli.cli.options import Json, ModelOption, Plugin, key_value
from busicli.cli.switches import with_switches
from busicli.errors import BusicliError, UsageError

if TYPE_CHECKING:
    from busicli.testing import CheckResult

app = typer.Typer(
    help="List, show, check or create model architectures.",
    short_help="List, show, check or create models.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Name = Annotated[str, typer.Argument(help="Name of the architecture.", autocompletion=model_names)]


def list_models(as_json: Json = False, plugin: Plugin = None) -> None:
    """List every registered architecture; a broken one with the reason."""
    from busicli.models.model_info import model_list

    rows = model_list(tuple(plugin or ()))
    if as_json:
        print(json.dumps(rows))
        return
    _print_table("Models", ("name", "summary", "origin"), rows)


def show_model(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name of the architecture. Default: that of --weights.",
            autocompletion=model_names,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="W",
            help="Show the architecture of these weights, with their options and size.",
            autocompletion=weights_names,
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=16, max=4096, help="Rows and columns of the input, in pixels. Default: 256."
        ),
    ] = None,
    model_option: ModelOption = None,
    as_json: Json = False,
    plugin: Plugin = None,
) -> None:
    """Show one architecture: source, options, parameters and operations."""
    if name is None and weights is None:
        raise UsageError("no model was given; name an architecture, or weights with --weights.")
    from busicli.models.model_info import ModelRequest, model_description

    request = ModelRequest(
        name=name,
        weights=weights,
        size_px=size,
        options=dict(map(key_value, model_option or ())),
        plugins=tuple(plugin or ()),
    )
    shown = model_description(request)
    if as_json:
        print(json.dumps(shown))
        return
    rows = [{"": key, "value": _text(value)} for key, value in shown.items() if key != "name"]
    _print_table(shown["name"], ("", "value"), rows, header=False)


def check_model(
    name: Name, model_option: ModelOption = None, as_json: Json = False, plugin: Plugin = None
) -> None:
    """Run the conformance checks on an architecture. Exit status 1 if one fails."""
    # imported here: NumPy and SciPy would double the time of --help
    from contextlib import closing

    from busicli.cli.progress import bar
    from busicli.models.registry import find
    from busicli.testing import CHECKS, check_architecture

    options = dict(map(key_value, model_option or ()))
    plugins = tuple(plugin or ())
    checks = check_architecture(name, plugins=plugins, options=options)
    results = []
    with closing(bar("Checks", len(CHECKS), "none" if as_json else "auto", unit="check")) as shown:
        for result in checks:
            results.append(result)
            shown.update(1)
    _print_results(name, results, as_json)
    if failed := [result.name for result in results if result.passed is False]:
        raise BusicliError(
            f"the model {name} fails {len(failed)} of {len(results)} checks: {', '.join(failed)}; "
            "fix its plugin and check it again."
        )
    if not as_json and (left := find(name, plugins).placeholders()):
        print(f"Still the template's text: {', '.join(left)}. Write your own before you publish.")


def new_model(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to create. Default: NAME.")
    ] = None,
) -> None:
    """Create an architecture of your own: its plugin file, its test and its project file."""
    from busicli.models.scaffold import new_plugin  # imported here: --help must stay fast

    folder = out or Path(name)
    files = new_plugin(name, folder)
    print(f"Written to {folder}: {', '.join(files)}")
    print(f"Replace what {files[0]} marks with Decide. Then run:")
    print(f"  busicli models check {name} --plugin {folder / files[0]}")
    print(f"  pip install -e {folder}")
    print(f"  busicli train --model {name}")


app.command("list", short_help="List every architecture.")(with_switches(list_models))
app.command("show", short_help="Show one architecture.")(with_switches(show_model))
app.command("check", short_help="Run the conformance checks.")(with_switches(check_model))
app.command("new", short_help="Create an architecture of your own.")(with_switches(new_model))


def _print_results(name: str, results: "list[CheckResult]", as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        print(json.dumps([asdict(result) for result in results]))
        return
    words = {True: "passed", False: "failed", None: "not tried"}
    rows = [
        {
            "check": result.name,
            "": words[result.passed],
            "detail": result.detail,
            "s": f"{result.seconds:.1f}",
        }
        for result in results
    ]
    _print_table(f"Checks of {name}", ("check", "", "detail", "s"), rows)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}={json.dumps(v)}" for k, v in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _print_table(
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
