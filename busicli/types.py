"""Plain records that several rooms share; paths are carried here, never opened."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError

T = TypeVar("T")
Track = Callable[[Iterator[T], int], Iterable[T]]
"""Passes results through and shows how many of how many have come."""
Image = NDArray[np.uint8]
"""A scan: (rows, columns, 3) uint8, RGB."""
Mask = NDArray[np.bool_]
"""A lesion mask: (rows, columns) bool."""
Probability = NDArray[np.float32]
"""A probability map: (rows, columns) float32 in [0, 1]."""
Polygon = Sequence[tuple[float, float]]
"""Points (x, y) in a scan's pixels, whose corners are whole numbers; the last joins the first."""
View = tuple[int, int, int, int]
"""A box in a scan's own pixels: top, left, bottom, right, ends exclusive."""

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Doubt = Literal[
    "rest of the image missing",
    "uncertain greys",
    "no certain ultrasound field",
    "several views taken as one",
]
"""What was assumed of a scan before a network sees it."""
LESION_CLASSES = ("benign", "malignant")
CLASSES = (*LESION_CLASSES, "normal")
NETWORK_CLASSES = ("normal", *LESION_CLASSES)
"""The order of a network's class probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCase:
    """One scan of a data set as it lies on disk."""

    dataset: str
    case: str
    """Unique within its data set."""
    label: str
    """Class: benign, malignant, normal, or empty where unknown."""
    scan: Path
    masks: tuple[Path, ...]
    """Masks whose union is the reference; none for a scan without a lesion."""
    group: str = ""
    """Patient or other unit that must not be divided; empty where unknown."""
    split: str = ""
    """Split asked for by the data set itself; empty to let busicli choose."""
    device: str = ""
    """The scanner, where the data set names it."""
    objection: str = ""
    """Why the curators of the data set object to the scan, by its name; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What identifies a scan's image, for finding it again and for finding near copies."""

    sha256: str
    """Of the file's bytes."""
    pixels_sha256: str
    """Of the decoded RGB pixels and their shape: equal for one image stored in two formats."""
    phash: str
    """64-bit perceptual hash, 16 hexadecimal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of `cases.csv`: a scan as it stands in a prepared data folder."""

    case: str
    dataset: str
    label: str
    split: Split
    group: int
    index: int
    """Position in its split's arrays."""
    height: int
    width: int
    fingerprint: Fingerprint
    mask_sha256: str
    """Of the united mask's pixels and their shape."""
    sources: tuple[str, ...]
    """The scan's path and its masks' paths, as they were given."""
    device: str = ""
    """The scanner, where it is known."""
    objection: str = ""
    """Why the curators of the data set object to the scan; empty for none."""
    view: View | None = None
    """The part of the scan that the network sees; None for the whole scan."""
    doubts: tuple[Doubt, ...] = ()
    """What was assumed of the scan."""

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the scan that the network sees."""
        top, left, bottom, right = self.view or (0, 0, self.height, self.width)
        return slice(top, bottom), slice(left, right)


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that could not be done, and why, as a value: the rest continues."""

    what: str
    reason: str
    others: "tuple[Failed, ...]" = ()
    """What else failed with it: the other broken files of one scan."""


Found = tuple[list[SourceCase], list[Failed]]
"""What a data set holds: its scans, and what is wrong with its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionMm:
    """One lesion in millimetres."""

    long_axis_mm: float
    """Full axis of the ellipse with the lesion's second moments, as `Lesion.long_axis_px`."""
    short_axis_mm: float
    area_mm2: float
    width_mm: float
    """Along the rows, skin to the side: what BI-RADS compares with the height."""
    height_mm: float
    """Along the columns, skin to depth."""
    wider_than_tall_ratio: float
    """Width by height: over 1 is parallel to the skin, below 1 is not."""
    depth_mm: float | None
    """From the top of the ultrasound region to the lesion's; None where that top is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """One connected lesion of a mask. Lengths and areas in pixels of the scan's own grid."""

    frame: int = 1
    """Of its scan, from 1; 1 where a frame was segmented alone."""
    lesion: int
    """Number within the scan, from 1, largest first."""
    area_px: int
    bbox: View
    centroid: tuple[float, float]
    """Row, column."""
    long_axis_px: float
    """Full axis of the ellipse with the lesion's second moments; 1.15 for a single pixel."""
    short_axis_px: float
    orientation_deg: float
    """Angle of the long axis to the horizontal, in (-90, 90]; positive rises to the right.
    0 where both axes are alike."""
    circularity: float
    solidity: float
    mean_probability: float | None
    """Of the network; None where a person has drawn the lesion."""
    touches_border: bool
    millimetres: LesionMm | None = None
    """None where the size of its pixels is not certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """The size of a pixel, as the distance between neighbours' centres."""

    row_mm: float
    """From one row to the next."""
    column_mm: float

    def __post_init__(self) -> None:
        for value in (self.row_mm, self.column_mm):
            if not isinstance(value, Real) or not 0 < value < math.inf:
                raise InputError(f"the spacing is {value!r} mm; it must be a number above 0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of a scan whose pixels are of one known size."""

    box: View
    spacing: Spacing
    begins_at_skin: bool
    """Whether the first row is the top of what the transducer saw, so that depth can be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How a scan's pixels become millimetres, or why they do not."""

    origin: str
    """Where the spacing came from, or why there is none: a few words for the manifest."""
    regions: tuple[Region, ...] = ()
    """None where no millimetre is certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassProbabilities:
    """Calibrated probabilities of a scan's class; they sum to 1."""

    normal: float
    benign: float
    malignant: float

    def __str__(self) -> str:
        return ", ".join(f"{name} {getattr(self, name):.2f}" for name in NETWORK_CLASSES)


ViewKind = Literal["tissue", "whole"]
ViewSource = Literal["header", "found", "whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameView:
    """A part of a frame that the network looks at as an image of its own."""

    frame: int = 1
    """Of its scan, from 1; 1 where a frame was segmented alone."""
    box: View
    kind: ViewKind
    """`tissue`: an ultrasound field; `whole`: the frame, as no field is certain or wanted."""
    source: ViewSource
    """`header`: the DICOM header; `found`: the search of the field; `whole`: neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """How one predicted mask compares with its reference, at the scan's own size."""

    case: str
    dataset: str
    label: str
    group: int
    dice: float
    """NaN where both masks are empty."""
    iou: float
    """NaN where both masks are empty."""
    hd95_px: float
    """NaN unless both masks hold a lesion."""
    lesions: int
    """Components of the reference."""
    missed_lesions: int
    """8-connected components of the reference of which less than 10 % is covered."""
    reference_area_px: int
    predicted_area_px: int
    scan_px: int
    """Pixels of the whole scan."""
    device: str = ""
    """The scanner, where it is known."""
    objection: str = ""
    """Why the curators of the data set object to the scan; empty for none."""
    confidence: float = float("nan")
    """That the mask is good, in [0, 1]; NaN where the weights do not say."""
    review: bool = False
    """Whether a person should look first."""
    seen: str = ""
    """`same` or `near copy` where the weights have trained on this scan; empty otherwise."""
    found_lesions_px: tuple[int, ...] = ()
    """Areas of the reference's lesions of which at least 10 % is covered."""
    missed_lesions_px: tuple[int, ...] = ()
    """Areas of the others."""
    specks: int = 0
    """Parts of the reference too small for a lesion; they are not among its lesions."""
    false_lesions: int = 0
    """8-connected components of the prediction of which less than 10 % lies on the reference."""
    presence: float = float("nan")
    """Of the scan's map; NaN for a mask without one."""
    p_normal: float = float("nan")
    """Calibrated, as the other two; NaN where the network gives no class probabilities."""
    p_benign: float = float("nan")
    p_malignant: float = float("nan")
    novelty: float = float("nan")
    """Distance from the training scans; NaN where the weights do not know these."""
    call: str = ""
    """`benign` or `malignant`, by a threshold chosen on other scans; empty without classes."""
