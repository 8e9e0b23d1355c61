"""Names of what stands below an output folder."""

from pathlib import Path
from typing import Literal, get_args

Kind = Literal["seg", "sr", "sc"]
"""DICOM objects: segmentation, measurement report, secondary capture."""
KINDS: tuple[Kind, ...] = get_args(Kind)


def own_folder(out: Path) -> Path:
    """Folder of the journal and the lock. It says that busicli made what stands beside it."""
    return out / ".busicli"
