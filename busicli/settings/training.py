"""Settings of training and of the augmentation of its scans."""

from dataclasses import dataclass, fields
from typing import Literal

from busicli.settings.record import Record, check

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentSettings(Record):
    """Bounds and probabilities of the augmentation of training scans."""

    flip: bool = True
    """Flip left to right half of the time. Never upside down, as the skin is on top."""
    rotation_deg: float = 10.0
    """Largest rotation in degrees."""
    shift_fraction: float = 0.06
    """Largest shift in rows and in columns, as a fraction of the side."""
    scale: float = 0.25
    """Size changes by factors between 1 / (1 + scale) and 1 + scale."""
    stretch: float = 0.15
    """Rows and columns change by separate factors, in addition to `scale`, within these bounds."""
    lesion_free_crop_prob: float = 0.05
    """Fraction of scans cropped to tissue without their lesion, if there is room, because normal
    scans are rare."""
    gamma: float = 0.4
    """The exponent of the brightness curve is between 1 / (1 + gamma) and 1 + gamma."""
    contrast: float = 0.4
    """Distance from mid-grey changes by factors between 1 / (1 + contrast) and 1 + contrast."""
    brightness: float = 0.1
    """Added to every grey value; black is 0 and white 1."""
    gain_field: float = 0.3
    """Brightness varies smoothly over the scan by factors between 1 / (1 + gain_field) and
    1 + gain_field."""
    depth_gain: float = 0.3
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
    sector_prob: float = 0.04
    """Fraction of scans cut to a sector like that of a curved probe; lesions are cut with it."""
    caliper_prob: float = 0.15
    """Fraction of scans with calipers, at the lesion's ends or elsewhere, also without a lesion."""
    burned_in_text_prob: float = 0.15
    """Fraction of scans with burned-in text, so that text is not learned as a sign of a lesion."""
    body_mark_prob: float = 0.12
    """Fraction of scans with a body mark, whose round outline is not that of a lesion."""
    two_views_prob: float = 0.04
    """Fraction of scans shown on the left, with another scan on the right."""
    margin_prob: float = 0.08
    """Fraction of scans shrunk into a rectangle with uniform margins."""
    screen_prob: float = 0.08
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
            check(0 <= getattr(self, name) <= 1, name, getattr(self, name), "in [0, 1]")
        bounds = ("scale", "stretch", "gamma", "contrast", "gain_field", "depth_gain")
        for name in (*bounds, "blur_px", "speckle_std"):
            check(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        check(0 <= self.rotation_deg <= 180, "rotation_deg", self.rotation_deg, "in [0, 180]")
        for name in ("speckle_size_px", "speckle_aspect", "low_res_factor"):
            check(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings(Record):
    """How a network is trained."""

    epochs: int = 100
    """Passes over the training scans."""
    batch_size: int = 16
    """Scans per step."""
    learning_rate: float = 1e-3
    """The highest rate; it falls to 0 by the last epoch, as a cosine."""
    weight_decay: float = 5e-2
    """AdamW's: each step shrinks weights by this times the learning rate."""
    warmup_epochs: float = 1.0
    """Epochs in which the learning rate rises to its highest; at most a quarter of all."""
    low_res_px: int = 128
    """Rows and columns of scans in the first epochs, which take less time."""
    low_res_fraction: float = 0.5
    """Fraction of the epochs at that size, in [0, 1); the last ones are at the data's own."""
    ema_momentum: float = 0.998
    """Momentum per step of the weights' moving average, which is validated and kept."""
    init_weight: float = 0.0
    """Share of the initial weights in the final ones, in [0, 1); the rest are the trained weights.
    For fine-tuning on few scans: 0.5 keeps what both have learned (docs/how-to/review.md)."""
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
        check(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        check(self.batch_size >= 1, "batch size", self.batch_size, "at least 1")
        check(self.learning_rate > 0, "learning rate", self.learning_rate, "above 0")
        check(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        check(self.warmup_epochs >= 0, "warmup_epochs", self.warmup_epochs, "0 or more")
        check(0 <= self.ema_momentum < 1, "ema_momentum", self.ema_momentum, "in [0, 1)")
        check(0 <= self.init_weight < 1, "init_weight", self.init_weight, "in [0, 1)")
        check(0 <= self.class_balance <= 1, "class_balance", self.class_balance, "in [0, 1]")
        for name in ("bce_weight", "dice_weight", "presence_weight", "class_weight"):
            check(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        check(self.bce_weight + self.dice_weight > 0, "the loss", "nothing", "some weight")
        check(self.low_res_px >= 16, "low_res_px", self.low_res_px, "at least 16")
        check(
            0 <= self.low_res_fraction < 1, "low_res_fraction", self.low_res_fraction, "in [0, 1)"
        )
        known = self.precision in ("float32", "bfloat16")
        check(known, "precision", self.precision, "float32 or bfloat16")

    def size_px(self, epoch: int, full_px: int, multiple: int = 1) -> int:
        """Rows and columns of scans in an epoch, from 0: small, then `full_px`, that of the data.

        The small size is made a multiple of what the architecture asks for.
        """
        small = max(multiple, self.low_res_px // multiple * multiple)
        return min(small, full_px) if epoch < int(self.epochs * self.low_res_fraction) else full_px
