"""Standard streams that are closed, full or missing, and text that would take over a terminal."""

import io
import os
import signal
import subprocess
import sys

import pytest

from busicli.cli.streams import _RawStream, _TextStream
from busicli.io.escaping import escape_controls, escape_csv_formula

HOSTILE = "a\x1b[2J\x1b]0;title\x07\r\x9b1mb\u202ec\u2066\ud800\n"
HARMLESS = "a%1B[2J%1B]0;title%07%0D%C2%9B1mb%E2%80%AEc%E2%81%A6%ED%A0%80\n"
NOTICE = "Not a medical device"


def busicli(*args: object, cwd, redirect: str = "", **options) -> "subprocess.CompletedProcess":
    """The program with the shell's redirections."""
    command = f'exec "$0" -m busicli "$@" {redirect}'
    words = ["sh", "-c", command, sys.executable, *map(str, args)]
    return subprocess.run(words, cwd=cwd, capture_output=True, check=False, **options)


@pytest.fixture
def ward(scans, tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "x.png").symlink_to(scans / "benign" / "phantom-01.png")
    return tmp_path


def test_what_takes_over_a_terminal_becomes_percent_codes():
    assert escape_controls(HOSTILE) == HARMLESS


@pytest.mark.parametrize("redirect", [">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_streams_that_are_closed_or_full_do_not_stop_the_work(ward, redirect):
    ended = busicli("segment-dir", "scans", "out", cwd=ward, redirect=redirect)
    assert ended.returncode == 0
    assert (ward / "out" / "masks" / "x.png").is_file()
    assert (ward / "out" / "manifest.jsonl").read_text().count("\n") == 1


@pytest.mark.parametrize("redirect", [">&-", ">/dev/full"])
def test_results_that_were_asked_for_and_cannot_be_printed_are_an_error(ward, redirect):
    ended = busicli("segment-dir", "scans", "out", "--json", cwd=ward, redirect=redirect)
    assert ended.returncode == 1
    last = ended.stderr.decode().splitlines()[-1]
    assert last.startswith("busicli: the results could not be written to stdout: ")
    assert (ward / "out" / "masks" / "x.png").is_file()  # nor does it stop the work
    settings = busicli("settings", cwd=ward, redirect=redirect)
    assert settings.returncode == 1
    assert b"could not be written to stdout" in settings.stderr


def test_a_list_on_a_closed_stdin_is_an_error_and_no_empty_list(ward):
    ended = busicli("segment-dir", "-", "out", cwd=ward, redirect="<&-")
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"busicli: stdin is closed; ")


@pytest.mark.parametrize("locale", ["C", "de_DE.ISO-8859-1", "POSIX"])
def test_json_is_utf8_whatever_the_locale(ward, locale):
    (ward / "scans" / "x.png").rename(ward / "scans" / "Müller 乳房.png")
    environment = os.environ | {"LC_ALL": locale, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    ended = busicli("segment-dir", "scans", "out", "--dry-run", "--json", cwd=ward, env=environment)
    assert '"scan": "Müller 乳房.png"' in ended.stdout.decode("utf-8")


def written(text: str, terminal: bool) -> str:
    """What arrives of a text that is printed to a terminal, or elsewhere."""
    ours, theirs = os.openpty() if terminal else os.pipe()[::-1]
    raw = _RawStream(theirs if terminal else ours)
    stream = _TextStream(io.BufferedWriter(raw), encoding="utf-8", newline="\n")
    print(text, end="", file=stream, flush=True)
    data = os.read(ours if terminal else theirs, 1000)
    os.close(ours)
    os.close(theirs)
    return data.decode().replace("\r\n", "\n")


def test_nothing_that_is_printed_takes_over_a_terminal_or_a_log():
    assert written(HOSTILE, terminal=False) == HARMLESS
    assert written(HOSTILE, terminal=True) == HARMLESS.replace("%0D", "\r")
    styled = "\x1b[1;31mbusicli: \x1b[0mno\n"  # as errors are printed
    assert written(styled, terminal=True) == styled
    assert "\x1b" not in written(styled, terminal=False)
    assert "\x1b[8m" not in written("\x1b[8mhidden\x1b[0m", terminal=True)


@pytest.mark.parametrize("first", "=+-@\uff1d\uff0b\uff0d\uff20")
def test_a_spreadsheet_runs_no_cell_in_any_width(first):
    assert escape_csv_formula(f"{first}1+1.png") == f"'{first}1+1.png"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_the_very_end_changes_no_status(number):
    # what is registered first is called last
    script = (
        "import atexit, os, sys\n"
        f"atexit.register(os.kill, os.getpid(), {int(number)})\n"
        "from busicli.cli.app import main\n"
        "sys.argv = ['busicli', '--version']\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
