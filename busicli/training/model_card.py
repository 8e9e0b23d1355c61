"""The card of trained weights: what they are, what was chosen for them, how they scored there."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from busicli.data.store import PreparedData, PreparedScans
from busicli.imaging.augment_layout import in_sector
from busicli.imaging.metrics import dice
from busicli.imaging.novelty import LEAST_SCANS, Familiar, fit_familiar
from busicli.imaging.postprocess import lesion_mask
from busicli.imaging.preprocess import network_values
from busicli.inference.engines import BATCH
from busicli.models.architecture import Architecture
from busicli.models.card import Card
from busicli.models.features import feature_model
from busicli.models.registry import find
from busicli.settings import PostprocessSettings
from busicli.training.initial_weights import InitialWeights, training_scans_of
from busicli.training.request import TrainRequest, left_out, trained_on
from busicli.types import Case, Image, Mask
from busicli.versions import versions

if TYPE_CHECKING:
    import keras

    from busicli.inference.engines import Engine
    from busicli.training.history import Row

_ONE_CURVED_IN = 3
"""Of so many training scans, one is looked at in a curved field too."""


def card_of_run(
    request: TrainRequest,
    data: PreparedData,
    initial: InitialWeights | None,
    trained: Sequence[Case],
    best_epoch: int,
) -> Card:
    """What is known of weights before anything is chosen for them.

    `trained` are the scans of the run, `initial` the weights that it began from.
    """
    return Card(
        name=request.name,
        architecture=request.model,
        options=find(request.model, request.plugins).checked_options(dict(request.options)),
        preprocess=data.preprocess,
        postprocess=PostprocessSettings(),
        training={
            "data": {
                "datasets": data.info["datasets"],
                "counts": data.info["counts"],
                "trained_on": trained_on(request),
                "objected": request.objected,
                "left_out": left_out(request, data),
                "scans": len(trained),
            },
            "fingerprint": data.fingerprint,
            "split": data.info["split"],
            "settings": asdict(request.settings),
            "init": initial.name if initial and request.init is None else request.init,
            "earlier_stages": initial.stages if initial else [],
            "best_epoch": best_epoch,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
        },
        scores={},
        training_scans=training_scans_of(initial, trained),
    )


def familiar_of(
    model: "keras.Model", architecture: Architecture, scans: PreparedScans
) -> Familiar | None:
    """The features of scans as they are, and of some in a curved field; None if none are declared.

    Hardly a training scan has a curved field. Its black corners alone would make any scan unlike
    them.
    """
    if not architecture.feature_layers or len(scans.images) < LEAST_SCANS:
        return None
    network = feature_model(model, architecture.feature_layers)
    features = []
    for row in range(0, len(scans.images), BATCH):
        plain = np.asarray(scans.images[row : row + BATCH])
        curved = [_in_sector(plain[n], row + n) for n in range(0, len(plain), _ONE_CURVED_IN)]
        images = np.concatenate([plain, np.stack(curved)])
        features.append(network.predict_on_batch(network_values(images)))
    return fit_familiar(np.concatenate(features).astype(np.float32))


def _in_sector(image: Image, seed: int) -> Image:
    view = np.moveaxis(image, 2, 0), np.zeros(image.shape[:2], np.uint8)
    planes, _ = in_sector(view, seed)
    return np.moveaxis(planes, 0, 2)


def add_tuned_settings(card: Card, engine: "Engine", val: PreparedScans, metrics: "Row") -> Card:
    """The card with what was chosen on the validation split, and its scores there."""
    from busicli.training.tune import Sweep, tune

    predicted = engine.predict(val.images)
    maps, references = predicted.maps, val.masks[:] > 0
    sweep = Sweep(predicted, references, [case.label for case in val.cases])
    tuned = tune(sweep, np.ones(len(maps), bool))
    masks = [lesion_mask(probability, tuned.postprocess) for probability in maps]
    scores = {"val": _validation_scores(val, masks, references, metrics)}
    return replace(card.with_tuned(tuned), scores=scores)


def _validation_scores(
    val: PreparedScans, masks: list[Mask], references: NDArray[np.bool_], metrics: "Row"
) -> dict[str, Any]:
    scores = np.array(
        [dice(mask, reference) for mask, reference in zip(masks, references, strict=True)]
    )
    with_lesion = references.any(axis=(1, 2))
    called = np.array([mask.any() for mask in masks])
    return {
        "protocol": "validation split, at the network's size; epoch, threshold and post-processing "
        "were chosen on it: an upper bound, not a result",
        "pooled": {name.removeprefix("val_"): value for name, value in metrics.items()},
        "scans": len(val.cases),
        "dice_per_lesion_scan": float(np.mean(scores[with_lesion])) if with_lesion.any() else None,
        "normals_with_false_mask": int(called[~with_lesion].sum()),
        "normals": int((~with_lesion).sum()),
    }
