"""The `busicli` program: its commands, and the one place where errors become sentences."""

import logging
import sys
from typing import Annotated

import typer

from busicli.cli import evaluate, models, preprocess, segment, train
from busicli.errors import BusicliError

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
app.add_typer(models.app, name="models")

INTERRUPTED = 130


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
    """Run the command line; every error of our own is one sentence and its exit status."""
    debug = "--debug" in sys.argv[1:]
    try:
        app()
    except BusicliError as error:
        if debug:
            raise
        print(f"busicli: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        print("busicli: stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:  # a fault of ours: still one sentence, with the way to report it
        if debug:
            raise
        print(
            f"busicli: a fault of its own ({type(error).__name__}: {error}); "
            "please report it with the output of the same command after `busicli --debug`.",
            file=sys.stderr,
        )
        sys.exit(1)
