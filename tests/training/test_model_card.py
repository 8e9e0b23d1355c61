"""What a card's weights know of the scans that they were trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from keras import Input, Model, layers

from busicli.data.store import PreparedScans
from busicli.imaging.augment_layout import in_sector
from busicli.imaging.novelty import fit_familiar, novelty
from busicli.models.features import feature_model
from busicli.models.registry import find
from busicli.settings import PreprocessSettings
from busicli.training.model_card import familiar_of

SIDE = 32


def test_a_curved_field_alone_makes_no_scan_unlike_the_training_scans():
    rng = np.random.default_rng(0)
    levels = rng.integers(60, 140, (90, 1, 1, 1))
    noise = rng.integers(0, 60, (90, SIDE, SIDE, 1))
    scans = np.repeat((levels + noise).astype(np.uint8), 3, axis=3)
    scan = Input((SIDE, SIDE, 3))
    network = Model(scan, layers.Rescaling(1.0, name="same")(scan)[..., :1])
    prepared = PreparedScans(
        images=scans[:80],
        masks=np.zeros((80, SIDE, SIDE), np.uint8),
        cases=(),
        folder=Path("data"),
        preprocess=PreprocessSettings(size_px=SIDE),
    )
    familiar = familiar_of(network, replace(find("unet"), feature_layers=("same",)), prepared)

    def features(images) -> np.ndarray:
        values = images.astype(np.float32) / 255
        return np.asarray(feature_model(network, ("same",)).predict_on_batch(values))

    nothing = np.zeros((SIDE, SIDE), np.uint8)
    curved = np.stack(
        [np.moveaxis(in_sector((np.moveaxis(s, 2, 0), nothing), 99)[0], 0, 2) for s in scans[80:]]
    )
    without = fit_familiar(features(scans[:80]))
    assert novelty(features(curved), without).min() > 2 * novelty(features(scans), without).max()
    assert novelty(features(curved), familiar).max() < 2 * novelty(features(scans), familiar).max()
