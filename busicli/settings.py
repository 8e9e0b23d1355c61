"""Settings: one frozen record per step, which checks itself.

Every record round-trips through JSON with `dataclasses.asdict` and `from_dict`.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from busicli.errors import InputError

SplitBy = Literal["group", "image"]
Aspect = Literal["stretch", "keep"]
Views = Literal["auto", "whole"]
Precision = Literal["float32", "bfloat16"]
PresenceBy = Literal["map", "class"]


class _Record:
    """What settings share: being read back from the plain values they were written as."""

    __slots__ = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from plain values; unknown names raise InputError, missing ones take defaults."""
        values = cls._unsaid() | dict(values)
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        if unknown := sorted(set(values) - known):
            raise InputError(
                f"{cls.__name__} does not know {', '.join(unknown)}; "
                "the file was written by another version of busicli: use that one, or make it "
                "again."
            )
        parts = cls._parts()
        return cls(
            **{
                name: parts[name].from_dict(value) if name in parts and value else value
                for name, value in values.items()
            }
        )

    def changed(self, values: Mapping[str, Any]) -> Self:
        """A copy with some values replaced; `part.name` names one of a record within.

        Unknown names and values of the wrong kind raise InputError.
        """
        document = asdict(self)  # type: ignore[call-overload]  # every subclass is a dataclass
        for name, value in values.items():
            *path, last = name.split(".")
            node = document
            for step in path:
                node = node.get(step)
                if not isinstance(node, dict):
                    raise InputError(f"there is no setting {name}; see {type(self).__name__}.")
            if last not in node:
                raise InputError(
                    f"there is no setting {name}; there are {', '.join(sorted(node))}."
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"{name} is {value}; it must be finite.")
            if type(value) is not type(node[last]) and not _both_numbers(value, node[last]):
                raise InputError(f"{name} is {value}; it must be like {node[last]}.")
            node[last] = value
        return self.from_dict(document)

    @classmethod
    def _parts(cls) -> "dict[str, type[_Record]]":
        """Fields that hold records themselves."""
        return {}

    @classmethod
    def _unsaid(cls) -> dict[str, Any]:
        """What older records mean by the fields that they lack, where it is not the default."""
        return {}


def _both_numbers(value: object, before: object) -> bool:
    """An int may stand where a float did."""
    return isinstance(before, float) and isinstance(value, int) and not isinstance(value, bool)


def _check(holds: bool, name: str, value: object, needed: str) -> None:
    if not holds:
        raise InputError(f"{name} is {value}; it must be {needed}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessSettings(_Record):
    """How a scan becomes the network's input."""

    size_px: int = 256
    """Rows and columns of the square that scans and masks are resized to."""
    aspect: Aspect = "stretch"
    """`stretch` fills the square; `keep` keeps the scan's proportions and pads with black."""
    views: Views = "auto"
    """`auto` crops a scan to its ultrasound field before resizing if the margins are certain;
    `whole` crops nothing."""

    def __post_init__(self) -> None:
        _check(self.aspect in ("stretch", "keep"), "aspect", self.aspect, "stretch or keep")
        _check(self.views in ("auto", "whole"), "views", self.views, "auto or whole")
        _check(16 <= self.size_px <= 4096, "the input size", self.size_px, "between 16 and 4096 px")

    @classmethod
    def _unsaid(cls) -> dict[str, Any]:
        return {"views": "whole"}  # records of before there was a choice: nothing was cut


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings(_Record):
    """How scans are divided into train, val and test."""

    by: SplitBy = "group"
    """`group` keeps near copies and scans of one patient together; `image` splits at random."""
    train_share: float = 0.9
    """Share of all scans used to train; a quarter of the rest, rounded up, is the test split."""
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.by in ("group", "image"), "split-by", self.by, "group or image")
        _check(0 < self.train_share < 1, "the train share", self.train_share, "between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostprocessSettings(_Record):
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
        _check(0 < self.threshold < 1, "threshold", self.threshold, "between 0 and 1")
        _check(0 <= self.min_presence <= 1, "min_presence", self.min_presence, "in [0, 1]")
        _check(
            0 <= self.min_area_fraction < 1,
            "min_area_fraction",
            self.min_area_fraction,
            "in [0, 1)",
        )
        _check(
            0 <= self.min_share_of_best <= 1,
            "min_share_of_best",
            self.min_share_of_best,
            "in [0, 1]",
        )
        _check(
            0 <= self.max_hole_fraction <= 1,
            "max_hole_fraction",
            self.max_hole_fraction,
            "in [0, 1]",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceSettings(_Record):
    """How a probability map and its mask become one number, and when a person should look."""

    weights: tuple[float, ...]
    """Of `busicli.imaging.confidence.FEATURES`, in their order."""
    bias: float
    review_below: float
    """Masks of lower confidence are marked for review, in [0, 1]."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", tuple(self.weights))  # a list where read from JSON
        _check(0 <= self.review_below <= 1, "review_below", self.review_below, "in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceScores(_Record):
    """Out-of-fold presence of scans without an objection, rounded to 4 digits, rising."""

    normal: tuple[float, ...] = ()
    lesion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("normal", "lesion"):  # lists where read from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedSettings(_Record):
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
    presence_scores: PresenceScores = PresenceScores()
    """The map's presence on scans that the networks had not seen."""

    def __post_init__(self) -> None:
        value = self.class_temperature
        _check(value > 0, "class_temperature", value, "above 0")
        _check(self.presence_by in ("map", "class"), "presence_by", self.presence_by, "known")

    @classmethod
    def _parts(cls) -> dict[str, type[_Record]]:
        return {
            "postprocess": PostprocessSettings,
            "confidence": ConfidenceSettings,
            "presence_scores": PresenceScores,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentSettings(_Record):
    """Bounds and probabilities of the augmentation of training scans."""

    flip: bool = True
    """Flip left to right half of the time. Never upside down, as the skin is on top."""
    rotation_deg: float = 15.0
    """Largest rotation in degrees."""
    shift_fraction: float = 0.1
    """Largest shift in rows and in columns, as a fraction of the side."""
    scale: float = 0.35
    """Size changes by factors between 1 / (1 + scale) and 1 + scale."""
    stretch: float = 0.2
    """Rows and columns change by separate factors, in addition to `scale`, within these bounds."""
    lesion_free_crop_prob: float = 0.0
    """Fraction of scans cropped to tissue without their lesion, if there is room, because normal
    scans are rare."""
    gamma: float = 0.6
    """The exponent of the brightness curve is between 1 / (1 + gamma) and 1 + gamma."""
    contrast: float = 0.6
    """Distance from mid-grey changes by factors between 1 / (1 + contrast) and 1 + contrast."""
    brightness: float = 0.2
    """Added to every grey value; black is 0 and white 1."""
    gain_field: float = 0.6
    """Brightness varies smoothly over the scan by factors between 1 / (1 + gain_field) and
    1 + gain_field."""
    depth_gain: float = 0.4
    """Brightness varies smoothly with depth by factors between 1 / (1 + depth_gain) and
    1 + depth_gain, as by time-gain compensation."""
    blur_px: float = 1.2
    """Largest standard deviation of the Gaussian blur of a quarter of the scans."""
    speckle_std: float = 0.24
    """Largest standard deviation of multiplicative speckle, before its grains are enlarged."""
    speckle_size_px: float = 3.0
    """Largest height of the speckle's grains, at least 1."""
    speckle_aspect: float = 2.0
    """Largest width of a grain divided by its height, at least 1: depth is resolved best."""
    rayleigh_prob: float = 0.25
    """Fraction of scans whose speckle is added log-compressed Rayleigh noise."""
    sector_prob: float = 0.06
    """Fraction of scans cut to a sector like that of a curved probe; lesions are cut with it."""
    caliper_prob: float = 0.15
    """Fraction of scans with calipers, at the lesion's ends or elsewhere, also without a lesion."""
    burned_in_text_prob: float = 0.15
    """Fraction of scans with burned-in text, so that text is not learned as a sign of a lesion."""
    two_views_prob: float = 0.06
    """Fraction of scans shown on the left, with another scan on the right."""
    margin_prob: float = 0.12
    """Fraction of scans shrunk into a rectangle with uniform margins."""
    screen_prob: float = 0.12
    """Fraction of scans shrunk into a scanner's screen, instead of margins."""
    low_res_prob: float = 0.2
    """Fraction of scans with reduced resolution."""
    low_res_factor: float = 3.0
    """Largest factor by which these are shrunk before they are enlarged again, at least 1."""
    jpeg_prob: float = 0.25
    """Fraction of scans compressed as JPEG, at a quality from 30 to 90."""

    def __post_init__(self) -> None:
        probabilities = [f.name for f in fields(self) if f.name.endswith("_prob")]
        for name in ("shift_fraction", "brightness", *probabilities):
            _check(0 <= getattr(self, name) <= 1, name, getattr(self, name), "in [0, 1]")
        bounds = ("scale", "stretch", "gamma", "contrast", "gain_field", "depth_gain")
        for name in (*bounds, "blur_px", "speckle_std"):
            _check(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _check(0 <= self.rotation_deg <= 180, "rotation_deg", self.rotation_deg, "in [0, 180]")
        for name in ("speckle_size_px", "speckle_aspect", "low_res_factor"):
            _check(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings(_Record):
    """How a network is trained."""

    epochs: int = 100
    """Passes over the training scans."""
    batch_size: int = 8
    """Scans per step."""
    learning_rate: float = 3e-3
    """The highest rate; it falls to 0 by the last epoch, as a cosine."""
    weight_decay: float = 5e-2
    """AdamW's: each step shrinks weights by this times the learning rate."""
    warmup_epochs: float = 1.0
    """Epochs in which the learning rate rises to its highest; at most a quarter of all."""
    low_res_px: int = 128
    """Rows and columns of scans in the first epochs, which take a third of the time."""
    low_res_fraction: float = 0.75
    """Fraction of the epochs at that size, in [0, 1); the last ones are at the data's own."""
    ema_momentum: float = 0.99
    """Momentum per step of the weights' moving average, which is validated and kept."""
    init_weight: float = 0.0
    """Share of the initial weights in the final ones, in [0, 1); the rest are the trained weights.
    For a last stage with stronger augmentation: 0.5 keeps what both have learned
    (docs/explanation/accuracy.md)."""
    bce_weight: float = 1.0
    """Weight of the pixels' binary cross-entropy in the loss."""
    dice_weight: float = 1.0
    """Weight of one minus each scan's soft Dice in the loss."""
    class_weight: float = 0.2
    """Weight of the scan's class (normal, benign, malignant) in the loss, if the network has a
    class output; scans of unknown class do not count."""
    class_balance: float = 0.5
    """How far rare kinds of scans (class and data set) are shown more often, in [0, 1]: 0 shows
    every scan once an epoch, 1 every kind equally often. Epochs keep their length."""
    presence_weight: float = 0.0
    """Weight of whether there is a lesion at all in the loss. 0.1 gave fewer false masks, once at
    the cost of Dice and once not (docs/explanation/ablation.md)."""
    precision: Precision = "float32"
    """What layers compute in; weights are kept in float32."""
    augment: bool = True
    """Whether scans are changed while training."""
    augmentation: AugmentSettings = AugmentSettings()
    """How far: the settings of the second table."""
    seed: int = 0
    """Same seed, same result."""

    def __post_init__(self) -> None:
        _check(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        _check(self.batch_size >= 1, "batch size", self.batch_size, "at least 1")
        _check(self.learning_rate > 0, "learning rate", self.learning_rate, "above 0")
        _check(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        _check(self.warmup_epochs >= 0, "warmup_epochs", self.warmup_epochs, "0 or more")
        _check(0 <= self.ema_momentum < 1, "ema_momentum", self.ema_momentum, "in [0, 1)")
        _check(0 <= self.init_weight < 1, "init_weight", self.init_weight, "in [0, 1)")
        _check(0 <= self.class_balance <= 1, "class_balance", self.class_balance, "in [0, 1]")
        for name in ("bce_weight", "dice_weight", "presence_weight", "class_weight"):
            _check(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _check(self.bce_weight + self.dice_weight > 0, "the loss", "nothing", "some weight")
        _check(self.low_res_px >= 16, "low_res_px", self.low_res_px, "at least 16")
        _check(
            0 <= self.low_res_fraction < 1, "low_res_fraction", self.low_res_fraction, "in [0, 1)"
        )
        known = self.precision in ("float32", "bfloat16")
        _check(known, "precision", self.precision, "float32 or bfloat16")

    def size_px(self, epoch: int, full_px: int, multiple: int = 1) -> int:
        """Rows and columns of scans in an epoch, from 0: small, then `full_px`, that of the data.

        The small size is made a multiple of what the architecture asks for.
        """
        small = max(multiple, self.low_res_px // multiple * multiple)
        return min(small, full_px) if epoch < int(self.epochs * self.low_res_fraction) else full_px

    @classmethod
    def _parts(cls) -> dict[str, type[_Record]]:
        return {"augmentation": AugmentSettings}
