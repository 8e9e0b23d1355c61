"""Progress on stderr: a bar on a terminal, else a dated line every 10 s, or JSON lines."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from tqdm import tqdm

if TYPE_CHECKING:
    from busicli.types import Track

T = TypeVar("T")
Form = Literal["auto", "json", "none"]
SECONDS_A_LINE = 10.0
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


class _Lines(tqdm):
    """The timing and estimates of tqdm, written as whole lines: a bar would fill a log."""

    _written = ""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Write the state on its own line, unless it is the last one written."""
        text = str(self) if msg is None else msg
        if text and text != self._written:
            self._written = text
            self._write(text)

    def _write(self, text: str) -> None:
        print(f"{_now()} {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Write the last state if it is to stay, without the empty line that ends a bar."""
        if not self.disable:
            if self.leave:
                self.display()
            self.sp = None
        super().close()


class _JsonLines(_Lines):
    def __str__(self) -> str:
        state = self.format_dict
        return json.dumps(
            {
                "stage": self.desc.removesuffix(": "),
                "done": state["n"],
                "total": state["total"],
                "elapsed_s": round(state["elapsed"], 1),
            }
        )

    def _write(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def bar(
    label: str, total: int, form: Form = "auto", *, unit: str = "scan", leave: bool = True
) -> Any:
    """A tqdm object for `total` pieces of work; the caller updates and closes it.

    Without a terminal, `leave` writes its first and last state too, not only one every 10 s.
    """
    if form == "none" or is_quiet():
        return tqdm(total=total, disable=True)
    often = {"mininterval": SECONDS_A_LINE, "maxinterval": SECONDS_A_LINE}
    if form == "json":
        return _JsonLines(desc=label, total=total, **often)
    if sys.stderr.isatty():
        return tqdm(desc=label, total=total, unit=unit, dynamic_ncols=True, leave=False)
    text = "{desc}: {n_fmt} of {total_fmt} after {elapsed}, {remaining} left"
    delay = 0 if leave else SECONDS_A_LINE
    return _Lines(desc=label, total=total, bar_format=text, leave=leave, delay=delay, **often)


def print_dated(text: str) -> None:
    """A line on stderr, unless this runs inside `quietly`; dated where that is not a terminal."""
    if not is_quiet():
        date = "" if sys.stderr.isatty() else f"{_now()} "
        print(f"{date}{text}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as tqdm writes them: 01:05 or 2:01:05."""
    text: str = tqdm.format_interval(seconds)
    return text


def is_quiet() -> bool:
    """Whether this runs inside `quietly`."""
    return _quiet.get()


@contextmanager
def quietly(*, all_of_stdout: bool) -> Iterator[None]:
    """No progress within the block and, with `all_of_stdout`, nothing on stdout.

    Errors and warnings stay.
    """
    token = _quiet.set(True)
    with ExitStack() as stack:
        stack.callback(_quiet.reset, token)
        if all_of_stdout:
            devnull = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(devnull))
        yield


def tracked(label: str, form: Form = "auto") -> "Track[T]":
    """A function that passes results through and shows how many have come."""

    def track(results: Iterator[T], total: int) -> Iterable[T]:
        with closing(bar(label, total, form)) as shown:
            for result in results:
                yield result
                shown.update(1)

    return track


def _now() -> str:
    return f"{datetime.now():%Y-%m-%d %H:%M:%S}"
