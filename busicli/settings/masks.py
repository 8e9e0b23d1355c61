"""Settings that turn a probability map into a mask, chosen on scans not trained on."""

from dataclasses import dataclass
from typing import Literal

from busicli.settings.record import Record, check

PresenceBy = Literal["map", "class"]


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
        check(0 <= self.min_presence <= 1, "min_presence", self.min_presence, "in [0, 1]")
        check(
            0 <= self.min_area_fraction < 1,
            "min_area_fraction",
            self.min_area_fraction,
            "in [0, 1)",
        )
        check(
            0 <= self.min_share_of_best <= 1,
            "min_share_of_best",
            self.min_share_of_best,
            "in [0, 1]",
        )
        check(
            0 <= self.max_hole_fraction <= 1,
            "max_hole_fraction",
            self.max_hole_fraction,
            "in [0, 1]",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceSettings(Record):
    """How a probability map and its mask become one number, and when a person should look."""

    weights: tuple[float, ...]
    """Of `busicli.imaging.confidence.FEATURES`, in their order."""
    bias: float
    review_below: float
    """Masks of lower confidence are marked for review, in [0, 1]."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", tuple(self.weights))  # a list where read from JSON
        check(0 <= self.review_below <= 1, "review_below", self.review_below, "in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceScores(Record):
    """Out-of-fold presence of scans without an objection, rounded to 4 digits, rising."""

    normal: tuple[float, ...] = ()
    lesion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("normal", "lesion"):  # lists where read from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))


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
    presence_by: PresenceBy = "map"
    """What better tells scans with a lesion: the map's presence or 1 - P(normal)."""
    novel_from: float | None = None
    """`busicli.imaging.novelty` at or above which a scan is unlike the training scans: one scan in
    a hundred that the networks had not seen."""
    presence_scores: PresenceScores = PresenceScores()
    """The map's presence on scans that the networks had not seen."""

    def __post_init__(self) -> None:
        value = self.class_temperature
        check(value > 0, "class_temperature", value, "above 0")
        check(0 <= self.malignant_from <= 1, "malignant_from", self.malignant_from, "in [0, 1]")
        check(self.presence_by in ("map", "class"), "presence_by", self.presence_by, "known")

    @classmethod
    def _parts(cls) -> dict[str, type[Record]]:
        return {
            "postprocess": PostprocessSettings,
            "confidence": ConfidenceSettings,
            "presence_scores": PresenceScores,
        }
