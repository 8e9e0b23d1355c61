"""Small image files."""

import numpy as np
from PIL import Image as Pillow

from tests.made_images import stored

PATTERN = (np.arange(48 * 64).reshape(48, 64) % 251).astype(np.uint8)


def multi_frame(*frames: Pillow.Image) -> bytes:
    return stored(frames[0], "TIFF", save_all=True, append_images=frames[1:])
