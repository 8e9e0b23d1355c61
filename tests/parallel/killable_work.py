"""What processes of the tests do."""

import os
import signal
import time
from collections.abc import Sequence


def work(parts: Sequence[bytes]) -> list[bytes]:
    """Do as the first part says; the answer is the process's number, then all parts again."""
    if parts[0] == b"hang":
        time.sleep(600)
    if parts[0] == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if parts[0] == b"swell":
        bytearray(2**30)
    return [str(os.getpid()).encode(), *parts]
