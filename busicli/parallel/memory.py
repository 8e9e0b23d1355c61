"""The memory that this process may use, its division among threads, and its return."""

import ctypes
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from threading import Condition

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_FILES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""By version of control groups: limit, use, and what of it are files that can be dropped."""


def free_bytes() -> int | None:
    """Bytes that are free for this process: on the machine, in its control groups and under its
    limit on addresses (ulimit -v). None where the system tells none of these.
    """
    known = [_free_on_machine(), _free_addresses(), *map(_free_in_group, _own_groups())]
    return min((free for free in known if free is not None), default=None)


def return_freed() -> None:
    """Give the system back what was freed in all threads; glibc keeps it for later otherwise."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


@dataclass(slots=True)
class MemoryBudget:
    """Bytes that threads take and give back; one that needs more than is left waits."""

    total: int | None
    """None: there is no end of it."""
    _taken: int = 0
    _changed: Condition = field(default_factory=Condition)

    @contextmanager
    def taking(self, amount: int) -> Iterator[None]:
        """Within the block so many bytes are taken; MemoryError if the budget never has them."""
        if self.total is not None and amount > self.total:
            raise MemoryError
        with self._changed:
            self._changed.wait_for(lambda: self.total is None or self._taken + amount <= self.total)
            self._taken += amount
        try:
            yield
        finally:
            with self._changed:
                self._taken -= amount
                self._changed.notify_all()


def _free_on_machine() -> int | None:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(x for x in lines if x.startswith("MemAvailable:")).split()[1])
    return None


def _free_addresses() -> int | None:
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return None
    with suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        return max(0, most - used)
    return None


def _own_groups() -> Iterator[tuple[Path, int]]:
    """The control groups of memory that this process is in, with their version.

    In a container the own group is the root that is mounted there.
    """
    with suppress(OSError, ValueError):
        for line in _OWN.read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            if "memory" in controllers.split(","):
                root, version = _GROUPS / "memory", 1
            elif not controllers:
                root, version = _GROUPS, 2
            else:
                continue
            own = PurePosixPath(name.lstrip("/"))
            for below in (own, *own.parents):
                yield root / below, version


def _free_in_group(group: tuple[Path, int]) -> int | None:
    folder, version = group
    limit, use, files = _FILES[version]
    with suppress(OSError, ValueError):  # also "max"
        most, used = (int((folder / name).read_text()) for name in (limit, use))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, most - used + int(stat.get(files, 0)))
    return None
