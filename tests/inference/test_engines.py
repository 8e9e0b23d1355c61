"""The exported graph: as good as the network, chosen by itself, refused where it was changed."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.errors import BusicliError, InputError
from busicli.imaging.preprocess import network_image
from busicli.inference.choose import EngineRequest, choose_engine
from busicli.inference.engines import KerasEngine, with_flip_tta
from busicli.inference.export import agreement, exported
from busicli.inference.openvino import export_graph, has_bfloat16, masks_agree, open_graph
from busicli.io.images import decode_frames
from busicli.models.weights import load_model, read_card, resolve_weights
from busicli.settings import PostprocessSettings

AUTO = EngineRequest(tta=False)
OPENVINO = EngineRequest(name="openvino", streams=2, tta=False)
BUSI = os.environ.get("BUSICLI_BUSI_DIR", "")


@pytest.fixture(scope="module")
def shipped():
    folder, pinned = resolve_weights("improved-unet")
    return folder, read_card(folder, pinned_sha256=pinned)


@pytest.fixture(scope="module")
def images(scans, shipped):
    files = (path for path in sorted(scans.glob("*/*.png")) if "_mask" not in path.name)
    frames = [next(iter(decode_frames(path.read_bytes()))).image for path in files]
    return np.stack([network_image(frame, shipped[1].preprocess) for frame in frames])


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


def test_engines_know_the_shipped_graphs_normalisation_and_enlargements(shipped):
    openvino = pytest.importorskip("openvino")
    compiled = openvino.Core().compile_model(shipped[0] / "graph.xml", "CPU")
    kinds = Counter(
        node.get_rt_info()["layerType"].astype(str)
        for node in compiled.get_runtime_model().get_ops()
    )
    assert kinds["MVN"] == 1  # the scan's own
    assert kinds["Interpolate"] == 3  # the decoder's; logits are enlarged by products


def test_a_graph_keeps_kernels_in_half_precision_and_loses_nothing(shipped, images, monkeypatch):
    """Compared with the graph whose kernels are whole: engines' own rounding is left out."""
    model = load_model(*shipped)
    graph = export_graph(model)
    halves = 2 * sum(int(np.prod(v.shape)) for v in model.weights if len(v.shape) > 1)
    assert halves < len(graph["graph.bin"]) < 1.1 * halves
    monkeypatch.setattr("busicli.inference.openvino._unfold_kernels", lambda *_: None)
    whole = export_graph(model)
    assert len(whole["graph.bin"]) > 1.9 * halves
    found, expected = (open_graph(files).predict(images).maps for files in (graph, whole))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_weights_trained_on_another_backend_get_their_graph_from_tensorflow(
    study, images, monkeypatch
):
    folder = study.weights
    card = read_card(folder)
    model = load_model(folder, card)
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    monkeypatch.setattr("busicli.inference.export.export_graph", None)  # not in this process
    graph = open_graph(exported(folder, model))
    size = card.preprocess.size_px
    small = images[:4, :size, :size]
    found, expected = graph.predict(small).maps, KerasEngine(model).predict(small).maps
    assert np.abs(found - expected).max() < 0.01


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


def test_a_card_of_another_size_than_its_graph_is_refused_at_load(shipped):
    folder, card = shipped
    smaller = replace(card, preprocess=replace(card.preprocess, size_px=96))
    with pytest.raises(InputError, match=r"\(192, 192, 1\), .+ but its card says .* 96 x 96"):
        choose_engine(OPENVINO, folder, smaller)


def test_masks_that_differ_are_reported():
    one = np.zeros((2, 8, 8), np.float32)
    one[0, :4] = 1
    other = one.copy()
    same = agreement(one, other, PostprocessSettings())  # the second two are empty, and alike
    assert same == {"scans": 2, "mean": 1.0, "least": 1.0}
    assert masks_agree(same)
    other[0, :, :4] = 1  # Dice 2 * 16 / (32 + 48)
    differing = agreement(one, other, PostprocessSettings())
    assert differing == pytest.approx({"scans": 2, "mean": 0.9, "least": 0.8})
    assert not masks_agree(differing)


@pytest.mark.parametrize(
    ("mean", "least", "alike"),
    [(0.999, 0.98, True), (0.9989, 0.98, False), (0.9999, 0.979, False)],
)
def test_alike_is_on_average_and_each(mean, least, alike):
    assert masks_agree({"scans": 64, "mean": mean, "least": least}) is alike


def test_bfloat16_is_taken_only_where_masks_are_known_to_stay_the_same(shipped):
    folder, card = shipped
    alike = {"scans": 64, "mean": 0.9995, "least": 0.99}
    known = replace(card, graph={"bfloat16": alike})
    other = replace(card, graph={"bfloat16": alike | {"least": 0.9}})
    unknown = replace(card, graph={})
    half = "bfloat16" if has_bfloat16() else "float32"
    for given, expected in ((known, half), (other, "float32"), (unknown, "float32")):
        assert choose_engine(AUTO, folder, given)[0].precision == expected
    plain = EngineRequest(precision="float32")
    assert choose_engine(plain, folder, known)[0].precision == "float32"
    for given in (other, unknown):
        with pytest.raises(InputError, match=r"not measured to .+; use --precision float32\.$"):
            choose_engine(EngineRequest(precision="bfloat16"), folder, given)
    with pytest.raises(InputError, match=r"^Keras computes in float32 here; use --precision"):
        choose_engine(EngineRequest(name="keras", precision="bfloat16"), folder, known)


def test_without_a_graph_keras_is_taken_and_the_reason_reported(shipped):
    folder, card = shipped
    bare = replace(card, files={"model.safetensors.gz": card.files["model.safetensors.gz"]})
    engine, note = choose_engine(AUTO, folder, bare)
    assert isinstance(engine, KerasEngine)
    assert note == (
        "the weights improved-unet have no exported graph: running on Keras, which is slower."
    )
    with pytest.raises(InputError, match=r"have no exported graph; use --engine keras\.$"):
        choose_engine(OPENVINO, folder, bare)


@pytest.mark.parametrize("part", ["graph.xml", "graph.bin"])
def test_a_changed_graph_is_refused_before_it_is_parsed(shipped, tmp_path, part):
    folder = shutil.copytree(shipped[0], tmp_path / "weights")
    with (folder / part).open("ab") as file:
        file.write(b" ")
    with pytest.raises(InputError, match=f"{part} of weights is not the file that its card names"):
        choose_engine(AUTO, folder, shipped[1])


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


def test_segmenting_loads_nothing_slow_that_it_does_not_use(scans, tmp_path):
    slow = {"keras", "tensorflow", "scipy.stats", "scipy.signal", "joblib", "matplotlib", "pydicom"}
    slow.add("openvino.tools.ovc")
    code = (
        "import sys; from busicli.cli.app import main\n"
        "try: main()\n"
        f"finally: print(sorted({slow} & set(sys.modules)), file=sys.stderr)\n"
    )
    arguments = ("segment-dir", str(scans / "normal"), str(tmp_path / "out"))
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.stderr.splitlines()[-1] == "[]"


def test_openvino_tells_its_maker_nothing():
    code = (
        "import sys; from busicli.inference.openvino import _openvino; _openvino()\n"
        "from openvino.tools.ovc import telemetry_utils; print(telemetry_utils.tm.__name__)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "openvino.tools.ovc.telemetry_stub"


def test_openvino_still_has_its_converter_in_this_process():
    code = (
        "import sys; from busicli.inference.openvino import _openvino; _openvino()\n"
        "print('openvino.tools.ovc' in sys.modules)\n"
        "import openvino; print(openvino.convert_model.__name__, hasattr(openvino, 'nothing'))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["False", "convert_model", "False"]


def test_the_engine_is_one_that_there_is(call, scans, tmp_path):
    ended = call("segment-dir", scans, tmp_path / "out", "--engine", "abacus")
    assert ended.status == 2
    assert "'--engine': " in ended.err
    ended = call("segment-dir", scans, tmp_path / "out", "--precision", "float8")
    assert ended.status == 2
    assert "'--precision': " in ended.err
