"""The system's limits on a process (ulimit): checked at the start, named where one is reached."""

import errno
import resource
from contextlib import suppress

from busicli.errors import BusicliError

_MIB = 2**20
_NEEDED = (
    (resource.RLIMIT_NOFILE, "-n", "open files", 64, 1),
    (resource.RLIMIT_AS, "-v", "KiB of addresses", 1024 * _MIB, 1024),
    (resource.RLIMIT_DATA, "-d", "KiB of data", 1024 * _MIB, 1024),
    (resource.RLIMIT_FSIZE, "-f", "KiB a file", _MIB, 1024),
)
"""Limit, its letter, what it counts, the least that works, and its unit."""
_REASONS = {
    errno.EMFILE: ("too many files are open", "open files (ulimit -n)"),
    errno.ENFILE: ("too many files are open on this machine", "open files (fs.file-max)"),
    errno.ENOMEM: ("no memory is left", "memory (ulimit -v, -d, the job's)"),
    errno.EFBIG: ("a file would be larger than is allowed", "the size of files (ulimit -f)"),
}
_NO_THREAD = ("no thread can be started", "processes (ulimit -u)")


def check_limits() -> None:
    """Raise BusicliError where a limit is too low to work with.

    The limit on open files is first raised as far as this user may.
    """
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for number, letter, counted, least, unit in _NEEDED:
        soft, _ = resource.getrlimit(number)
        if soft != resource.RLIM_INFINITY and soft < least:
            raise BusicliError(
                f"the limit here is {soft // unit:,} {counted} and {least // unit:,} are needed; "
                f"raise it (ulimit {letter}) and run again."
            )


def limit_reached(error: BaseException) -> BusicliError | None:
    """The sentence where an error means that a limit was reached; None for other errors."""
    found = None
    if isinstance(error, OSError):
        found = _REASONS.get(error.errno or 0)
    elif isinstance(error, MemoryError) or "bad_alloc" in str(error):
        found = _REASONS[errno.ENOMEM]
    elif isinstance(error, RuntimeError) and "start new thread" in str(error):
        found = _NO_THREAD
    if found is None:
        return None
    what, limit = found
    return BusicliError(f"{what}; raise the limit on {limit}, or use fewer --jobs, and run again.")
