"""Names of what stands below an output folder."""

from pathlib import Path
from typing import Literal, get_args

Kind = Literal["seg", "sr", "sc"]
"""DICOM objects: segmentation, measurement report, secondary capture."""
KINDS: tuple[Kind, ...] = get_args(Kind)


def own_folder(out: Path) -> Path:
    """Folder of the journal and the lock. It says that busicli made what stands beside it."""
    return out / ".busicli"


def stays_below(written: object) -> bool:
    """Whether something names what lies below a folder: a path without a way up or a NUL.

    >>> [stays_below(path) for path in ("a/..b.png", "../b.png", "/b.png", "./b", "", None)]
    [True, False, False, False, False, False]
    """
    return (
        isinstance(written, str)
        and "\0" not in written
        and not {"", ".", ".."} & {*written.split("/")}
    )
