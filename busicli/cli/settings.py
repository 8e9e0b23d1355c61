"""`busicli settings`, and `busicli.toml`: values for any option, a table a command.

The command line goes first.
"""

import json
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from busicli.cli.usage import needed
from busicli.errors import UsageError

FILE = Path("busicli.toml")
"""Looked for in the current folder."""
TABLES = ("model-option", "set")
"""Options of KEY=VALUE, which may stand as a table too."""


def option_values(context: typer.Context, path: Path) -> dict[str, Any]:
    """What the file says, as click's default map: by command, by parameter.

    `context` is the program's. Raises UsageError for what is no TOML, no command, no option of it
    or no value for that.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(
            f"{path} is no TOML: {error}; text stands in quotes, and a line without a value "
            "begins with #."
        ) from error
    return {name: _of_command(context, path, (name,), table) for name, table in said.items()}


def template(program: Any) -> Iterator[str]:
    """The lines of a settings file that holds every option as it is by default, commented out."""
    yield "# Settings of busicli: a value for any option, in a table for each command."
    yield "# What the command line says goes first. Paths are below the current folder."
    yield "# Every option stands here as it is by default; where nothing follows =, it is not set:"
    yield '# write a number, true or false, or text in "quotes" there.'
    for names, command in _commands(program, ()):
        options = list(_options(command).items())
        if not options:
            continue
        yield ""
        yield f"[{'.'.join(names)}]"
        for key, param in options:
            yield f"# {param.help or key}"
            yield f"# {key} = {_written(param)}".rstrip()


def _commands(command: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield names, command
        return
    for name, one in below.items():
        yield from _commands(one, (*names, name))


def _of_command(
    context: typer.Context, path: Path, names: tuple[str, ...], table: Any
) -> dict[str, Any]:
    """The values of one command's table; of a group's, its commands' tables."""
    where = f"{path}: [{'.'.join(names)}]"
    commands = getattr(context.command, "commands", {})
    command = commands.get(names[-1])
    if command is None:
        raise UsageError(f"{where} is no command{_meant(names[-1], commands)}")
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {names[-1]} must be a table, as [{names[-1]}].")
    own = typer.Context(command, info_name=names[-1], parent=context)
    if getattr(command, "commands", None):
        return {name: _of_command(own, path, (*names, name), t) for name, t in table.items()}
    options = _options(command)
    found = {}
    for key, value in table.items():
        if key not in options:
            raise UsageError(f"{where} has no option {key}{_meant(key, options)}")
        param = options[key]
        try:
            found[param.name] = _checked(own, param, key, value)
        except typer.BadParameter as error:
            raise UsageError(
                f"{where} {key} is {_shown(value)}; it must be {needed(error)}."
            ) from error
    return found


def _checked(context: typer.Context, param: Any, key: str, value: Any) -> Any:
    """The value as click takes it from a default map; BadParameter where the option cannot."""
    if param.is_flag != isinstance(value, bool):
        raise typer.BadParameter(
            "true or false, without quotes" if param.is_flag else "no true or false"
        )
    if key in TABLES and isinstance(value, dict):
        value = [f"{name}={json.dumps(one, default=str)}" for name, one in _flat(value)]
    several = param.multiple or param.nargs != 1
    if several != isinstance(value, list):
        raise typer.BadParameter("a list" if several else "one value")
    param.process_value(context, value)
    return value


def _shown(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def _flat(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Keys joined by dots: augmentation.gamma of a table in a table."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def _options(command: Any) -> dict[str, Any]:
    """By the name that they have on the command line, without dashes."""
    return {
        param.opts[0].lstrip("-"): param
        for param in command.params
        if param.param_type_name == "option" and param.name != "help"
    }


def _written(param: Any) -> str:
    """The default in TOML; nothing where there is none."""
    if param.multiple:
        return "[]"
    if param.default is None:
        return ""
    if param.is_flag:
        return "true" if param.default else "false"
    is_number = isinstance(param.default, int | float)
    return str(param.default) if is_number else json.dumps(str(param.default))


def _meant(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else "."


def show_settings(context: typer.Context) -> None:
    """Print a settings file with every option as it is by default, to be kept as busicli.toml.

    It is read from the current folder, or from where --settings says; the command line goes first.
    """
    print("\n".join(template(context.find_root().command)))
