"""The `busicli` program: its commands, and the one place where errors become sentences."""

import logging
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from busicli.cli import evaluate, merge, models, preprocess, report, segment, show, train
from busicli.cli.signals import STATUS
from busicli.errors import BusicliError
from busicli.names import written_name

app = typer.Typer(
    name="busicli",
    help="Segment lesions in breast-ultrasound scans, in batches. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("preprocess")(preprocess.preprocess)
app.command("train")(train.train)
app.command("eval")(evaluate.evaluate)
app.command("segment-dir")(segment.segment_dir)
app.command("merge")(merge.merge)
app.command("report")(report.report)
app.command("show")(show.show)
app.add_typer(models.app, name="models")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"busicli {version('busicli')}")
        raise typer.Exit


@app.callback()
def program(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and the libraries' own messages.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Segment lesions in breast-ultrasound scans, in batches. Not a medical device."""
    if debug:
        logging.basicConfig(level=logging.WARNING)
        logging.getLogger("busicli").setLevel(logging.DEBUG)


def main() -> None:
    """Run the command line; every error is one sentence on stderr and its exit status."""
    debug = "--debug" in sys.argv[1:]
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except BusicliError as error:
        if debug:
            raise
        _say(str(error))
        sys.exit(error.exit_status)
    except Exception as error:  # a fault of ours: still one sentence, with the way to report it
        if debug:
            raise
        _say(
            f"a fault of its own ({type(error).__name__}: {error}); please report it "
            "with the output of the same command after `busicli --debug`."
        )
        sys.exit(1)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Unwind, so that scratch files go; whole-file writes make any moment a safe one."""
    _say("stopped by SIGTERM; run again to go on.")
    sys.exit(STATUS[signal.SIGTERM])


def _say(sentence: str) -> None:
    """A sentence on stderr; what a file name may hold to upset a terminal becomes %XX."""
    from rich.console import Console
    from rich.text import Text

    lines = [written_name(line) for line in sentence.split("\n")]
    text = Text("busicli: ", style="bold red").append("\n".join(lines), style="default")
    Console(stderr=True, soft_wrap=True, highlight=False).print(text)
