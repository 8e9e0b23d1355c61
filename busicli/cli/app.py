"""The `busicli` program: its commands, and the one place where errors become sentences."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from busicli.cli import (
    evaluate,
    merge,
    models,
    preprocess,
    report,
    review,
    segment,
    settings,
    show,
    train,
)
from busicli.cli.signals import stop_behind, stop_on_signals
from busicli.cli.streams import Streams, standard_streams
from busicli.cli.switches import Debug, Quiet, Verbose, with_switches
from busicli.errors import BusicliError
from busicli.io.escaping import percent_escape
from busicli.parallel.limits import limit_reached

SEGMENT, TRAIN = "Segment scans", "Train and evaluate models"
SUMMARY = "Segment lesions in breast-ultrasound scans, in batches. Not a medical device."


def _examples(*lines: str) -> str:
    """The end of a help text; its lines are kept as they are."""
    return "\n\n".join(("Examples:", "\n".join(f"    {line}" for line in lines)))


app = typer.Typer(
    name="busicli",
    help=SUMMARY,
    epilog=_examples("busicli segment-dir scans out", "busicli segment-dir --help"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _command(
    name: str,
    function: Callable[..., None],
    panel: str,
    short: str,
    *examples: str,
    prints_file: bool = False,
) -> None:
    """Add a command; `short` describes it in the program's help."""
    add = app.command(name, rich_help_panel=panel, short_help=short, epilog=_examples(*examples))
    add(with_switches(function, prints_file=prints_file))


_command(
    *("segment-dir", segment.segment_dir, SEGMENT, "Segment every scan in a folder."),
    "busicli segment-dir scans out",
    "busicli segment-dir scans out --dry-run",
    "find scans -name '*.dcm' -print0 | busicli segment-dir -0 - out",
)
_command(
    *("report", report.report, SEGMENT, "Write the page of all scans, worst first."),
    "busicli report out --inline",
)
_command(
    *("review", review.review, SEGMENT, "Apply what people decided on the page."),
    "busicli review out reviews.json",
)
_command(
    *("show", show.show, SEGMENT, "Show one scan: contours and measurements."),
    "busicli show scan.png --out contours.png",
)
_command(
    *("merge", merge.merge, SEGMENT, "Merge a run in parts."),
    "busicli segment-dir scans out --part 1/2",
    "busicli segment-dir scans out --part 2/2",
    "busicli merge out",
)
_command(
    *("preprocess", preprocess.preprocess, TRAIN, "Prepare data sets for training."),
    "busicli preprocess Dataset_BUSI_with_GT",
    "busicli preprocess BUSI BUSBRA --size 192 --out both",
)
_command(
    *("train", train.train, TRAIN, "Train a model on prepared data."),
    "busicli train --model unet --epochs 50",
    "busicli train --folds 5 --name cv --set augmentation.gamma=0.2",
    "busicli train --resume",
)
_command(
    *("eval", evaluate.evaluate, TRAIN, "Score weights, or masks made by any tool."),
    "busicli eval --split test",
    "busicli eval --predictions theirs --reference data --split test",
    "busicli eval --compare eval/one eval/other",
)
app.add_typer(models.app, name="models", rich_help_panel=TRAIN)
_command(
    *("settings", settings.show_settings, "Settings", "Print a settings file with every option."),
    "busicli settings > busicli.toml",
    prints_file=True,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"busicli {version('busicli')}")
        raise typer.Exit


@app.callback()
def program(
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="File with values for any option. Default: busicli.toml, if it exists.",
            rich_help_panel="Every command",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Segment lesions in breast-ultrasound scans, in batches. Not a medical device."""
    # each command reads these itself: they may stand before or after its name


def main() -> None:
    """Run the command line; every error of ours is one sentence on stderr and an exit status.

    Typer prints errors of usage itself, and exits with 2.
    """
    stop_on_signals()
    with standard_streams() as streams:
        try:
            _run(streams)
        except BaseException as error:
            stop = stop_behind(error)
            if isinstance(error, SystemExit) and stop is None:
                raise
            if "--debug" in sys.argv[1:]:
                traceback.print_exception(error)
            status, sentence = (int(stop.code or 0), str(stop)) if stop else _status_of(error)
            _print_error(sentence)
            sys.exit(status)


def _run(streams: Streams) -> None:
    """The command; BusicliError where it ended but its results could not be written to stdout."""
    try:
        app(prog_name="busicli")
    except SystemExit as end:
        if stop_behind(end) is None:
            streams.check()
        raise


def _status_of(error: BaseException) -> tuple[int, str]:
    """The exit status and the sentence for an error."""
    if isinstance(error, BusicliError):
        return error.exit_status, str(error)
    if reached := limit_reached(error):
        return reached.exit_status, str(reached)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or error
        return 1, f"{where}{reason}; free disk space, or correct the path or its permissions."
    return 1, (
        f"internal error ({type(error).__name__}: {error}); please report it "
        "with the output of the same command after `busicli --debug`."
    )


def _print_error(sentence: str) -> None:
    """Print to stderr; characters that could upset a terminal become %XX."""
    from rich.console import Console
    from rich.text import Text

    lines = [percent_escape(line) for line in sentence.split("\n")]
    text = Text.assemble(("busicli: ", "bold red"), "\n".join(lines))
    Console(stderr=True, soft_wrap=True, highlight=False).print(text)
