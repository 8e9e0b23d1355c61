"""Stopping on SIGTERM and Ctrl-C: at once, or at the next safe point."""

import atexit
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = {signal.SIGTERM: 75, signal.SIGINT: 130}
NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}


class Stopped(SystemExit):
    """A signal arrived; `code` is the exit status."""

    def __init__(
        self, number: signal.Signals, resume: str = "run the same command again to resume"
    ) -> None:
        super().__init__(STATUS[number])
        self.number = number
        self.resume = resume

    def __str__(self) -> str:
        return f"stopped by {NAMES[self.number]}; {self.resume}."


def stop_on_signals() -> None:
    """From here on, SIGTERM and Ctrl-C raise Stopped, so that scratch files are removed.

    Ctrl-C also works in a job that a script starts in the background, which inherits it as ignored.
    Once the program is done, a signal no longer changes its exit status.
    """
    for number in STATUS:
        signal.signal(number, _stop)
    atexit.register(_ignore_signals)


def _ignore_signals() -> None:
    for number in STATUS:
        signal.signal(number, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> None:
    # nothing is printed here: the signal may interrupt a write to stderr, which cannot be reentered
    raise Stopped(signal.Signals(number))


def stop_behind(error: BaseException | None) -> Stopped | None:
    """The Stopped that led to an error, or None.

    Python 3.11 wraps what is raised while a class is created, and a plugin may catch everything.
    """
    while error is not None and not isinstance(error, Stopped):
        error = error.__cause__ or error.__context__
    return error


@contextmanager
def resumed_with(advice: Callable[[], str]) -> Iterator[None]:
    """Where the block is stopped, end the sentence with `advice()`: how to resume."""
    try:
        yield
    except BaseException as error:
        stop = stop_behind(error)
        if stop is None:
            raise
        raise Stopped(stop.number, advice()) from None


@contextmanager
def noted_signals() -> Iterator[Callable[[], int]]:
    """Within the block a signal only sets the exit status that the yielded function returns.

    It returns 0 before any signal. A second Ctrl-C raises Stopped at once.
    """
    status = [0]

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and status[0]:
            _stop(number, frame)
        status[0] = STATUS[signal.Signals(number)]

    before = {number: signal.signal(number, note) for number in STATUS}
    try:
        yield lambda: status[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
