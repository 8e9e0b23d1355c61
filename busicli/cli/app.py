"""The `busicli` program: its commands, and the one place where errors become sentences."""

import logging
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from busicli.cli import evaluate, merge, models, preprocess, report, segment, settings, show, train
from busicli.cli.command import Command, PrintingCommand, Program, examples
from busicli.cli.settings import FILE as SETTINGS_FILE
from busicli.cli.settings import option_values
from busicli.cli.signals import STATUS
from busicli.cli.usage import sentence
from busicli.errors import BusicliError, UsageError
from busicli.io.escaping import percent_escape

SWITCHES = ("-q", "--quiet", "-v", "--verbose", "--debug")
"""Of the program; they may stand anywhere on the command line."""
USE, MAKE = "Segment scans", "Make and compare weights"

app = typer.Typer(
    cls=Program,
    name="busicli",
    help="Segment lesions in breast-ultrasound scans, in batches. Not a medical device.",
    epilog=examples(
        "busicli segment-dir scans out",
        "busicli segment-dir --help",
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _command(name: str, function: Callable[..., None], panel: str, short: str, *lines: str) -> None:
    """Add a command with what the program's help says of it and examples for its own."""
    app.command(
        name, cls=Command, rich_help_panel=panel, short_help=short, epilog=examples(*lines)
    )(function)


_command(
    *("segment-dir", segment.segment_dir, USE, "Segment every scan below a folder."),
    "busicli segment-dir scans out",
    "busicli segment-dir scans out --dry-run",
    "find /archive -name '*.dcm' -print0 | busicli segment-dir -0 - out --dicom seg,sr",
)
_command(
    *("report", report.report, USE, "Write the page to look through, worst scans first."),
    "busicli report out --inline",
)
_command(
    *("show", show.show, USE, "Look at one scan: contours and measurements."),
    "busicli show scan.png --out contours.png",
)
_command(
    *("merge", merge.merge, USE, "Make one whole of a run in parts."),
    "busicli segment-dir scans out --part 1/2",
    "busicli segment-dir scans out --part 2/2",
    "busicli merge out",
)
_command(
    *("preprocess", preprocess.preprocess, MAKE, "Prepare data sets for training."),
    "busicli preprocess Dataset_BUSI_with_GT",
    "busicli preprocess BUSI BUSBRA --size 192 --out both",
)
_command(
    *("train", train.train, MAKE, "Train a model on prepared data."),
    "busicli train --model unet --epochs 50",
    "busicli train --folds 5 --name cv --set augmentation.gamma=0.2",
    "busicli train --resume",
)
_command(
    *("eval", evaluate.evaluate, MAKE, "Score weights, or masks made by any tool."),
    "busicli eval --split test",
    "busicli eval --predictions theirs --reference data --split test",
    "busicli eval --compare eval/one eval/other",
)
app.add_typer(models.app, name="models", rich_help_panel=MAKE)
app.command(
    "settings",
    cls=PrintingCommand,
    rich_help_panel="Convenience",
    short_help="Print every option for a settings file.",
    epilog=examples("busicli settings > busicli.toml"),
)(settings.show_settings)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"busicli {version('busicli')}")
        raise typer.Exit


@app.callback()
def program(
    context: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing but errors, warnings and JSON.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more: what became of each scan.")
    ] = False,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="Values for options of any command; default: busicli.toml, if it is here.",
        ),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and the libraries' own messages.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Segment lesions in breast-ultrasound scans, in batches. Not a medical device."""
    if quiet and verbose:
        raise UsageError("--quiet and --verbose ask for opposites; leave one of them out.")
    if debug or verbose:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        logging.getLogger("busicli").setLevel(logging.DEBUG if debug else logging.INFO)
    path = settings_file or SETTINGS_FILE
    read = context.invoked_subcommand != "settings"  # it helps to fix a file that is wrong
    if read and (settings_file is not None or path.is_file()):
        context.default_map = option_values(context, path)
        if not quiet:
            print(f"Settings of {path}.", file=sys.stderr)


def main() -> None:
    """Run the command line; every error is one sentence on stderr and its exit status."""
    debug = "--debug" in sys.argv[1:]
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _terminate)
    # a job that a script starts in the background inherits Ctrl-C as ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(_run(_switches_first(sys.argv[1:])))
    except _TerminatedError:
        _say("stopped by SIGTERM; run again to resume.")
        raise
    except TyperException as error:
        if error.message.startswith("Usage: "):  # nothing was given: the help itself
            print(error.message, file=sys.stderr)
        else:
            _say(sentence(error, _command_of(_switches_first(sys.argv[1:]))))
        sys.exit(error.exit_code)
    except BusicliError as error:
        if debug:
            traceback.print_exception(error)
        _say(str(error))
        sys.exit(error.exit_status)
    except OSError as error:
        if debug:
            traceback.print_exception(error)
        where = f"{error.filename}: " if error.filename else ""
        _say(f"{where}{error.strerror or error}; make room, or correct or allow the path.")
        sys.exit(1)
    except Exception as error:  # an error of ours: still one sentence, with the way to report it
        if debug:
            raise
        _say(
            f"an internal error ({type(error).__name__}: {error}); please report it "
            "with the output of the same command after `busicli --debug`."
        )
        sys.exit(1)


def _run(words: Sequence[str]) -> int | None:
    """The exit status of a command line.

    A stop that came where exceptions are wrapped (as Python 3.11 does while a class is made, or a
    plugin that catches all) is a stop all the same.
    """
    try:
        status: int | None = app(words, standalone_mode=False)
        return status
    except Exception as error:
        within: BaseException | None = error
        while within is not None:
            if isinstance(within, _TerminatedError):
                raise within from None
            if isinstance(within, KeyboardInterrupt):
                return STATUS[signal.SIGINT]
            within = within.__cause__ or within.__context__
        raise


def _switches_first(words: Sequence[str]) -> list[str]:
    """The command line with the program's options before the command, wherever they stood."""
    end = words.index("--") if "--" in words else len(words)
    first: list[str] = []
    rest: list[str] = []
    given = iter(words[:end])
    for word in given:
        ours = word in SWITCHES or word.partition("=")[0] == "--settings"
        (first if ours else rest).append(word)
        if word == "--settings":
            first.extend(islice(given, 1))
    return [*first, *rest, *words[end:]]


def _command_of(words: Sequence[str]) -> str:
    """The program with the command that a line names, as far as it names one."""
    named: Any = typer.main.get_command(app)
    path = ["busicli"]
    for word in words:
        below = getattr(named, "commands", {})
        if word in below:
            named = below[word]
            path.append(word)
    return " ".join(path)


class _TerminatedError(SystemExit):
    """SIGTERM came."""


def _terminate(number: int, frame: FrameType | None) -> None:
    """Unwind, so that scratch files go; whole-file writes make any moment a safe one.

    Nothing is said here: a signal may come inside a write to stderr, which must not begin again.
    """
    raise _TerminatedError(STATUS[signal.SIGTERM])


def _say(sentence: str) -> None:
    """A sentence on stderr; what a file name may hold to upset a terminal becomes %XX."""
    from rich.console import Console
    from rich.text import Text

    lines = [percent_escape(line) for line in sentence.split("\n")]
    text = Text.assemble(("busicli: ", "bold red"), "\n".join(lines))
    Console(stderr=True, soft_wrap=True, highlight=False).print(text)
