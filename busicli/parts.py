"""A run in parts: which scans belong to which, decided alike wherever a part runs."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from busicli.errors import UsageError

MAX_PARTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of several runs that share the scans and the results' folder."""

    number: int
    """From 1."""
    of: int
    """How many there are."""

    def holds(self, relative: PurePosixPath) -> bool:
        """Whether a scan is this part's: by its path alone, whatever else lies in the folder.

        >>> parts = [Part(number=n, of=3) for n in (1, 2, 3)]
        >>> sum(part.holds(PurePosixPath("a/x.png")) for part in parts)
        1
        """
        digest = hashlib.sha256(os.fsencode(relative)).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1


def parsed_part(text: str, environment: Mapping[str, str]) -> Part:
    """`I/N`, or `slurm`: the place in the job array that Slurm's variables tell.

    Raises UsageError where the text is neither, or those variables are not there.

    >>> parsed_part("2/8", {})
    Part(number=2, of=8)
    >>> parsed_part("slurm", {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "1",
    ...     "SLURM_ARRAY_TASK_MAX": "9", "SLURM_ARRAY_TASK_STEP": "2"})
    Part(number=4, of=5)
    """
    if text == "slurm":
        return _of_array(environment)
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    number, of = (int(group) for group in found.groups()) if found else (0, 0)
    if not 1 <= number <= of <= MAX_PARTS:
        raise UsageError(f"--part is {text}; it must be I/N with I from 1 to N, or slurm.")
    return Part(number=number, of=of)


def _of_array(environment: Mapping[str, str]) -> Part:
    names = [f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "MAX")]
    try:
        task, first, last = (int(environment[name]) for name in names)
        step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
        count = (last - first) // step + 1
        number = (task - first) // step + 1
        # an array such as 1,5,6 has a count that no even step makes
        even = int(environment.get("SLURM_ARRAY_TASK_COUNT", count)) == count
    except (KeyError, ValueError, ZeroDivisionError):
        raise UsageError(
            "--part slurm needs the variables of a Slurm job array; submit it by sbatch --array."
        ) from None
    if not even or (task - first) % step:
        raise UsageError(
            "--part slurm needs an array of even steps, as --array=1-10; this one leaves some out."
        )
    return Part(number=number, of=count)
