"""Progress on stderr: a bar on a terminal, elsewhere a line every ten seconds or JSON lines."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, TypeVar

from tqdm import tqdm

T = TypeVar("T")
Form = Literal["auto", "json", "none"]
SECONDS_A_LINE = 10.0
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


class _Lines(tqdm):
    """tqdm's own timing and estimates, written as whole lines: a bar would fill a log."""

    _written = ""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Write the state on a line of its own, and no state twice."""
        text = str(self) if msg is None else msg
        if text and text != self._written:
            print(text, file=sys.stderr, flush=True)
            self._written = text

    def close(self) -> None:
        """Write the last state, without the empty line that tqdm ends a bar with."""
        if not self.disable:
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


def bar(label: str, total: int, form: Form = "auto", *, unit: str = "scan") -> Any:
    """A tqdm object for `total` pieces of work; the caller updates and closes it."""
    if form == "none" or is_quiet():
        return tqdm(total=total, disable=True)
    often = {"mininterval": SECONDS_A_LINE, "maxinterval": SECONDS_A_LINE}
    if form == "json":
        return _JsonLines(desc=label, total=total, **often)
    if sys.stderr.isatty():
        return tqdm(desc=label, total=total, unit=unit, dynamic_ncols=True, leave=False)
    text = "{desc}: {n_fmt} of {total_fmt} after {elapsed}"
    return _Lines(desc=label, total=total, bar_format=text, **often)


def is_quiet() -> bool:
    """Whether this runs inside `quietly`."""
    return _quiet.get()


@contextmanager
def quietly(*, all_of_stdout: bool) -> Iterator[None]:
    """No progress while the block runs and, where the output is not what was asked for, no word on
    stdout; errors and warnings stay.
    """
    token = _quiet.set(True)
    with ExitStack() as stack:
        stack.callback(_quiet.reset, token)
        if all_of_stdout:
            nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(nowhere))
        yield


def tracked(label: str, form: Form = "auto") -> Callable[[Iterator[T], int], Iterable[T]]:
    """A function that passes results through and shows how many have come."""

    def track(results: Iterator[T], total: int) -> Iterable[T]:
        with closing(bar(label, total, form)) as shown:
            for result in results:
                yield result
                shown.update(1)

    return track
