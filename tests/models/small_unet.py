"""A small network with its card."""

from busicli.models.card import Card
from busicli.models.registry import find
from busicli.models.weights import build_model
from busicli.settings import PostprocessSettings, PreprocessSettings

SMALL_UNET = {"filters": 2, "levels": 3}
CARD_OF_UNET = Card(
    name="a test",
    architecture="unet",
    options=SMALL_UNET,
    preprocess=PreprocessSettings(size_px=32),
    postprocess=PostprocessSettings(threshold=0.4, min_presence=0.7),
    training={"data": {"datasets": {"é": 3}}},
    scores={"val": {"dice": 0.5}},
    training_scans=[["ab" * 32, "0" * 16]],
)


def small_unet(**options):
    return build_model(find("unet"), 32, SMALL_UNET | options)
