"""Scans above their masks as one image, by Pillow alone: preprocess need not load matplotlib."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

GAP_PX = 8
TITLE_PX = 40


def category_montage(label: str, images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> bytes:
    """PNG bytes of (N, size, size, 3) scans above their (N, size, size) masks of 0 and 1."""
    count, size = images.shape[:2]
    step = size + GAP_PX
    canvas = Pillow.new("RGB", (count * step + GAP_PX, TITLE_PX + 2 * step), "white")
    title = f"{label}: scans and their masks"
    font = ImageFont.load_default(size=18)
    ImageDraw.Draw(canvas).text((GAP_PX, GAP_PX), title, "black", font)
    for column in range(count):
        left = GAP_PX + column * step
        canvas.paste(Pillow.fromarray(images[column]), (left, TITLE_PX))
        mask = Pillow.fromarray(masks[column] * np.uint8(255))
        canvas.paste(mask, (left, TITLE_PX + step))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
