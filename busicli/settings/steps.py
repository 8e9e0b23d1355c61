"""Settings of the steps before and behind the network: of scans, splits and masks."""

from dataclasses import dataclass
from typing import Any, Literal

from busicli.settings.record import Record, check

SplitBy = Literal["group", "image"]
Aspect = Literal["stretch", "keep"]
Views = Literal["auto", "whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessSettings(Record):
    """How a scan becomes the network's input."""

    size_px: int = 256
    """Rows and columns of the square that scans and masks are resized to."""
    aspect: Aspect = "stretch"
    """`stretch` fills the square; `keep` keeps the scan's proportions and pads with black."""
    views: Views = "auto"
    """`auto` crops a scan to its ultrasound field before resizing if the margins are certain;
    `whole` crops nothing."""

    def __post_init__(self) -> None:
        check(self.aspect in ("stretch", "keep"), "aspect", self.aspect, "stretch or keep")
        check(self.views in ("auto", "whole"), "views", self.views, "auto or whole")
        check(16 <= self.size_px <= 4096, "the input size", self.size_px, "between 16 and 4096 px")

    @classmethod
    def _unsaid(cls) -> dict[str, Any]:
        return {"views": "whole"}  # records of before there was a choice: nothing was cut


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings(Record):
    """How scans are divided into train, val and test."""

    by: SplitBy = "group"
    """`group` keeps near copies and scans of one patient together; `image` splits at random."""
    train_share: float = 0.9
    """Share of all scans used to train; a quarter of the rest, rounded up, is the test split."""
    seed: int = 0

    def __post_init__(self) -> None:
        check(self.by in ("group", "image"), "split-by", self.by, "group or image")
        check(0 < self.train_share < 1, "the train share", self.train_share, "between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostprocessSettings(Record):
    """How a probability map becomes a lesion mask."""

    threshold: float = 0.5
    """Probability at or above which a pixel is lesion, in (0, 1)."""
    min_presence: float = 0.0
    """In [0, 1]: a scan with a lower `busicli.imaging.postprocess.presence` gets an empty mask."""
    min_area_fraction: float = 0.0005
    """Components smaller than this fraction of the scan are dropped, in [0, 1)."""
    min_share_of_best: float = 0.0
    """Components with less than this fraction of the best score are dropped, in [0, 1]; 0 keeps
    all, 1 only the best. The score is area times the eighth power of the mean probability."""
    max_hole_fraction: float = 1.0
    """Holes up to this fraction of the scan are filled, in [0, 1]; 1 fills all, 0 none."""

    def __post_init__(self) -> None:
        check(0 < self.threshold < 1, "threshold", self.threshold, "between 0 and 1")
        smallest = self.min_area_fraction
        check(0 <= smallest < 1, "min_area_fraction", smallest, "in [0, 1)")
        for name in ("min_presence", "min_share_of_best", "max_hole_fraction"):
            check(0 <= getattr(self, name) <= 1, name, getattr(self, name), "in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceSettings(Record):
    """How a probability map and its mask become one number, and when a person should look."""

    weights: tuple[float, ...]
    """Of `busicli.imaging.confidence.FEATURES`, in their order."""
    bias: float
    review_below: float
    """Masks of lower confidence are marked for review, in [0, 1]."""

    def __post_init__(self) -> None:
        check(0 <= self.review_below <= 1, "review_below", self.review_below, "in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceScores(Record):
    """Out-of-fold presence of scans without an objection, rounded to 4 digits, rising."""

    normal: tuple[float, ...] = ()
    lesion: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedSettings(Record):
    """What was chosen on scans that the network had not trained on."""

    tta: bool = False
    """Whether each scan's map is the mean of its own and its mirror image's."""
    postprocess: PostprocessSettings = PostprocessSettings()
    confidence: ConfidenceSettings | None = None
    class_temperature: float = 1.0
    """What the logarithms of class probabilities are divided by, above 0: 1 leaves them."""
    malignant_from: float = 0.5
    """P(malignant) / (P(benign) + P(malignant)) at or above which a lesion is called malignant."""
    novel_from: float | None = None
    """`busicli.imaging.novelty` at or above which a scan is unlike the training scans: one scan in
    a hundred that the networks had not seen."""
    presence_scores: PresenceScores = PresenceScores()
    """The map's presence on scans that the networks had not seen."""

    def __post_init__(self) -> None:
        value = self.class_temperature
        check(value > 0, "class_temperature", value, "above 0")
        check(0 <= self.malignant_from <= 1, "malignant_from", self.malignant_from, "in [0, 1]")
