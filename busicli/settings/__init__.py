"""Settings: one frozen record per step, which checks itself.

Every record round-trips through JSON with `dataclasses.asdict` and `from_dict`.
"""

from busicli.settings.steps import (
    Aspect,
    ConfidenceSettings,
    PostprocessSettings,
    PreprocessSettings,
    PresenceScores,
    SplitBy,
    SplitSettings,
    TunedSettings,
    Views,
)
from busicli.settings.training import AugmentSettings, Precision, TrainSettings

__all__ = [
    "Aspect",
    "AugmentSettings",
    "ConfidenceSettings",
    "PostprocessSettings",
    "Precision",
    "PreprocessSettings",
    "PresenceScores",
    "SplitBy",
    "SplitSettings",
    "TrainSettings",
    "TunedSettings",
    "Views",
]
