"""Options that every command takes, before or after its name: --quiet, --settings and the like."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from busicli.cli.options import option_under
from busicli.cli.settings import FILE, SWITCHES, check_location, option_values
from busicli.cli.streams import results_on_stdout
from busicli.errors import UsageError
from busicli.io.library_messages import silence_libraries
from busicli.parallel.limits import check_limits

in_every = option_under("Every command")
_READ = "busicli.settings"
"""Key of the path of the settings file that was read, in the context's `meta`."""
_NAMED = "busicli.settings.named"
"""Key of whether the user named that file."""
_FOLDERS = ("scans", "out")
"""Arguments and options that name folders which a command reads or writes."""


def read_settings(context: typer.Context, path: Path | None) -> Path | None:
    """Take defaults from the settings file: named here, named before the command, or the usual one.

    UsageError where the file is wrong.
    """
    if context.resilient_parsing:  # a shell completes the line
        return path
    named = path or context.find_root().params.get("settings_file")
    if named is not None or FILE.is_file():
        values = option_values(context.find_root(), named or FILE, named=named is not None)
        of_all = {name: values[name] for name in SWITCHES if name in values}
        for name in _names(context):
            values = values.get(name, {})
        context.default_map = of_all | values
        context.meta[_READ] = named or FILE
        context.meta[_NAMED] = named is not None
    return path


Quiet = Annotated[bool, in_every("--quiet", "-q", help="Print only errors, warnings and JSON.")]
Verbose = Annotated[bool, in_every("--verbose", "-v", help="Print the result of each scan.")]
Debug = Annotated[bool, in_every("--debug", help="Print tracebacks and messages of libraries.")]
SettingsFile = Annotated[
    Path | None,
    in_every(
        "--settings",
        metavar="FILE",
        help="File with values for any option. Default: busicli.toml, if it exists.",
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
        check_limits()
        as_json = values.get("as_json", False)
        if as_json or prints_file:
            results_on_stdout()
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
    if "debug" not in wanted:
        silence_libraries()
    if _READ in context.meta:
        _report_settings(context, quiet=quiet)
    return quiet


def _report_settings(context: typer.Context, *, quiet: bool) -> None:
    """Say which values were taken from the settings file; UsageError where it is misplaced."""
    path = context.meta[_READ]
    params = context.command.params
    if not context.meta[_NAMED]:
        given = (context.params.get(name) for name in _FOLDERS)
        check_location(path, (*given, *(context.params.get("datasets") or ())))
    from_file = (p for p in params if p.name and _source(context, p.name) == "DEFAULT_MAP")
    taken = ", ".join(p.opts[0].lstrip("-") for p in from_file)
    if not quiet:
        print(f"Settings read from {path}: {taken or 'none'}.", file=sys.stderr)


def _names(context: Any) -> list[str]:
    """The command's name, after those of its groups."""
    if context.parent is None:
        return []
    return [*_names(context.parent), str(context.info_name)]


def _on_line(context: typer.Context, name: str) -> bool:
    return _source(context, name) == "COMMANDLINE"


def _source(context: typer.Context, name: str) -> str:
    source = context.get_parameter_source(name)
    return source.name if source is not None else ""


@contextmanager
def _quietly(*, all_of_stdout: bool) -> Iterator[None]:
    from busicli.cli.progress import quietly  # tqdm is not needed for --help

    with quietly(all_of_stdout=all_of_stdout):
        yield
