"""busicli: lesion masks for batches of breast-ultrasound scans. Not a medical device.

from busicli import load_weights, read_file, segment

weights = load_weights()
scan = read_file("scan.png")
found = segment(scan.frames[0], weights, file=scan)
print(len(found.lesions), found.confidence, found.why_review)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from busicli.api import Weights, evaluate, load_weights, read_file, segment
    from busicli.errors import BusicliError, InputError
    from busicli.inference.segmenter import Segmentation
    from busicli.io.scans import ScanFile
    from busicli.types import ClassProbabilities, ImageScore, Lesion, LesionMm, Scale, Spacing

_HOMES = {
    "busicli.api": ("Weights", "evaluate", "load_weights", "read_file", "segment"),
    "busicli.errors": ("BusicliError", "InputError"),
    "busicli.types": ("ClassProbabilities", "ImageScore", "Lesion", "LesionMm", "Scale", "Spacing"),
    "busicli.inference.segmenter": ("Segmentation",),
    "busicli.io.scans": ("ScanFile",),
}
__all__ = [
    "BusicliError",
    "ClassProbabilities",
    "ImageScore",
    "InputError",
    "Lesion",
    "LesionMm",
    "Scale",
    "ScanFile",
    "Segmentation",
    "Spacing",
    "Weights",
    "evaluate",
    "load_weights",
    "read_file",
    "segment",
]


def __getattr__(name: str) -> Any:
    """A public name, imported when it is asked for: `busicli --help` needs none of them."""
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'busicli' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
