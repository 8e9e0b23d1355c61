"""Small DICOM objects, and the frames that are read of them."""

from pathlib import Path

import numpy as np
import pydicom.examples
import pytest
from pydicom import dcmread

from busicli.io.dicom.read import open_dicom
from busicli.io.images import MAX_PIXELS
from tests.dicom_maker import written

GREYS = (np.arange(40 * 60).reshape(40, 60) % 251).astype(np.uint8)
COLOURS = np.dstack([GREYS, GREYS[::-1], np.full_like(GREYS, 7)])
FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
QUIET = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")


def frames(data: bytes, max_pixels: int = MAX_PIXELS) -> list[np.ndarray]:
    return [frame.image for frame in open_dicom(data, max_pixels=max_pixels).frames()]


def only(data: bytes) -> np.ndarray:
    (frame,) = frames(data)
    assert frame.dtype == np.uint8
    assert frame.shape[2] == 3
    return frame


def as_ultrasound(name: str) -> bytes:
    """One of pydicom's own files, said to be ultrasound."""
    made = dcmread(FOLDER / name)
    made.Modality = "US"
    return written(made)
