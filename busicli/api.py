"""What `from busicli import ...` offers other programs: arrays in, records out.

>>> from busicli import evaluate
>>> left, shifted = np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
>>> evaluate(left, shifted).dice
0.5
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.imaging.arrays import as_rgb
from busicli.imaging.contour import contour_mask
from busicli.imaging.metrics import image_score
from busicli.imaging.preprocess import network_image, view_box
from busicli.inference.choose import EngineName, EngineRequest, PrecisionName, choose_engine
from busicli.inference.engines import Engine
from busicli.inference.segmentation import segmentation_from_map
from busicli.io.images import MAX_PIXELS, draw_contour, read_scan
from busicli.io.scans import ScanFile, decode_file, scale_of_all
from busicli.models.weights import DEFAULT_WEIGHTS, Card, read_card, resolve_weights
from busicli.report.formatting import counted
from busicli.types import Image, ImageScore, Lesion, LesionMm, Mask, Probability, Scale, Spacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights whose hashes were checked, with an engine that runs them; threads may share them."""

    card: Card = field(repr=False)
    """How they must be used, what they were trained on, how they scored."""
    engine: Engine = field(repr=False)
    note: str = ""
    """Why the engine is not the first choice; empty where it is."""

    @property
    def name(self) -> str:
        """Their own name."""
        return self.card.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """What is said of one frame, at its own size."""

    mask: Mask = field(repr=False)
    """(rows, columns) bool."""
    probability: Probability = field(repr=False)
    """(rows, columns) float32 in [0, 1]."""
    lesions: tuple[Lesion, ...]
    """Each lesion of the mask, largest first; lengths in pixels."""
    lesions_mm: tuple[LesionMm | None, ...]
    """The same lesions in millimetres; None where those are not certain."""
    confidence: float | None
    """That the mask is good, in [0, 1]; None where the weights do not say."""
    review: bool
    """Whether that is so low that a person should look first."""


def load_weights(
    name_or_folder: str | Path = DEFAULT_WEIGHTS,
    *,
    sha256: str | None = None,
    engine: EngineName = "auto",
    precision: PrecisionName = "auto",
    threads: int = 1,
    plugins: Sequence[Path] = (),
) -> Weights:
    """Weights that ship, by name, or those in a folder; hashes are checked before all else.

    `sha256` pins the card of a folder, `plugins` are files that declare its architecture, `threads`
    is how many will call `segment` at once. Raises InputError where the weights are not there, are
    refused or need what is not installed.
    """
    if threads < 1:
        raise InputError(f"threads is {threads}; it must be at least 1.")
    for name, value, known in (
        ("engine", engine, get_args(EngineName)),
        ("precision", precision, get_args(PrecisionName)),
    ):
        if value not in known:
            raise InputError(f"{name} is {value}; it must be {' or '.join(known)}.")
    folder, pinned = resolve_weights(str(name_or_folder))
    card = read_card(folder, pinned_sha256=sha256 or pinned)
    wanted = EngineRequest(name=engine, precision=precision, streams=threads)
    found, note = choose_engine(wanted, folder, card, plugins)
    return Weights(card=card, engine=found, note=note)


def read_file(
    path: str | Path, *, spacing: Spacing | None = None, max_pixels: int = MAX_PIXELS
) -> ScanFile:
    """The frames of a PNG, JPEG, BMP, TIFF or DICOM ultrasound file, and what is known of their
    millimetres.

    `spacing` is for images; DICOM objects say themselves. Raises InputError where it holds no
    scan, is damaged or too large, or cannot be read; no text of the file stands in the message.
    """
    try:
        data = read_scan(Path(path), max_pixels=max_pixels)
        return decode_file(data, spacing=spacing, max_pixels=max_pixels)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except InputError as error:
        raise type(error)(f"{path} {error}") from error


def segment(
    scan: Image | NDArray[np.uint8],
    weights: Weights,
    *,
    spacing: Spacing | Scale | None = None,
) -> Segmentation:
    """The lesions of one frame: (rows, columns, 3) uint8 RGB or (rows, columns) uint8 grey.

    The weights' own settings are used throughout, as `busicli segment-dir` does. `spacing` is the
    pixels' size, or a file's scale (`read_file(...).scale`). The scan is not changed. Raises
    InputError for arrays of other shapes or types and for an empty one.
    """
    image = _checked(scan)
    rows, columns = image.shape[:2]
    if isinstance(spacing, Spacing):
        spacing = scale_of_all((rows, columns), spacing, "given")
    card = weights.card
    box = view_box(image, card.preprocess)
    inputs = network_image(image[box], card.preprocess)[None]
    probability = weights.engine.predict(inputs).maps[0]
    scale = spacing or Scale(origin="none: it was not given")
    result = segmentation_from_map(
        probability, (rows, columns), (card.preprocess, card.tuned), scale, box
    )
    trust, trusted = card.confidence, result.confidence
    return Segmentation(
        mask=result.mask,
        probability=result.probability,
        lesions=tuple(lesion for lesion, _ in result.lesions),
        lesions_mm=tuple(millimetres for _, millimetres in result.lesions),
        confidence=trusted,
        review=trust is not None and trusted is not None and trusted < trust.review_below,
    )


def evaluate(predicted: Mask, reference: Mask, *, case: str = "", label: str = "") -> ImageScore:
    """How a (rows, columns) bool mask compares with its reference of the same shape: Dice, IoU,
    HD95 in pixels, missed lesions, areas.

    What is undefined is NaN: Dice of two empty masks, HD95 unless both hold a lesion. Raises
    InputError where the shapes differ or a mask is not boolean.
    """
    return image_score(predicted, reference, case=case, dataset="", label=label, group=0)


def _checked(scan: NDArray[np.uint8]) -> Image:
    if scan.dtype != np.uint8 or scan.ndim not in (2, 3) or not scan.size:
        raise InputError(
            f"the scan is of shape {scan.shape} and type {scan.dtype}; (rows, columns) or "
            "(rows, columns, 3) of uint8 are needed."
        )
    if scan.ndim == 2:
        return as_rgb(scan)
    if scan.shape[2] != 3:
        raise InputError(f"the scan has {scan.shape[2]} channels; 3 are needed, or none for grey.")
    return scan


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest:
    """What to look at."""

    scan: Path
    frame: int = 1
    weights: str = DEFAULT_WEIGHTS
    weights_sha256: str | None = None
    plugins: tuple[Path, ...] = ()
    spacing: Spacing | None = None
    """Of images; DICOM objects say themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOutcome:
    """What was found in one frame."""

    image: Image
    """The frame with its contours."""
    frames: int
    lesions: tuple[tuple[Lesion, LesionMm | None], ...]
    confidence: float | None
    """None where the weights do not say."""
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
    result = segment(scan, weights, spacing=found.scale)
    return ShowOutcome(
        image=draw_contour(scan, contour_mask(result.mask)),
        frames=len(found.frames),
        lesions=tuple(zip(result.lesions, result.lesions_mm, strict=True)),
        confidence=result.confidence,
        review=result.review,
        millimetres=found.scale.origin,
    )
