"""Images and masks for tests: drawn as text, and stored as files."""

import io

import numpy as np
from PIL import Image as Pillow


def stored(image: Pillow.Image | np.ndarray, form: str = "PNG", **options) -> bytes:
    """The bytes of a file of the image, or of an array of pixels."""
    picture = Pillow.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def draw(*rows: str) -> np.ndarray:
    """A (rows, columns) mask from text: `#` is lesion."""
    return np.array([[c == "#" for c in row] for row in rows], bool)
