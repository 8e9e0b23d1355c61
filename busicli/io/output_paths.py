"""Paths of a scan's results under OUT."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

_IMAGES = {"masks": "", "overlays": "", "probabilities": "", "thumbnails": ".jpg"}
_OURS = (*_IMAGES, "dicom", "lesions.csv", "manifest.jsonl", "run.json", "report.html")
Kind = Literal["seg", "sr", "sc"]
"""DICOM objects: segmentation, measurement report, secondary capture."""
KINDS: tuple[Kind, ...] = get_args(Kind)
_NUMBER = "[0-9][0-9][0-9][0-9]"


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """The paths under one output folder."""

    out: Path

    @property
    def own(self) -> Path:
        """Folder of the journal and the lock."""
        return self.out / ".busicli"

    @staticmethod
    def is_within_results(folder: Path) -> bool:
        """Whether an absolute folder holds results of busicli or lies below such a folder."""
        pairs = zip((folder, *folder.parents), folder.parents, strict=False)
        return any(one.name in _OURS and OutputPaths(parent).own.is_dir() for one, parent in pairs)

    def foreign(self) -> str:
        """The first result name here that busicli did not make; empty if there is none.

        Without our own folder they belong to someone else, such as a data set's reference masks,
        and must not be overwritten.
        """
        if self.own.is_dir():
            return ""
        return next((name for name in _OURS if (self.out / name).exists()), "")

    def mask(self, relative: PurePosixPath, frame: int, frames: int) -> Path:
        """`masks/x.png` for `x.png`, `masks/x.jpg.png` for others; a folder if there are frames."""
        return self.out / "masks" / image_path(relative, frame, frames)

    def overlay(self, relative: PurePosixPath, frame: int, frames: int) -> Path:
        """As `mask`, under `overlays/`."""
        return self.out / "overlays" / image_path(relative, frame, frames)

    def probability(self, relative: PurePosixPath, frame: int, frames: int) -> Path:
        """As `mask`, under `probabilities/`."""
        return self.out / "probabilities" / image_path(relative, frame, frames)

    def thumbnail(self, relative: PurePosixPath, frame: int, frames: int) -> Path:
        """As `mask`, under `thumbnails/`, as JPEG: `thumbnails/x.png.jpg`."""
        path = image_path(relative, frame, frames)
        return self.out / "thumbnails" / path.with_name(path.name + ".jpg")

    def standing(self, relative: PurePosixPath) -> Iterator[Path]:
        """Every existing result file of a scan, with any number of frames."""
        for folder, suffix in _IMAGES.items():
            one = image_path(relative, 1, 1)
            yield from _there(self.out / folder / one.with_name(one.name + suffix))
            yield from (self.out / folder / relative).glob(f"{_NUMBER}.png{suffix}")
        objects = self.out / "dicom" / relative
        for kind in KINDS:
            yield from _there(objects.with_name(f"{relative.name}.{kind}.dcm"))
            yield from objects.glob(f"{_NUMBER}.{kind}.dcm")

    def dicom(self, relative: PurePosixPath, frame: int, frames: int, kind: str) -> Path:
        """`dicom/x.dcm.seg.dcm` for a whole scan (frame 0), `dicom/x.dcm/0001.sc.dcm` for one of
        several frames.
        """
        folder = self.out / "dicom"
        if frame and frames > 1:
            return folder / relative / f"{frame:04d}.{kind}.dcm"
        return folder / relative.with_name(f"{relative.name}.{kind}.dcm")


def image_path(relative: PurePosixPath, frame: int, frames: int) -> PurePosixPath:
    """A result's path below `masks/` and the like; frames count from 1.

    >>> str(image_path(PurePosixPath("a/x.jpg"), 1, 1))
    'a/x.jpg.png'
    >>> str(image_path(PurePosixPath("a/x.tif"), 2, 30))
    'a/x.tif/0002.png'
    """
    if frames > 1:
        return relative / f"{frame:04d}.png"
    return relative if relative.suffix == ".png" else relative.with_name(relative.name + ".png")


def _there(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
