"""What an evaluation finds, as records; the only place that turns them into JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from busicli.imaging.bootstrap import Interval
from busicli.imaging.operating_point import OperatingPoint
from busicli.settings import PostprocessSettings, TunedSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSummary:
    """What a reader should trust, over any set of scans; intervals by bootstrap over groups."""

    scans: int
    scans_with_lesion: int
    dice: Interval
    """Over scans with a lesion, as `iou` and `hd95_px`."""
    iou: Interval
    dice_empty_is_1: Interval
    """Over all scans, two empty masks counting as 1."""
    hd95_px: Interval
    """Where both masks hold a lesion."""
    hd95_left_out: int
    lesions: int
    missed_lesions: int
    lesions_found: Interval
    """Share of lesions of which at least 10 % is covered."""
    specks: int
    """Parts of references that are too small for lesions, and not counted as such."""
    scans_with_several_lesions: int
    further_lesions: int
    """Those beyond the first of scans with several."""
    further_lesions_found: int
    """Of a scan on which n lesions are found, n - 1."""
    further_found: Interval
    """Their share."""
    false_lesions: Interval
    """Predicted components off the reference, a scan."""
    lesion_scans_with_empty_mask: int
    empty_masks: Interval
    """Share of scans with a lesion."""
    normals: int
    normals_with_false_mask: int
    false_masks: Interval
    """Share of normal scans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeSummary:
    """Lesions of one class of size."""

    lesions: int
    found: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSummary:
    """What fails and how often: the first four share out the scans with a lesion."""

    empty_mask: int
    elsewhere: int
    """A mask of Dice below 0.1."""
    poor: int
    """Dice from 0.1 to below 0.7."""
    good: int
    """Dice of 0.7 or more."""
    false_mask: int
    """Normal scans with a mask."""
    further_missed: int
    """Lesions beyond the first of a scan that were not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceSummary:
    """Whether confidence finds the masks that need a person: bad ones are of Dice below 0.7, missed
    lesions and false masks among them.
    """

    bad_masks: int
    auc: float
    """The chance that a bad mask has the lower confidence of two; NaN where none is bad, or all
    are, or the weights give no confidence."""
    flagged: int
    flagged_share: float
    bad_flagged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSummary:
    """How well scans with a lesion and normal ones are distinguished: areas under the ROC curve."""

    scans_with_lesion: int
    normals: int
    auc: Interval
    """Of the map's presence, by which masks are kept or left empty."""
    class_auc: Interval
    """Of 1 - P(normal), for comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Scans of about one probability."""

    probability: float
    share: float
    """Of them that are so."""
    low: float
    high: float
    scans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MalignancySummary:
    """How well malignant lesions are distinguished from benign ones, among scans with a lesion."""

    benign: int
    malignant: int
    auc: Interval
    sensitivity: Interval
    """At a threshold chosen on other scans, as `specificity`."""
    specificity: Interval
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreBlock:
    """Everything that is said of some scans: of all, and of each kind."""

    per_image: ScanSummary
    by_class: dict[str, ScanSummary]
    by_dataset: dict[str, ScanSummary]
    by_size: dict[str, ScanSummary]
    by_device: dict[str, ScanSummary]
    lesions_by_size: dict[str, SizeSummary]
    failures: dict[str, FailureSummary]
    """Of all scans and by data set."""
    by_fold: dict[int, ScanSummary] | None = None
    confidence: ConfidenceSummary | None = None
    presence: dict[str, PresenceSummary] | None = None
    """Of all scans and by data set; None for masks without maps."""
    malignancy: dict[str, MalignancySummary] | None = None
    """Likewise; None where the network gives no class probabilities."""
    trade_off: tuple[OperatingPoint, ...] | None = None
    """Missed lesions against false masks, by the map's presence."""
    unseen: ScanSummary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrocPoint:
    """Lesions found against false ones, components of less mean probability being dropped."""

    threshold: float
    found: float
    """Share of lesions."""
    false_lesions: float
    """A scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSource:
    """Which weights were scored."""

    name: str
    reason: str
    card_sha256: str | None = None
    architecture: str | None = None
    options: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """On which data."""

    fingerprint: str
    datasets: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How many of the scans the weights had trained on."""

    same: int
    near_copy: int = field(metadata={"json": "near copy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaSummary:
    """Bland-Altman agreement of areas, in % of the mean of both."""

    scans: int
    bias_percent: float
    low_percent: float
    high_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """How reference and predictions went together: everything that did not, by name."""

    references: int
    paired: int
    missing: tuple[str, ...]
    another_size: dict[str, str]
    unreadable: dict[str, str]
    greys_cut: tuple[str, ...]
    mostly_lesion: tuple[str, ...]
    """Predictions that cover more than half of their scan, where the reference does not."""
    mostly_lesion_references: tuple[str, ...]
    without_reference: tuple[str, ...]
    other_files: tuple[str, ...]
    without_scan: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSummary:
    """One evaluation: what was scored, how, and what was found."""

    protocol: dict[str, str]
    pooled: dict[str, float]
    all: ScoreBlock = field(metadata={"json": ""})
    """Its parts stand beside the others in the JSON."""
    areas: AreaSummary
    weights: WeightsSource | None = None
    predictions: str | None = None
    predicted_by: str | None = None
    """Name of the weights that made the masks, where busicli did."""
    hashes_unknown: int | None = None
    """Scans that are not at hand, so that nobody can say whether these weights have seen them."""
    reference: str | None = None
    data: DataSource | None = None
    split: str | None = None
    postprocess: PostprocessSettings | None = None
    tta: bool | None = None
    training: dict[str, Any] | None = None
    """Settings of training, as the cards hold them."""
    initial_weights: str | None = None
    tuned_for_fold: dict[int, TunedSettings] | None = None
    tuned_for_all: TunedSettings | None = None
    pairing: Pairing | None = None
    calibration_error: float | None = None
    average_precision: float | None = None
    froc: tuple[FrocPoint, ...] | None = None
    seen: Seen | None = None
    without_objections: ScoreBlock | None = None


def to_json(record: object) -> Any:
    """A record as plain values: NaN becomes None, and what is None is left out of its record."""
    if is_dataclass(record):
        found: dict[str, Any] = {}
        for each in fields(record):
            value = getattr(record, each.name)
            if value is None:
                continue
            name = each.metadata.get("json", each.name)
            found |= {name: to_json(value)} if name else to_json(value)
        return found
    if isinstance(record, Mapping):
        return {str(name): to_json(value) for name, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [to_json(value) for value in record]
    return None if isinstance(record, float) and math.isnan(record) else record
