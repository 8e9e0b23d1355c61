"""The exported graph: as good as the network, chosen by itself, refused where it was changed."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.errors import BusicliError
from busicli.imaging.preprocess import network_image
from busicli.inference.choose import EngineRequest, choose_engine
from busicli.inference.engines import KerasEngine, with_flip_tta
from busicli.inference.export import agreement
from busicli.inference.openvino import export_graph, has_bfloat16, masks_agree, open_graph
from busicli.io.images import decode_frames
from busicli.models.weights import load_model
from tests.inference.engine_requests import AUTO, OPENVINO

BUSI = os.environ.get("BUSICLI_BUSI_DIR", "")


@pytest.fixture(scope="module")
def maps(shipped, images):
    """Of the graph and of the network."""
    graph, note = choose_engine(AUTO, *shipped)
    assert (graph.name, note) == ("openvino", "")
    return graph.predict(images).maps, KerasEngine(load_model(*shipped)).predict(images).maps


def test_the_shipped_graph_answers_as_its_network(shipped, maps):
    found, expected = maps
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    assert masks_agree(agreement(found, expected, shipped[1].postprocess))


def test_the_shipped_weights_flip_scans_where_that_is_asked_for(shipped, images):
    engine, _ = choose_engine(EngineRequest(precision="float32", tta=True), *shipped)
    assert engine.name == "openvino with flip TTA"
    plain, _ = choose_engine(EngineRequest(precision="float32"), *shipped)
    assert plain.name == "openvino"
    both = plain.predict(images).maps, plain.predict(images[:, :, ::-1]).maps[:, :, ::-1]
    np.testing.assert_allclose(engine.predict(images).maps, np.mean(both, axis=0), atol=1e-6)


@pytest.fixture(scope="module")
def two_outputs():
    """A network of random weights that gives maps and classes."""
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    scan = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(scan)
    lesion = keras.layers.Conv2D(1, 1, activation="sigmoid")(x)
    classes = keras.layers.GlobalMaxPooling2D()(x)
    return keras.Model(scan, [lesion, keras.layers.Dense(3, "softmax")(classes)])


def test_engines_give_the_maps_and_the_classes_of_a_network_with_both(two_outputs, images):
    small = images[:5, ::6, ::6]
    expected = [np.asarray(part) for part in two_outputs.predict_on_batch(small / np.float32(255))]
    assert [part.shape for part in expected] == [(5, 32, 32, 1), (5, 3)]
    assert np.ptp(expected[1], axis=0).min() > 1e-3  # scans can be told apart by their classes
    for engine in (KerasEngine(two_outputs, batch=2), open_graph(export_graph(two_outputs))):
        found = engine.predict(small)
        np.testing.assert_allclose(found.maps, expected[0][..., 0], atol=1e-5)
        np.testing.assert_allclose(found.classes, expected[1], atol=1e-5)
        assert (found.maps.dtype, found.classes.dtype) == (np.float32, np.float32)
        part = found[1:3]
        np.testing.assert_array_equal(part.classes, found.classes[1:3])


def test_flip_tta_averages_classes_too(two_outputs, images):
    small = images[:3, ::6, ::6]
    engine = KerasEngine(two_outputs)
    plain, mirrored = engine.predict(small), engine.predict(small[:, :, ::-1])
    found = with_flip_tta(engine, True).predict(small)
    np.testing.assert_allclose(found.classes, (plain.classes + mirrored.classes) / 2, atol=1e-6)
    np.testing.assert_allclose(found.maps, (plain.maps + mirrored.maps[:, :, ::-1]) / 2, atol=1e-6)
    assert (plain.classes != mirrored.classes).any()


@pytest.mark.busi
@pytest.mark.skipif(not BUSI, reason="BUSICLI_BUSI_DIR does not name the BUSI data set")
def test_on_real_scans_too(shipped):
    files = sorted(path for path in Path(BUSI).glob("*/*.png") if "_mask" not in path.name)[::12]
    frames = [next(iter(decode_frames(path.read_bytes()))).image for path in files]
    real = np.stack([network_image(frame, shipped[1].preprocess) for frame in frames])
    graph, _ = choose_engine(OPENVINO, *shipped)
    expected = KerasEngine(load_model(*shipped)).predict(real).maps
    assert masks_agree(agreement(graph.predict(real).maps, expected, shipped[1].postprocess))


def test_a_scans_map_depends_neither_on_its_position_nor_on_the_number(shipped, images, maps):
    graph, _ = choose_engine(OPENVINO, *shipped)
    assert graph.predict(images[:0]).maps.shape == (0, *images.shape[1:3])
    np.testing.assert_array_equal(graph.predict(images[9:10]).maps[0], maps[0][9])
    np.testing.assert_array_equal(graph.predict(images[7:12]).maps, maps[0][7:12])


def test_threads_that_share_an_engine_each_get_their_own_maps(shipped, images, maps):
    # More threads than streams, each with more scans than streams: none waits for another for ever.
    graph, _ = choose_engine(OPENVINO, *shipped)
    parts = [slice(start, start + 6) for start in range(0, 24, 6)] * 2
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda part: graph.predict(images[part]).maps, parts))
    for part, own in zip(parts, found, strict=True):
        np.testing.assert_array_equal(own, maps[0][part])


def test_an_inference_that_fails_is_one_sentence_and_keeps_no_stream(shipped, images, maps):
    # one stream: a request that is not returned would be waited for without end
    graph, _ = choose_engine(replace(OPENVINO, streams=1), *shipped)
    for _ in range(2):
        with pytest.raises(BusicliError, match=r"^the engine openvino failed \(RuntimeError: "):
            graph.predict(images[:3, ::2, ::2])
    np.testing.assert_array_equal(graph.predict(images[:2]).maps, maps[0][:2])
    with pytest.raises(BusicliError, match=r"^the engine keras failed "):
        KerasEngine(load_model(*shipped)).predict(images[:1, ::2, ::2, :2])


def test_trained_weights_bring_their_graph_and_neither_engine_changes_a_mask_much(
    study, scans, call, tmp_path
):
    card = json.loads((study.weights / "card.json").read_text())
    assert sorted(card["files"]) == ["graph.bin", "graph.xml", "model.safetensors.gz"]
    assert masks_agree(card["graph"]["float32"])
    assert ("bfloat16" in card["graph"]) is has_bfloat16()
    for engine in ("openvino", "keras"):
        weights = ("--weights", study.weights, "--engine", engine, "--precision", "float32")
        assert call("segment-dir", scans / "benign", tmp_path / engine, *weights).status == 0
        record = json.loads((tmp_path / engine / "run.json").read_text())
        assert (record["engine"]["name"], record["engine"]["precision"]) == (engine, "float32")
    for mask in sorted((tmp_path / "keras" / "masks").iterdir()):
        other = np.asarray(Image.open(tmp_path / "openvino" / "masks" / mask.name))
        assert (np.asarray(Image.open(mask)) != other).mean() < 0.01
