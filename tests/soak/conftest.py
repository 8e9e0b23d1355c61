"""A folder of scans that jobs are interrupted over."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.soak.jobs import job

COPIES = 4
"""Of each phantom."""


@pytest.fixture(scope="session")
def night(tmp_path_factory, scans) -> Path:
    """A folder `scans/` of 96 scans, and `whole/`: what an uninterrupted job makes of it."""
    folder = tmp_path_factory.mktemp("night")
    for copy in range(COPIES):
        for path in sorted(scans.glob("*/*.png")):
            if "_mask" not in path.stem:
                target = folder / "scans" / f"ward-{copy}" / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                # another brightness: another scan, with other bytes
                pixels = np.asarray(Image.open(path)).astype(float) * (1 - copy / 50)
                Image.fromarray(pixels.astype(np.uint8)).save(target)
    process = job(folder, "whole")
    said = process.communicate()[1]
    assert process.returncode == 0, said
    return folder
