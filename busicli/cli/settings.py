"""`busicli settings`, and `busicli.toml`: values for any option, one table per command.

The command line goes before the file.
"""

import json
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from busicli.errors import UsageError

FILE = Path("busicli.toml")
"""Looked for in the current folder."""
TABLES = ("model-option", "set")
"""Options of KEY=VALUE, which can be a table too."""
SWITCHES = ("quiet", "verbose", "debug")
"""Options of every command, which can also be set for all at the top of the file."""
HEADER = """\
# Settings of busicli: values for options, in one table per command.
# The command line goes before this file. Paths are relative to the current folder.
# Every option is here with its default, commented out. Where nothing follows =, it has none:
# write a number, true or false, or text in "quotes"."""


def option_values(root: Any, path: Path) -> dict[str, Any]:
    """The file's values as Typer's map of defaults: by command, then by parameter.

    `root` is the program's context. Raises UsageError where the file is not TOML, or names a
    command, an option or a value that does not exist.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(
            f"{path} is not TOML: {error}; put text in quotes, and # before a line without a value."
        ) from error
    return {
        name: _switch(path, name, value)
        if name in SWITCHES
        else _of_command(root, path, (name,), value)
        for name, value in tables.items()
    }


def template(program: Any) -> Iterator[str]:
    """The lines of a settings file that holds every option with its default, commented out."""
    yield HEADER
    yield ""
    yield "# Of every command:"
    yield from (f"# {name} = false" for name in SWITCHES)
    for names, command in _commands(program, ()):
        options = {k: v for k, v in _options(command).items() if k not in SWITCHES}
        if not options:
            continue
        yield ""
        yield f"[{'.'.join(names)}]"
        for key, param in options.items():
            yield f"# {param.help or key}"
            yield f"# {key} = {_default(param)}".rstrip()


def show_settings(context: typer.Context) -> None:
    """Print a settings file with every option, to be saved as busicli.toml.

    busicli reads it from the current folder, or from where --settings says. The command line goes
    before it.
    """
    print("\n".join(template(context.find_root().command)))


def _commands(command: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield names, command
        return
    for name, one in subcommands.items():
        yield from _commands(one, (*names, name))


def _switch(path: Path, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{path}: {name} is {_json(value)}; it must be true or false.")
    return value


def _of_command(
    context: typer.Context, path: Path, names: tuple[str, ...], table: Any
) -> dict[str, Any]:
    """The values of one command's table; for a group, the tables of its commands."""
    where = f"{path}: [{'.'.join(names)}]"
    commands = getattr(context.command, "commands", {})
    command = commands.get(names[-1])
    if command is None:
        raise UsageError(f"{where} is not a command{_suggestion(names[-1], commands)}")
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {names[-1]} must be a table: write [{names[-1]}].")
    own = typer.Context(command, info_name=names[-1], parent=context)
    if getattr(command, "commands", None):
        return {name: _of_command(own, path, (*names, name), t) for name, t in table.items()}
    options = _options(command)
    values = {}
    for key, value in table.items():
        if key not in options:
            raise UsageError(f"{where} has no option {key}{_suggestion(key, options)}")
        param = options[key]
        try:
            values[param.name] = _checked(own, param, key, value)
        except typer.BadParameter as error:
            reason = error.message.removeprefix("Value error, ").rstrip(".")
            raise UsageError(f"{where} {key} is {_json(value)}: {reason}.") from error
    return values


def _checked(context: typer.Context, param: Any, key: str, value: Any) -> Any:
    """The value as Typer takes it from a map of defaults; BadParameter where it is refused."""
    if param.is_flag != isinstance(value, bool):
        wanted = "true or false, without quotes" if param.is_flag else "a value, not true or false"
        raise typer.BadParameter(f"it must be {wanted}")
    if key in TABLES and isinstance(value, dict):
        value = [f"{name}={json.dumps(one, default=str)}" for name, one in _flat(value)]
    several = param.multiple or param.nargs != 1
    if several != isinstance(value, list):
        raise typer.BadParameter(f"it must be {'a list' if several else 'one value'}")
    param.process_value(context, value)
    return value


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def _flat(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Keys of nested tables joined by dots: augmentation.gamma."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def _options(command: Any) -> dict[str, Any]:
    """A command's options by their names on the command line, without dashes."""
    return {
        param.opts[0].lstrip("-"): param
        for param in command.params
        if param.param_type_name == "option" and param.name not in ("help", "settings_file")
    }


def _default(param: Any) -> str:
    """The default in TOML; empty where there is none."""
    if param.multiple:
        return "[]"
    if param.default is None:
        return ""
    if param.is_flag:
        return "true" if param.default else "false"
    is_number = isinstance(param.default, int | float)
    return str(param.default) if is_number else json.dumps(str(param.default))


def _suggestion(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else "."
