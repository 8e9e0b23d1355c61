"""The standard streams: always there, in UTF-8, harmless to a terminal, and never in the way.

A stream that is closed, missing or full does not stop the work. Where results were asked for on
stdout, what could not be written is an error at the end.
"""

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TextIO

from busicli.errors import BusicliError
from busicli.io.escaping import escape_controls

_STYLES = re.compile(r"\x1b\[(?:(?:[0-4]|2[2-4]|3[1-7]|39|9[0-7]|[34]8;5;\d+)?;?)*m|\x1b\[K")
"""Colours and weights of letters, as tables and errors have on a terminal."""


class _RawStream(io.RawIOBase):
    """Writes to a descriptor; what cannot be written is dropped, and the first reason kept."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.error: OSError | None = None
        self.results = False
        """Whether what is written are results that were asked for."""

    def write(self, data: Any, /) -> int:
        left = memoryview(data).cast("B")
        with suppress(_DroppedError):
            while left:
                left = left[self._written(left) :]
        return len(data)

    def _written(self, data: memoryview) -> int:
        try:
            return os.write(self.descriptor, data)
        except BrokenPipeError:
            if self.results:  # nobody is left to work for
                raise
            raise _DroppedError from None
        except OSError as error:
            self.error = self.error or error
            raise _DroppedError from None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)


class _DroppedError(Exception):
    pass


class _TextStream(io.TextIOWrapper):
    """Text without what could take over a terminal: control characters become %XX."""

    def write(self, text: str, /) -> int:
        if not self.isatty():
            return super().write(escape_controls(text))
        kept = _STYLES.findall(text)
        parts = [escape_controls(part, also="\r") for part in _STYLES.split(text)]
        styled = "".join(part + style for part, style in zip(parts, [*kept, ""], strict=True))
        return super().write(styled)


@dataclass(frozen=True, slots=True)
class Streams:
    """The program's stdout, and what became of it."""

    raw_stdout: _RawStream

    def check(self) -> None:
        """Raise BusicliError where results that were asked for could not be written."""
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        error = self.raw_stdout.error
        if self.raw_stdout.results and error is not None:
            raise BusicliError(
                f"the results could not be written to stdout: {error.strerror}; write them to a "
                "file on a disk with room, or leave --json out."
            )


def results_on_stdout() -> None:
    """Note that this command's stdout is what the user asked for, not only a summary."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _RawStream):
        raw.results = True


def draw_on_terminal(drawing: str) -> None:
    """Write a drawing of our own to the terminal, its control characters as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(drawing.encode())
    sys.stdout.buffer.flush()


@contextmanager
def standard_streams() -> Iterator[Streams]:
    """Within the block stdin, stdout and stderr are there, whatever the program was started with.

    A missing one would give its number to the next file that is opened, and messages of libraries
    would be written into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest free number
    before = sys.stdout, sys.stderr
    for stream in before:
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
    raw, other = _RawStream(1), _RawStream(2)
    sys.stdout, sys.stderr = _text(raw), _text(other)
    try:
        yield Streams(raw)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _text(raw: _RawStream) -> TextIO:
    return _TextStream(
        io.BufferedWriter(raw),
        encoding="utf-8",
        errors="backslashreplace",
        newline="\n",
        line_buffering=True,
    )
