"""Separate Python processes, for code that must not see what is loaded here."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

LIMIT_S = 1800


def run_python(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run Python with these arguments and this process's module search path.

    Raises subprocess.TimeoutExpired after half an hour.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-P", *arguments],  # no module of the current folder
        env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LIMIT_S,
        check=False,
    )


def last_line(text: str) -> str:
    """The last line that is not blank, or "nothing"."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "nothing"
