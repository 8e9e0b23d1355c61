"""Being stopped: SIGTERM and Ctrl-C are noted, and the work ends at its next safe point."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = {signal.SIGTERM: 75, signal.SIGINT: 130}


@contextmanager
def noted_signals() -> Iterator[Callable[[], int]]:
    """While the block runs, a signal only sets the exit status that the value returns (else 0).

    A second Ctrl-C ends the program at once, for someone who will not wait.
    """
    status = [0]

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and status[0]:
            raise KeyboardInterrupt
        status[0] = STATUS[signal.Signals(number)]

    before = {number: signal.signal(number, note) for number in STATUS}
    try:
        yield lambda: status[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
