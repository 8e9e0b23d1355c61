"""Options that every command takes, before or after its name: --quiet, --settings and the like."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from busicli.cli.settings import FILE, SWITCHES, option_values
from busicli.errors import UsageError

PANEL = "Every command"
_READ = "busicli.settings"
"""Key of the path of the settings file that was read, in the context's `meta`."""


def read_settings(context: typer.Context, path: Path | None) -> Path | None:
    """Take defaults from the settings file: named here, named before the command, or the usual one.

    UsageError where the file is wrong.
    """
    if context.resilient_parsing:  # a shell completes the line
        return path
    named = path or context.find_root().params.get("settings_file")
    if named is not None or FILE.is_file():
        values = option_values(context.find_root(), named or FILE)
        of_all = {name: values[name] for name in SWITCHES if name in values}
        for name in _names(context):
            values = values.get(name, {})
        context.default_map = of_all | values
        context.meta[_READ] = named or FILE
    return path


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print only errors, warnings and JSON.", rich_help_panel=PANEL
    ),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Print the result of each scan.", rich_help_panel=PANEL),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug", help="Print tracebacks and messages of libraries.", rich_help_panel=PANEL
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="File with values for any option. Default: busicli.toml, if it exists.",
        rich_help_panel=PANEL,
        is_eager=True,
        callback=read_settings,
    ),
]


def with_switches(
    function: Callable[..., None], *, prints_file: bool = False
) -> Callable[..., None]:
    """A command that takes the switches too.

    With `prints_file` its output is a file's text: neither silenced, nor changed by settings.
    """
    types = {"quiet": Quiet, "verbose": Verbose, "debug": Debug}
    own: dict[str, Any] = types if prints_file else {"settings_file": SettingsFile, **types}
    signature = inspect.signature(function)
    parameters = dict(signature.parameters)
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters.setdefault("context", context)
    for name, kind in own.items():
        default = None if name == "settings_file" else False
        parameters[name] = inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
        )

    @wraps(function)
    def command(context: typer.Context, **values: Any) -> None:
        given = {name: values[name] for name in signature.parameters if name != "context"}
        if "context" in signature.parameters:
            given["context"] = context
        quiet = _switched(context, values)
        as_json = values.get("as_json", False)
        with _quietly(all_of_stdout=not as_json) if quiet and not prints_file else nullcontext():
            function(**given)

    command.__signature__ = signature.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
    command.__annotations__ = function.__annotations__ | own | {"context": typer.Context}
    return command


def _switched(context: typer.Context, values: dict[str, Any]) -> bool:
    """Set up logging; whether to be quiet. The command line goes before a settings file."""
    root = context.find_root().params
    on_line = {name for name in SWITCHES if root.get(name) or _on_line(context, name)}
    if {"quiet", "verbose"} <= on_line:
        raise UsageError("--quiet and --verbose are opposites; leave one of them out.")
    wanted = on_line | {name for name in SWITCHES if values[name]}
    if "verbose" in on_line:
        wanted.discard("quiet")
    quiet = "quiet" in wanted
    if "debug" in wanted or ("verbose" in wanted and not quiet):
        import logging  # slow to load

        form = "%(message)s" if sys.stderr.isatty() else "%(asctime)s %(message)s"
        logging.basicConfig(level=logging.WARNING, format=form, datefmt="%Y-%m-%d %H:%M:%S")
        logging.getLogger("busicli").setLevel(logging.DEBUG if "debug" in wanted else logging.INFO)
    if _READ in context.meta and not quiet:
        print(f"Settings read from {context.meta[_READ]}.", file=sys.stderr)
    return quiet


def _names(context: Any) -> list[str]:
    """The command's name, after those of its groups."""
    if context.parent is None:
        return []
    return [*_names(context.parent), str(context.info_name)]


def _on_line(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@contextmanager
def _quietly(*, all_of_stdout: bool) -> Iterator[None]:
    from busicli.cli.progress import quietly  # tqdm is not needed for --help

    with quietly(all_of_stdout=all_of_stdout):
        yield
