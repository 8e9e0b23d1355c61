"""The features by which scans unlike the training scans are told."""

import numpy as np
import pytest
from keras import Input, Model, layers

from busicli.errors import InputError
from busicli.imaging.novelty import Familiar
from busicli.inference.engines import KerasEngine
from busicli.inference.openvino import export_graph, open_graph
from busicli.models.features import feature_model, with_features


@pytest.fixture(scope="module")
def network() -> Model:
    """Doubles the first channel; its map is that of the scan's first channel."""
    scan = Input((16, 16, 3))
    doubled = layers.Rescaling(2.0, name="doubled")(scan)
    return Model(scan, layers.Cropping2D(0, name="map")(doubled)[..., :1])


def features_of(network, scan) -> np.ndarray:
    return np.asarray(feature_model(network, ["doubled"]).predict_on_batch(scan))


def test_features_are_mean_and_log_deviation_of_each_channel_and_colour(network):
    scan = np.zeros((1, 16, 16, 3), np.float32)
    scan[:, :8, :, 0] = 0.5  # doubled: mean 0.5, deviation 0.5; half of the pixels 0.5 coloured
    scan[:, :, :, 1:] = scan[:, :, :, :1] / 2
    expected = [0.5, 0.25, 0.25, *np.log([0.501, 0.251, 0.251]), np.log(0.126)]
    assert features_of(network, scan)[0] == pytest.approx(expected, abs=1e-4)


def test_grey_scans_have_no_colour(network):
    grey = np.full((1, 16, 16, 3), 0.3, np.float32)
    assert features_of(network, grey)[0, -1] == pytest.approx(np.log(1e-3), abs=1e-4)


def test_a_layer_that_does_not_exist_is_named(network):
    with pytest.raises(InputError, match="no layer skip9"):
        with_features(network, ["skip9"])


def test_both_engines_tell_the_same_novelty(network):
    model = with_features(network, ["doubled"])
    familiar = Familiar(mean=np.zeros(7, np.float32), whitening=np.eye(7, dtype=np.float32))
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    keras = KerasEngine(model, familiar=familiar).predict(images)
    graph = open_graph(export_graph(model), familiar=familiar).predict(images)
    features = features_of(network, images.astype(np.float32) / 255)
    assert keras.novelty == pytest.approx(np.linalg.norm(features, axis=1), rel=1e-5)
    assert graph.novelty == pytest.approx(keras.novelty, rel=1e-4)
    assert graph.classes is None


def test_weights_that_know_no_training_scans_tell_no_novelty(network):
    images = np.zeros((1, 16, 16, 3), np.uint8)
    assert KerasEngine(with_features(network, ["doubled"])).predict(images).novelty is None
