"""`busicli models`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from busicli.cli.command import PrintingCommand
from busicli.cli.options import Json, ModelOption, Plugin, key_value
from busicli.errors import BusicliError

if TYPE_CHECKING:
    from busicli.testing import CheckResult

app = typer.Typer(
    help="List the model architectures, show one, check one, or begin a new one.",
    no_args_is_help=True,
    rich_markup_mode=None,
    short_help="List, show, check or begin model architectures.",
)


@app.command("list", cls=PrintingCommand)
def list_models(as_json: Json = False, plugin: Plugin = None) -> None:
    """Every registered architecture, with what is wrong where one is broken."""
    from busicli.models.model_info import model_list

    rows = model_list(tuple(plugin or ()))
    if as_json:
        print(json.dumps(rows))
        return
    _table("Models", ("name", "summary", "origin"), rows)


@app.command("show", cls=PrintingCommand)
def show_model(name: str, as_json: Json = False, plugin: Plugin = None) -> None:
    """One architecture: where it comes from, its options, its size and its cost."""
    from busicli.models.model_info import model_description

    found = model_description(name, tuple(plugin or ()))
    if as_json:
        print(json.dumps(found))
        return
    rows = [{"": key, name: _text(value)} for key, value in found.items() if key != "name"]
    _table(name, ("", name), rows, header=False)


@app.command("check", cls=PrintingCommand)
def check_model(
    name: str, model_option: ModelOption = None, as_json: Json = False, plugin: Plugin = None
) -> None:
    """Check that an architecture keeps what architectures promise; 1 if it does not."""
    # imported here: NumPy and SciPy would double the time of --help
    from contextlib import closing

    from busicli.cli.progress import bar
    from busicli.testing import CHECKS, check_architecture

    options = dict(map(key_value, model_option or ()))
    results = []
    with closing(bar("Checks", len(CHECKS), "none" if as_json else "auto", unit="check")) as shown:
        for result in check_architecture(name, plugins=tuple(plugin or ()), options=options):
            results.append(result)
            shown.update(1)
    _show_results(name, results, as_json)
    if failed := [result.name for result in results if result.passed is False]:
        raise BusicliError(
            f"the model {name} fails {len(failed)} of {len(results)} checks: {', '.join(failed)}; "
            "fix its plugin and check it again."
        )


@app.command("new", cls=PrintingCommand)
def new_model(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to make; default: NAME.")
    ] = None,
) -> None:
    """Begin an architecture of your own: its plugin file, its test and its project file."""
    from busicli.models.scaffold import new_plugin  # imported here: --help must stay fast

    folder = out or Path(name)
    files = new_plugin(name, folder)
    print(f"Written to {folder}: {', '.join(files)}")
    print(f"Look for Decide in {files[0]}, and make it yours. Then:")
    print(f"  busicli models check {name} --plugin {folder / files[0]}")
    print(f"  pip install -e {folder}")
    print(f"  busicli train --model {name}")


def _show_results(name: str, results: "list[CheckResult]", as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        print(json.dumps([asdict(result) for result in results]))
        return
    words = {True: "passed", False: "failed", None: "not tried"}
    rows = [
        {
            "check": result.name,
            "": words[result.passed],
            "what was seen": result.detail,
            "s": f"{result.seconds:.1f}",
        }
        for result in results
    ]
    _table(f"Checks of {name}", ("check", "", "what was seen", "s"), rows)


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
