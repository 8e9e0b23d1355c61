import numpy as np
import pytest

from busicli.imaging.preprocess import network_image
from busicli.io.images import decode_frames
from busicli.models.weights import read_card, resolve_weights


@pytest.fixture(scope="package")
def shipped():
    folder, pinned = resolve_weights("improved-unet")
    return folder, read_card(folder, pinned_sha256=pinned)


@pytest.fixture(scope="package")
def images(scans, shipped):
    files = (path for path in sorted(scans.glob("*/*.png")) if "_mask" not in path.name)
    frames = [next(iter(decode_frames(path.read_bytes()))).image for path in files]
    return np.stack([network_image(frame, shipped[1].preprocess) for frame in frames])
