"""Reviews as the page saves them."""

from pathlib import Path

import numpy as np
from PIL import Image

AT = "2026-01-31T07:12:00Z"
SQUARE = [[10, 20], [30, 20], [30, 50], [10, 50]]
"""20 columns by 30 rows."""


def mask(out: Path, scan: str, folder: str = "masks") -> np.ndarray:
    return np.asarray(Image.open(out / folder / scan)) > 0
