"""Settings: one frozen record per step, which checks itself.

Every record round-trips through JSON with `dataclasses.asdict` and `from_dict`.
"""

from busicli.settings.data import Aspect, PreprocessSettings, SplitBy, SplitSettings, Views
from busicli.settings.masks import (
    ConfidenceSettings,
    PostprocessSettings,
    PresenceBy,
    PresenceScores,
    TunedSettings,
)
from busicli.settings.training import AugmentSettings, Precision, TrainSettings

__all__ = [
    "Aspect",
    "AugmentSettings",
    "ConfidenceSettings",
    "PostprocessSettings",
    "Precision",
    "PreprocessSettings",
    "PresenceBy",
    "PresenceScores",
    "SplitBy",
    "SplitSettings",
    "TrainSettings",
    "TunedSettings",
    "Views",
]
