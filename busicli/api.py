"""What `from busicli import ...` offers other programs: arrays in, records out.

>>> from busicli import evaluate
>>> left, shifted = np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
>>> evaluate(left, shifted).dice
0.5
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.imaging.arrays import as_rgb, is_within
from busicli.imaging.contour import contour_mask, view_outline
from busicli.imaging.greys import shown_image
from busicli.imaging.metrics import image_score
from busicli.inference.choose import EngineName, EngineRequest, PrecisionName, choose_engine
from busicli.inference.engines import Engine
from busicli.inference.segmenter import Segmentation, Segmenter, SegmentSettings
from busicli.inference.views import ViewMode
from busicli.io.images import MAX_PIXELS, draw_contour, read_scan
from busicli.io.scans import Frame, ScanFile, decode_file, scale_of_all
from busicli.models.card import Card
from busicli.models.weights import DEFAULT_WEIGHTS, read_card, resolve_weights
from busicli.report.formatting import counted
from busicli.types import Image, ImageScore, Mask, Scale, Spacing, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Checked weights with an engine that runs them; threads may share them."""

    card: Card = field(repr=False)
    """Their settings, training data and scores."""
    engine: Engine = field(repr=False)
    note: str = ""
    """Why the engine is not the first choice; empty where it is."""

    @property
    def name(self) -> str:
        """Their own name."""
        return self.card.name

    def segmenter(self, views: ViewMode | None = None) -> Segmenter:
        """What segments frames with them; `views` None is what they were trained on."""
        return Segmenter(self.engine, SegmentSettings.of_card(self.card, views))


def load_weights(
    name_or_folder: str | Path = DEFAULT_WEIGHTS,
    *,
    sha256: str | None = None,
    engine: EngineName = "auto",
    precision: PrecisionName = "auto",
    threads: int = 1,
    plugins: Sequence[Path] = (),
) -> Weights:
    """Shipped weights by name, or those in a folder; hashes are checked before anything is parsed.

    Text without a separator is a name; write "./mine" or Path("mine") for a folder.

    `sha256` pins the card of a folder, `plugins` are files that declare its architecture, `threads`
    is how many will call `segment` at once. Raises InputError where the weights are missing, are
    refused or need a package that is not installed.
    """
    _check_type("name_or_folder", name_or_folder, (str, PathLike), "a name or a Path is needed")
    _check_type("threads", threads, Integral, "a whole number of at least 1 is needed")
    if threads < 1:
        raise InputError(f"threads is {threads}; it must be at least 1.")
    files = _listed("plugins", plugins, (str, PathLike), "give a list of paths")
    for name, value, known in (
        ("engine", engine, get_args(EngineName)),
        ("precision", precision, get_args(PrecisionName)),
    ):
        _check_choice(name, value, known)
    folder, pinned = resolve_weights(name_or_folder)
    card = read_card(folder, pinned_sha256=sha256 or pinned)
    wanted = EngineRequest(name=engine, precision=precision, streams=threads)
    found, note = choose_engine(wanted, folder, card, [Path(file) for file in files])
    return Weights(card=card, engine=found, note=note)


def read_file(
    path: str | Path, *, spacing: Spacing | None = None, max_pixels: int = MAX_PIXELS
) -> ScanFile:
    """The frames, scale and regions of a PNG, JPEG, BMP, TIFF or DICOM ultrasound file.

    `spacing` is for images; DICOM files hold their own. Raises InputError where the file holds no
    scan, is damaged or too large, or cannot be read; the message quotes no text of the file.
    """
    _check_type("path", path, (str, PathLike), "a path is needed")
    _check_type("spacing", spacing, (Spacing, type(None)), _SPACING)
    _check_type("max_pixels", max_pixels, Integral, "a whole number is needed")
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
    file: ScanFile | None = None,
    spacing: Spacing | None = None,
    tissue: Sequence[View] = (),
    views: ViewMode | None = None,
) -> Segmentation:
    """The lesions of one frame: (rows, columns, 3) uint8 RGB or (rows, columns) uint8 grey.

    The weights' own settings are used, as `busicli segment-dir` does. `file` is what `read_file`
    gave, for one of its frames: its scale, its regions, and what is uncertain of its pixels. An
    array from elsewhere has `spacing`, the pixels' size, and `tissue`, the regions that a DICOM
    header describes; faint greys are stretched, and then `why_review` says so. `views` is what the
    network sees: "header" those regions, "auto" those or the field found in the image, "whole" the
    whole frame; None is what the weights were trained on. The scan is not changed. Raises
    InputError for anything but such an array, for an empty one, for boxes of tissue that do not lie
    within it, for unknown views, and for a file that it is not of.
    """
    _check_type("weights", weights, Weights, "load them with load_weights")
    if views is not None:
        _check_choice("views", views, get_args(ViewMode))
    image = _checked(scan)
    if file is not None:
        if spacing is not None or len(tissue):
            raise InputError("file comes with spacing or tissue; a file has its own: leave these.")
        frame = _frame_of(file, image)
    else:
        frame = _bare_frame(image, spacing, tissue)
    return weights.segmenter(views).segment(frame)


def evaluate(predicted: Mask, reference: Mask, *, case: str = "", label: str = "") -> ImageScore:
    """Scores of a (rows, columns) bool mask against its reference of the same shape.

    Dice, IoU, HD95 in pixels, missed lesions and areas. What is undefined is NaN: Dice of two empty
    masks, HD95 unless both hold a lesion. Raises InputError where the shapes differ or a mask is no
    such array.
    """
    for name, mask in (("predicted", predicted), ("reference", reference)):
        _check_type(name, mask, np.ndarray, "a (rows, columns) array of bool is needed")
        if mask.ndim != 2 or mask.dtype != np.bool_:
            raise InputError(
                f"{name} is of shape {mask.shape} and type {mask.dtype}; (rows, columns) of bool "
                "are needed, such as mask > 0."
            )
    return image_score(predicted, reference, case=case, dataset="", label=label, group=0)


_SPACING = "give Spacing(row_mm=..., column_mm=...)"


def _frame_of(file: ScanFile, image: Image) -> Frame:
    """The frame of a file that an image is, by its shape."""
    _check_type("file", file, ScanFile, "give what read_file gave")
    shapes = {frame.shape for frame in file.frames}
    if image.shape not in shapes:
        raise InputError(
            f"the scan is of shape {image.shape} but the file's frames are of {sorted(shapes)}; "
            "give one of its frames."
        )
    return file.frame(image)


def _bare_frame(image: Image, spacing: Spacing | None, tissue: Sequence[View]) -> Frame:
    """The frame of an array, its greys as `read_file` would show them."""
    _check_type("spacing", spacing, (Spacing, type(None)), _SPACING)
    rows, columns = image.shape[:2]
    scale = Scale(origin="none: it was not given")
    if spacing is not None:
        scale = scale_of_all((rows, columns), spacing, "given")
    seen = shown_image(image)
    return Frame(
        image=seen.image,
        scale=scale,
        tissue=_boxes(tissue, (rows, columns)),
        certain_greys=seen.certain,
    )


def _check_type(name: str, value: object, kinds: type | tuple[type, ...], needed: str) -> None:
    """Raise InputError where an argument is of another type, which hints alone do not prevent."""
    if not isinstance(value, kinds) or isinstance(value, bool):
        kind = type(value)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]} "
        raise InputError(f"{name} is of type {module}{kind.__name__}; {needed}.")


def _listed(
    name: str, values: object, kinds: type | tuple[type, ...], needed: str
) -> tuple[Any, ...]:
    """The values of an argument that holds several, each of these types."""
    _check_type(name, values, (list, tuple), needed)
    found = tuple(values) if isinstance(values, (list, tuple)) else ()
    for value in found:
        _check_type(f"one of {name}", value, kinds, needed)
    return found


def _boxes(tissue: Sequence[View], shape: tuple[int, int]) -> tuple[View, ...]:
    """The boxes, if each lies within the frame."""
    boxes = _listed("tissue", tissue, (list, tuple), "give boxes (top, left, bottom, right)")
    for box in boxes:
        whole = all(isinstance(edge, Integral) for edge in box)
        if not whole or len(box) != 4 or not is_within(box, shape):
            raise InputError(
                f"tissue holds the box {tuple(box)}; give (top, left, bottom, right) within "
                f"{shape[0]} x {shape[1]} pixels, ends exclusive."
            )
    return boxes


def _check_choice(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"{name} is {value}; it must be {' or '.join(known)}.")


def _checked(scan: NDArray[np.uint8]) -> Image:
    needed = "an array of uint8 is needed, such as np.asarray(image.convert('RGB')) of a PIL image"
    _check_type("the scan", scan, np.ndarray, needed)
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
    """Number of the frame, from 1."""
    weights: str = DEFAULT_WEIGHTS
    weights_sha256: str | None = None
    plugins: tuple[Path, ...] = ()
    views: ViewMode | None = None
    """What the network sees; None is what the weights were trained on."""
    spacing: Spacing | None = None
    """Of images; DICOM files hold their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOutcome:
    """What is known of one frame."""

    image: Image = field(repr=False)
    """The frame with its contours and the outline of its views."""
    frames: int
    """How many the file holds."""
    segmentation: Segmentation
    millimetres: str
    """Where they come from, or why there are none."""


def show(request: ShowRequest) -> ShowOutcome:
    """Segment one frame of one scan; nothing is written.

    Raises InputError where the file is no scan or has no such frame.
    """
    weights = load_weights(request.weights, sha256=request.weights_sha256, plugins=request.plugins)
    if request.scan.is_dir():
        raise InputError(f"{request.scan} is a folder; name one scan, or use segment-dir.")
    scan = read_file(request.scan, spacing=request.spacing)
    if request.frame > len(scan.frames):
        raise InputError(
            f"{request.scan} has {counted(len(scan.frames), 'frame')}; there is no frame "
            f"{request.frame}."
        )
    image = scan.frames[request.frame - 1]
    segmentation = weights.segmenter(request.views).segment(scan.frame(image))
    return ShowOutcome(
        image=draw_contour(
            image,
            contour_mask(segmentation.mask),
            view_outline(segmentation.mask.shape, segmentation.boxes),
        ),
        frames=len(scan.frames),
        segmentation=segmentation,
        millimetres=scan.scale.origin,
    )
