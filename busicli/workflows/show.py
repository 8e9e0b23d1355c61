"""One scan to a picture with its outlines, and what was found."""

from dataclasses import dataclass
from pathlib import Path

from busicli.api import load_weights, read_file, segment
from busicli.errors import InputError
from busicli.images import painted
from busicli.outline import outline
from busicli.records import Image, Lesion, LesionMm, Spacing
from busicli.report.wording import counted
from busicli.weights import DEFAULT_WEIGHTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest:
    """What to look at."""

    scan: Path
    frame: int = 1
    weights: str = DEFAULT_WEIGHTS
    weights_sha256: str | None = None
    plugins: tuple[Path, ...] = ()
    spacing: Spacing | None = None
    """Of pictures; DICOM objects say themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOutcome:
    """What was found in one frame."""

    picture: Image
    """The frame with its outlines."""
    frames: int
    found: tuple[tuple[Lesion, LesionMm | None], ...]
    confidence: float | None
    """None where the weights cannot tell."""
    review: bool
    millimetres: str
    """Where they come from, or why there are none."""


def show(request: ShowRequest) -> ShowOutcome:
    """Segment one frame of one scan; nothing is written.

    Raises InputError where the file is no scan, or has no such frame.
    """
    weights = load_weights(request.weights, sha256=request.weights_sha256, plugins=request.plugins)
    if request.scan.is_dir():
        raise InputError(f"{request.scan} is a folder; name one scan, or take segment-dir.")
    found = read_file(request.scan, spacing=request.spacing)
    if request.frame > len(found.frames):
        raise InputError(
            f"{request.scan} has {counted(len(found.frames), 'frame')}; there is no frame "
            f"{request.frame}."
        )
    scan = found.frames[request.frame - 1]
    said = segment(scan, weights, spacing=found.scale)
    return ShowOutcome(
        picture=painted(scan, outline(said.mask)),
        frames=len(found.frames),
        found=tuple(zip(said.lesions, said.lesions_mm, strict=True)),
        confidence=said.confidence,
        review=said.review,
        millimetres=found.scale.origin,
    )
