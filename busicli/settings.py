"""Settings: one frozen record per step, which checks itself.

Every record round-trips through JSON with `dataclasses.asdict` and `from_dict`.
"""

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
    """Rows and columns of the square that scans and masks are made to fit."""
    aspect: Aspect = "stretch"
    """`stretch` fills the square; `keep` keeps the scan's proportions, in the middle of black."""
    views: Views = "auto"
    """What is cut before resizing: `auto` cuts a scan to its ultrasound field where the margins
    around it are certain; `whole` cuts nothing."""

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
    """A scan whose highest cell (`busicli.imaging.postprocess.presence`) is lower has no lesion, in
    [0, 1]."""
    min_area_fraction: float = 0.0005
    """Components smaller than this share of the scan are dropped, in [0, 1)."""
    min_share_of_best: float = 0.0
    """Components with less than this share of the best one's score are dropped, in [0, 1]; 0 keeps
    all, 1 the best alone. The score is area times mean probability to the eighth power: being sure
    counts before being large."""
    max_hole_fraction: float = 1.0
    """Holes up to this share of the scan are filled, in [0, 1]; 1 fills all, 0 none."""

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
    """How far a training scan may be changed; every draw is uniform in +- the bound."""

    flip: bool = True
    """Mirror left and right half of the time. Never upside down: the skin is on top."""
    rotation_deg: float = 15.0
    """Turned by up to so many degrees."""
    shift_fraction: float = 0.1
    """Moved by up to this share of a side, each way."""
    scale: float = 0.35
    """Size changes by factors between 1 / (1 + scale) and 1 + scale."""
    stretch: float = 0.2
    """Rows and columns change apart by up to this factor more: scans of other proportions."""
    lesion_free_crop_prob: float = 0.0
    """Share of scans cropped to tissue without their lesion, where there is room: normal scans are
    rare."""
    gamma: float = 0.6
    """Brightness curve's exponent between 1 / (1 + gamma) and 1 + gamma."""
    contrast: float = 0.6
    """Distance from mid-grey changes by factors between 1 / (1 + contrast) and 1 + contrast."""
    brightness: float = 0.2
    """Added to every grey, of which black is 0 and white 1."""
    gain_field: float = 0.6
    """Brightness changes smoothly from place to place by factors between 1 / (1 + gain_field) and
    1 + gain_field."""
    depth_gain: float = 0.4
    """Brightness changes smoothly with depth by factors within the same kind of bounds: time-gain
    compensation."""
    blur_px: float = 1.2
    """Largest standard deviation of a Gaussian blur, on a quarter of the scans."""
    speckle_std: float = 0.24
    """Largest standard deviation of multiplicative speckle, before its grains are enlarged."""
    speckle_size_px: float = 3.0
    """Largest height of its grains, from 1 on."""
    speckle_aspect: float = 2.0
    """Largest width of its grains, in heights, from 1 on: sound resolves depth best."""
    rayleigh_prob: float = 0.25
    """Share of scans whose speckle is log-compressed Rayleigh noise, added, not multiplied."""
    sector_prob: float = 0.06
    """Share of scans cut to a sector, as a curved probe shows; lesions are cut with it."""
    caliper_prob: float = 0.15
    """Share of scans with calipers, at the lesion's ends or elsewhere, also without a lesion."""
    burned_in_text_prob: float = 0.15
    """Share of scans with lines of text burned in, so that text is no sign of a lesion."""
    two_views_prob: float = 0.06
    """Share of scans shown on the left with another scan on the right."""
    margin_prob: float = 0.12
    """Share of scans shrunk into a rectangle with uniform margins."""
    screen_prob: float = 0.12
    """Share of scans shrunk into a scanner's screen; it takes the place of margins."""
    low_res_prob: float = 0.2
    """Share of scans that lose resolution."""
    low_res_factor: float = 3.0
    """Largest factor by which these are shrunk before they are enlarged again, from 1 on."""
    jpeg_prob: float = 0.25
    """Share of scans compressed as JPEG, at a quality from 30 to 90."""

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
    """Times that every scan is seen."""
    batch_size: int = 8
    """Scans a step."""
    learning_rate: float = 3e-3
    """At its highest; it falls to nothing by the last epoch, as a cosine."""
    weight_decay: float = 5e-2
    """As AdamW takes it: weights shrink by this share of the learning rate a step."""
    warmup_epochs: float = 1.0
    """Epochs in which the learning rate rises to its highest, at most a quarter of all."""
    low_res_px: int = 128
    """Rows and columns that scans are shrunk to while most is learnt: an epoch takes a third."""
    low_res_fraction: float = 0.75
    """Share of the epochs at the small size, in [0, 1); the last ones are at the data's own."""
    ema_momentum: float = 0.99
    """Weights are averaged with this momentum a step, and the average is validated and kept."""
    init_weight: float = 0.0
    """Share, in [0, 1), that the initial weights have in the finished ones, the rest being what
    they were trained to. For a last stage with stronger changes of the scans: at a half, what was
    learnt of them is kept, and what was known before too (docs/explanation/accuracy.md)."""
    bce_weight: float = 1.0
    """Weight in the loss of each pixel's binary cross-entropy."""
    dice_weight: float = 1.0
    """Weight in the loss of one minus each scan's soft Dice."""
    class_weight: float = 0.2
    """Weight in the loss of the scan's class (normal, benign, malignant), where the network has a
    class output; scans of unknown class do not count."""
    class_balance: float = 0.5
    """How far rare kinds of scans (class and data set) are shown more often, in [0, 1]: 0 shows
    every scan once an epoch, 1 every kind equally often. Epochs keep their length."""
    presence_weight: float = 0.0
    """Weight in the loss of whether there is a lesion at all. At 0.1 it left fewer false masks,
    once at the cost of Dice and once not (docs/explanation/ablation.md)."""
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
