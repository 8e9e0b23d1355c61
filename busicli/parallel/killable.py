"""Work in processes of its own that can be killed: what hangs, crashes or swells there ends there.

A process is started when the first work needs it and serves one piece of work after the other.
"""

import importlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from busicli.errors import BusicliError
from busicli.parallel.limits import limit_reached

Parts = Sequence[bytes | memoryview]
Function = Callable[[Sequence[bytes]], Parts]
"""What a process does: parts of bytes in, parts of bytes out."""
_MAX_PART = 2**34
_MAX_PARTS = 2**20
_SPARE_CPU_S = 30
"""Seconds of CPU beyond its time after which a process ends, should nobody be left to kill it."""


class ProcessDiedError(Exception):
    """The process ended before it answered: a crash, no memory, or it was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """What one process may use."""

    memory: int
    """Bytes, beyond those of Python and its libraries."""
    cpu_s: float
    """Seconds of CPU for one piece of work."""


@dataclass(slots=True)
class ProcessPool:
    """Processes that run one function, as many as are needed at once; threads may share it."""

    function: str
    """`module:name` of a `Function`."""
    limits: ProcessLimits
    _idle: "list[_Process]" = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def take(self) -> "_Process":
        """A process that nobody else uses; BusicliError where none can be started."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Process(self.function, self.limits)

    def give_back(self, process: "_Process") -> None:
        """Keep a process for the next work."""
        with self._lock:
            self._idle.append(process)

    def close(self) -> None:
        """End the processes that are not at work."""
        with self._lock:
            while self._idle:
                self._idle.pop().end()


@dataclass(slots=True)
class KillableCall:
    """One piece of work, which another thread may kill at any time."""

    pool: ProcessPool
    _process: "_Process | None" = None
    _killed: bool = False
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, parts: Parts) -> list[bytearray]:
        """The answer of a process; ProcessDiedError where it ended or was killed before."""
        process = self.pool.take()
        with self._lock:
            self._process = process
            if self._killed:
                process.end()
        try:
            answer = process.answer(parts)
        except BaseException:
            process.end()
            raise
        finally:
            with self._lock:
                self._process = None
        self.pool.give_back(process)
        return answer

    def kill(self) -> None:
        """End the work, running or not started."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.end()


class _Process:
    def __init__(self, function: str, limits: ProcessLimits) -> None:
        self._socket, theirs = socket.socketpair()
        options = json.dumps([function, limits.memory, limits.cpu_s + _SPARE_CPU_S])
        paths = os.pathsep.join(path for path in sys.path if path)
        # -P: no module of the current folder, which may be a stranger's
        command = [sys.executable, "-P", "-m", __name__, str(theirs.fileno()), options]
        # libraries speak on it with --debug alone
        heard = logging.getLogger("busicli").isEnabledFor(logging.DEBUG)
        # inherited: a signal to the whole group is the parent's to answer
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self._child = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if heard else subprocess.DEVNULL,
            )
        except OSError as error:
            raise limit_reached(error) or BusicliError(
                f"no process can be started to decode a scan in: {error.strerror}; raise the limit "
                "on processes (ulimit -u) and run again."
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def answer(self, parts: Parts) -> list[bytearray]:
        try:
            _send(self._socket, parts)
            return _received(self._socket)
        except OSError:
            raise ProcessDiedError from None

    def end(self) -> None:
        """Kill it, whatever it does."""
        self._child.kill()
        with suppress(OSError):  # wakes whoever waits for an answer
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(subprocess.TimeoutExpired):  # a dead drive may hold it for ever
            self._child.wait(1)
        self._socket.close()


def _send(to: socket.socket, parts: Parts) -> None:
    to.sendall(len(parts).to_bytes(8, "big"))
    for part in parts:
        to.sendall(len(part).to_bytes(8, "big"))
        to.sendall(part)


def _received(source: socket.socket) -> list[bytearray]:
    """The parts of one message; OSError where it does not come whole."""
    return [
        _exactly(source, _number(source, _MAX_PART)) for _ in range(_number(source, _MAX_PARTS))
    ]


def _number(source: socket.socket, most: int) -> int:
    number = int.from_bytes(_exactly(source, 8), "big")
    if number > most:
        raise ConnectionError
    return number


def _exactly(source: socket.socket, length: int) -> bytearray:
    data = bytearray(length)
    left = memoryview(data)
    while left:
        count = source.recv_into(left)
        if not count:
            raise ConnectionError
        left = left[count:]
    return data


def _serve(descriptor: int, function: str, memory: int, cpu_s: float) -> None:
    """In the process: answer until the other side is gone."""
    module, _, name = function.partition(":")
    answer: Function = getattr(importlib.import_module(module), name)
    _limit_memory(memory)
    with socket.socket(fileno=descriptor) as other_side, suppress(OSError):
        while True:
            parts = _received(other_side)
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            _send(other_side, answer([bytes(part) for part in parts]))
            signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_memory(spare: int) -> None:
    """Fail allocations beyond so many bytes, and be the first that the system ends without memory.

    Where the system knows neither, the parent's time limit remains.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + spare
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        if soft == resource.RLIM_INFINITY or most < soft:
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    _serve(int(sys.argv[1]), *json.loads(sys.argv[2]))
