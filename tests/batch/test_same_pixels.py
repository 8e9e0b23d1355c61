"""The same pixels give the same mask, whichever way they are stored."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from tests.dicom_maker import compressed, ultrasound
from tests.made_images import stored


def every_way(pixels: np.ndarray) -> dict[str, bytes]:
    """Files of the same pixels, none of which loses any."""
    native = ultrasound(pixels)
    stream = stored(pixels, "JPEG2000", no_jp2=True)
    return {
        "png.png": stored(pixels, "PNG"),
        "bmp.bmp": stored(pixels, "BMP"),
        "tiff.tif": stored(pixels, "TIFF"),
        "lzw.tif": stored(pixels, "TIFF", compression="tiff_lzw"),
        "native.dcm": native,
        "rle.dcm": compressed(native, RLELossless),
        "jpegls.dcm": compressed(native, JPEGLSLossless),
        "jpeg2000.dcm": ultrasound(
            pixels, syntax=JPEG2000Lossless, PixelData=encapsulate([stream])
        ),
    }


def of_grey(grey: np.ndarray) -> dict[str, bytes]:
    wide = grey.astype(np.uint16)
    return {
        "rgb.png": stored(np.dstack([grey] * 3), "PNG"),
        "wide.png": stored(wide * 257, "PNG"),
        "12 bits.dcm": ultrasound(wide * 16, BitsStored=12, HighBit=11),
        "turned.dcm": ultrasound(255 - grey, photometric="MONOCHROME1"),
        "uncertain 8 in 16.png": stored(wide, "PNG"),
        "uncertain 8 in 16.tif": stored(wide, "TIFF"),
        "uncertain rle.dcm": compressed(ultrasound(wide), RLELossless),
        "uncertain 12 in 16.dcm": ultrasound(wide * 16),
        "uncertain window.dcm": ultrasound(grey, WindowCenter=9999, WindowWidth=2),
    }


@pytest.mark.parametrize("colour", [False, True])
def test_the_same_pixels_give_the_same_mask(call, scans, tmp_path, colour):
    grey = np.asarray(Image.open(next(scans.glob("malignant/*[0-9].png"))).convert("L"))
    pixels = np.dstack([grey] * 3) if colour else grey
    if colour:
        pixels[:8, :8] = (255, 60, 0)
    folder = tmp_path / "ward"
    folder.mkdir()
    for name, data in (every_way(pixels) | ({} if colour else of_grey(grey))).items():
        (folder / name).write_bytes(data)
    assert call("segment-dir", folder, "out").status == 0
    masks = {path.name: path.read_bytes() for path in Path("out/masks").iterdir()}
    assert len(masks) == len(list(folder.iterdir()))
    assert len(set(masks.values())) == 1
    assert np.asarray(Image.open(io.BytesIO(masks["png.png"]))).any()
    for line in Path("out/manifest.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        guessed = "uncertain greys" in row["why_review"]
        assert guessed is row["scan"].startswith("uncertain"), row["scan"]
