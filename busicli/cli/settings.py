"""`busicli settings`, and `busicli.toml`: values for any option, one table per command.

The command line goes before the file. A file that is taken because it lies in the current folder
may come from a stranger: it sets nothing that runs code or decides what is trusted.
"""

import json
import os
import stat
import tomllib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from busicli.errors import UsageError

FILE = Path("busicli.toml")
"""Looked for in the current folder."""
LARGEST_BYTES = 100_000
"""Ten times the template: small files alone are parsed in no time, whatever they hold."""
TABLES = ("model-option", "set")
"""Options of KEY=VALUE, which can be a table too."""
SWITCHES = ("quiet", "verbose", "debug")
"""Options of every command, which can also be set for all at the top of the file."""
NAMED_ONLY = (
    *("plugin", "weights", "weights-sha256", "init", "postprocess-from", "runs"),
    *("cluster", "workers", "worker-cores", "worker-memory", "walltime", "keep-identifiers"),
    # they remove or replace files
    *("prune", "show.out", "eval.out", "preprocess.out"),
)
"""Options, of every command or of one, that only a file named with --settings may set."""
HEADER = """\
# Settings of busicli: values for options, in one table per command.
# The command line goes before this file. Paths are relative to the current folder.
# Every option is here with its default, commented out. Where nothing follows =, it has none:
# write a number, true or false, or text in "quotes". Options marked with (*) hold only in a file
# that is named with --settings, not in one that is taken from the current folder."""


def option_values(root: Any, path: Path, *, named: bool) -> dict[str, Any]:
    """The file's values as Typer's map of defaults: by command, then by parameter.

    `root` is the program's context, `named` whether the user named the file. Raises UsageError
    where the file is not TOML, or names a command, an option or a value that does not exist; of a
    file that was not named also where others may write it or where it sets what is trusted.
    """
    try:
        with path.open("rb") as file:
            if not named:
                _check_owner(path, os.fstat(file.fileno()))
            text = file.read(LARGEST_BYTES + 1)
        if len(text) > LARGEST_BYTES:
            raise UsageError(
                f"{path} is larger than {LARGEST_BYTES // 1000} kB, which settings are not; name a "
                "file of settings: --settings FILE."
            )
        tables = tomllib.loads(text.decode())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is not TOML: {error}; put text in quotes, and # before a line without a value."
        ) from error
    if not named:
        _check_harmless(path, tables)
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
            yield f"# {param.help or key}{' (*)' if _is_named_only(names, key) else ''}"
            yield f"# {key} = {_default(param)}".rstrip()


def check_location(path: Path, arguments: Iterable[object]) -> None:
    """Raise UsageError where a settings file lies among files that a command works on."""
    for argument in arguments:
        folder = Path(argument) if isinstance(argument, str | Path) else None
        if folder and folder.is_dir() and folder.resolve() in path.resolve().parents:
            raise UsageError(
                f"{path} lies in {folder}, whose files may not set options; move it, or name it: "
                f"--settings {path}."
            )


def show_settings(context: typer.Context) -> None:
    """Print a settings file with every option, to be saved as busicli.toml.

    busicli reads it from the current folder, or from where --settings says. The command line goes
    before it.
    """
    print("\n".join(template(context.find_root().command)))


def _check_owner(path: Path, found: os.stat_result) -> None:
    """Raise UsageError where another user than root owns a file, or may write it."""
    if os.name != "posix":
        return
    mine = found.st_uid in (0, os.getuid())
    by_all, by_group = found.st_mode & stat.S_IWOTH, found.st_mode & stat.S_IWGRP
    if not mine or by_all or (by_group and not _is_own_group(found.st_gid)):
        whose = "may be written by other users" if mine else "belongs to another user"
        raise UsageError(
            f"{path} {whose}; check it, then make it yours alone (chown, chmod go-w), or name it: "
            f"--settings {path}."
        )


def _is_own_group(gid: int) -> bool:
    """Whether a group is the user's alone, as most systems make one for each user."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}


def _check_harmless(path: Path, tables: dict[str, Any], *command: str) -> None:
    for name, value in tables.items():
        if _is_named_only(command, name):
            raise UsageError(
                f"{path} sets {name}, which only a file that you name may set; check the file, "
                f"then name it: --settings {path}."
            )
        if isinstance(value, dict) and name not in TABLES:
            _check_harmless(path, value, *command, name)


def _is_named_only(command: tuple[str, ...], option: str) -> bool:
    return option in NAMED_ONLY or ".".join((*command, option)) in NAMED_ONLY


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
        value = [f"{name}={json.dumps(one, default=str)}" for name, one in joined_keys(value)]
    several = param.multiple or param.nargs != 1
    if several != isinstance(value, list):
        raise typer.BadParameter(f"it must be {'a list' if several else 'one value'}")
    param.process_value(context, value)
    return value


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def joined_keys(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Keys of nested tables joined by dots: augmentation.gamma."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from joined_keys(value, f"{before}{key}.")
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
