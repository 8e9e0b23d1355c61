"""One scan to a picture with its outlines, and what was found."""

from dataclasses import dataclass
from pathlib import Path

from busicli.errors import InputError
from busicli.images import MAX_PIXELS, painted, read_scan
from busicli.interpret import interpret
from busicli.outline import outline
from busicli.predict import EngineRequest, choose_engine
from busicli.preprocess import network_image
from busicli.records import Image, Lesion, LesionMm, Spacing
from busicli.settings import Choices
from busicli.weights import locate, read_card
from busicli.workflows.one_scan import decoded
from busicli.workflows.segment_request import DEFAULT_WEIGHTS


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
    max_pixels: int = MAX_PIXELS


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
    folder, pinned = locate(request.weights)
    card = read_card(folder, pinned_sha256=request.weights_sha256 or pinned)
    try:
        data = read_scan(request.scan, max_pixels=request.max_pixels)
        frames, scale, _ = decoded(data, spacing=request.spacing, max_pixels=request.max_pixels)
    except OSError as error:
        raise InputError(f"{request.scan} cannot be read: {error.strerror}.") from error
    except InputError as error:
        raise InputError(f"{request.scan} {error}") from error
    if request.frame > len(frames):
        raise InputError(
            f"{request.scan} has {len(frames)} frames; there is no frame {request.frame}."
        )
    scan = frames[request.frame - 1]
    engine, _ = choose_engine(EngineRequest(streams=1), folder, card, request.plugins)
    probability = engine.probabilities(network_image(scan, card.preprocess)[None])[0]
    chosen = Choices(postprocess=card.postprocess, confidence=card.confidence)
    said = interpret(probability, scan.shape[:2], (card.preprocess, chosen), scale)
    trusted, trust = said.confidence, card.confidence
    return ShowOutcome(
        picture=painted(scan, outline(said.mask)),
        frames=len(frames),
        found=said.found,
        confidence=trusted,
        review=trust is not None and trusted is not None and trusted < trust.review_below,
        millimetres=scale.origin,
    )
