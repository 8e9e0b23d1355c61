"""Time limits that do not count the time in which the machine or this process was suspended."""

import time
from collections.abc import Callable

_SLICE_S = 0.25
"""A wait that takes over twice as long was interrupted by SIGSTOP, a suspended job or machine."""


def wait_patiently(ready: Callable[[float], bool], limit_s: float) -> bool:
    """Whether `ready(seconds)` became true within `limit_s` seconds; it waits up to `seconds`."""
    left_s = limit_s
    while left_s > 0:
        slice_s = min(left_s, _SLICE_S)
        started = time.monotonic()
        if ready(slice_s):
            return True
        left_s -= min(time.monotonic() - started, 2 * slice_s)
    return False
