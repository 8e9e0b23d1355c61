"""Dask as it runs in hospitals: a scheduler and workers, processes of their own."""

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

DASK = (sys.executable, "-m", "dask")


class Dask:
    """A real scheduler with real workers, each a process under a nanny that replaces it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, []
        self._run("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", "at.json")
        at = folder / "at.json"
        while not at.is_file() or not at.read_text():
            time.sleep(0.05)
        self.address = json.loads(at.read_text())["address"]

    def add_workers(self, count: int, memory: str = "0", threads: int = 1) -> None:
        options = ("--nthreads", str(threads), "--memory-limit", memory, "--no-dashboard")
        self._run("worker", self.address, "--nworkers", str(count), *options)

    def worker_processes(self) -> list[psutil.Process]:
        """Those that do the work: children of the nannies."""
        found = []
        for process in self.running[1:]:
            children = psutil.Process(process.pid).children(recursive=True)
            for child in children:
                with suppress(psutil.NoSuchProcess):  # a zombie, which ended just now, is one too
                    if "spawn_main" in " ".join(child.cmdline()):
                        found.append(child)
        return found

    def close(self) -> None:
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def _run(self, *args: str) -> None:
        with (self.folder / f"{len(self.running)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*DASK, *args], cwd=self.folder, stdout=log, stderr=subprocess.STDOUT
            )
        self.running.append(process)
