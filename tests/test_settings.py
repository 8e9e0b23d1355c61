import json
import math
from dataclasses import FrozenInstanceError, asdict

import pytest

from busicli.errors import InputError
from busicli.settings import (
    AugmentSettings,
    PostprocessSettings,
    PreprocessSettings,
    SplitSettings,
    TrainSettings,
)

EVERY_KIND = (
    AugmentSettings,
    PostprocessSettings,
    PreprocessSettings,
    SplitSettings,
    TrainSettings,
)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_settings_come_back_from_json(kind):
    settings = kind()
    assert kind.from_dict(json.loads(json.dumps(asdict(settings)))) == settings


def test_changed_settings_come_back_from_json():
    settings = TrainSettings(epochs=3, precision="bfloat16", augment=False)
    assert TrainSettings.from_dict(json.loads(json.dumps(asdict(settings)))) == settings


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_missing_names_take_their_defaults_and_unknown_ones_are_refused(kind):
    whole = {"views": "whole"} if kind is PreprocessSettings else {}  # as before there was a choice
    assert kind.from_dict({}) == kind(**whole)
    with pytest.raises(InputError, match=f"{kind.__name__} does not know colour, taste"):
        kind.from_dict({"taste": 1, "colour": 2})


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_settings_cannot_be_changed(kind):
    settings = kind()
    name = next(iter(asdict(settings)))
    with pytest.raises(FrozenInstanceError):
        setattr(settings, name, 1)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (PreprocessSettings, "size_px", 15),
        (PreprocessSettings, "size_px", 4097),
        (SplitSettings, "by", "patient"),
        (SplitSettings, "train_share", 0.0),
        (SplitSettings, "train_share", 1.0),
        (PostprocessSettings, "threshold", 0.0),
        (PostprocessSettings, "threshold", 1.0),
        (PostprocessSettings, "threshold", math.nan),
        (PostprocessSettings, "min_area_fraction", -0.1),
        (PostprocessSettings, "min_area_fraction", 1.0),
        (PostprocessSettings, "min_presence", 1.1),
        (PostprocessSettings, "min_share_of_best", 1.1),
        (PostprocessSettings, "min_presence", -0.1),
        (TrainSettings, "presence_weight", -1.0),
        (PostprocessSettings, "max_hole_fraction", -0.1),
        (TrainSettings, "epochs", 0),
        (TrainSettings, "batch_size", 0),
        (TrainSettings, "learning_rate", 0.0),
        (TrainSettings, "learning_rate", math.nan),
        (TrainSettings, "ema_momentum", 1.0),
        (TrainSettings, "precision", "float16"),
        (TrainSettings, "weight_decay", -1.0),
        (TrainSettings, "warmup_epochs", -5.0),
        (AugmentSettings, "gamma", -2.0),
        (AugmentSettings, "scale", -1.0),
        (AugmentSettings, "shift_fraction", 5.0),
        (AugmentSettings, "lesion_free_crop_prob", 1.1),
        (AugmentSettings, "screen_prob", -0.1),
        (AugmentSettings, "rotation_deg", 181.0),
        (AugmentSettings, "speckle_size_px", -3.0),
        (AugmentSettings, "low_res_factor", 0.5),
    ],
)
def test_a_value_out_of_range_is_refused_with_what_was_needed(kind, name, value):
    with pytest.raises(InputError, match=rf" is {value}; it must be .+\.$"):
        kind(**{name: value})


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (PreprocessSettings, {"size_px": 16}),
        (PreprocessSettings, {"size_px": 4096}),
        (
            PostprocessSettings,
            {"min_area_fraction": 0.0, "min_presence": 1.0, "max_hole_fraction": 0},
        ),
        (TrainSettings, {"epochs": 1, "batch_size": 1, "ema_momentum": 0.0}),
    ],
)
def test_the_ends_of_the_ranges_are_allowed(kind, values):
    assert asdict(kind(**values)).items() >= values.items()
