"""The exported graph: as good as the network, chosen by itself, refused where it was changed."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.errors import InputError
from busicli.images import decode_frames
from busicli.predict import KerasEngine, OpenVinoEngine, choose_engine
from busicli.predict.graph import check_alike
from busicli.preprocess import network_image
from busicli.settings import PostprocessSettings
from busicli.weights import load_model, locate, read_card

BUSI = os.environ.get("BUSICLI_BUSI_DIR", "")


@pytest.fixture(scope="module")
def shipped():
    folder, pinned = locate("improved-unet")
    return folder, read_card(folder, pinned_sha256=pinned)


@pytest.fixture(scope="module")
def images(scans, shipped):
    files = (path for path in sorted(scans.glob("*/*.png")) if "_mask" not in path.name)
    frames = [next(iter(decode_frames(path.read_bytes()))) for path in files]
    return np.stack([network_image(frame, shipped[1].preprocess) for frame in frames])


@pytest.fixture(scope="module")
def maps(shipped, images):
    """Of the graph and of the network."""
    graph, note = choose_engine("auto", *shipped)
    assert (graph.name, note) == ("openvino", "")
    return graph.probabilities(images), KerasEngine(load_model(*shipped)).probabilities(images)


def test_the_shipped_graph_answers_as_its_network(shipped, maps):
    found, expected = maps
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    check_alike(found, expected, shipped[1].postprocess)


@pytest.mark.busi
@pytest.mark.skipif(not BUSI, reason="BUSICLI_BUSI_DIR does not name the BUSI data set")
def test_on_real_scans_too(shipped):
    files = sorted(path for path in Path(BUSI).glob("*/*.png") if "_mask" not in path.name)[::12]
    frames = [next(iter(decode_frames(path.read_bytes()))) for path in files]
    real = np.stack([network_image(frame, shipped[1].preprocess) for frame in frames])
    graph, _ = choose_engine("openvino", *shipped)
    expected = KerasEngine(load_model(*shipped)).probabilities(real)
    check_alike(graph.probabilities(real), expected, shipped[1].postprocess)


def test_a_scans_map_depends_neither_on_its_place_nor_on_the_number(shipped, images, maps):
    graph, _ = choose_engine("openvino", *shipped)
    assert graph.probabilities(images[:0]).shape == (0, *images.shape[1:3])
    np.testing.assert_array_equal(graph.probabilities(images[9:10])[0], maps[0][9])
    np.testing.assert_array_equal(graph.probabilities(images[7:12]), maps[0][7:12])


def test_masks_that_differ_are_told():
    one = np.zeros((2, 8, 8), np.float32)
    one[0, :4] = 1
    other = one.copy()
    check_alike(one, other, PostprocessSettings())  # the second two are empty, and alike
    other[0, :, :4] = 1  # Dice 2 * 16 / (32 + 48)
    with pytest.raises(InputError, match=r"Dice 0\.9000, at least 0\.8000"):
        check_alike(one, other, PostprocessSettings())


def test_without_a_graph_keras_is_taken_and_the_reason_told(shipped):
    folder, card = shipped
    bare = replace(card, files={"model.safetensors": card.files["model.safetensors"]})
    engine, note = choose_engine("auto", folder, bare)
    assert isinstance(engine, KerasEngine)
    assert note == (
        "the weights improved-unet have no exported graph: running on Keras, which is slower."
    )
    with pytest.raises(InputError, match=r"have no exported graph; take --engine keras\.$"):
        choose_engine("openvino", folder, bare)


@pytest.mark.parametrize("part", ["graph.xml", "graph.bin"])
def test_a_changed_graph_is_refused_before_it_is_parsed(shipped, tmp_path, part):
    folder = shutil.copytree(shipped[0], tmp_path / "weights")
    with (folder / part).open("ab") as file:
        file.write(b" ")
    with pytest.raises(InputError, match=f"{part} of weights is not the file that its card names"):
        choose_engine("auto", folder, shipped[1])


def test_trained_weights_bring_their_graph_and_neither_engine_changes_a_mask_much(
    study, scans, call, tmp_path
):
    card = json.loads((study.weights / "card.json").read_text())
    assert sorted(card["files"]) == ["graph.bin", "graph.xml", "model.safetensors"]
    for engine in ("openvino", "keras"):
        weights = ("--weights", study.weights, "--engine", engine)
        assert call("segment-dir", scans / "benign", tmp_path / engine, *weights).status == 0
        record = json.loads((tmp_path / engine / "run.json").read_text())
        assert record["engine"] == {"name": engine, "precision": "float32"}
    for mask in sorted((tmp_path / "keras" / "masks").iterdir()):
        other = np.asarray(Image.open(tmp_path / "openvino" / "masks" / mask.name))
        assert (np.asarray(Image.open(mask)) != other).mean() < 0.01


def test_segmenting_imports_neither_keras_nor_tensorflow(scans, tmp_path):
    code = (
        "import sys; from busicli.cli.app import main\n"
        "try: main()\n"
        "finally: print(sorted({'keras', 'tensorflow'} & set(sys.modules)), file=sys.stderr)\n"
    )
    arguments = ("segment-dir", str(scans / "normal"), str(tmp_path / "out"))
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.stderr.splitlines()[-1] == "[]"


def test_openvino_tells_its_maker_nothing():
    code = (
        "import sys; from busicli.predict.graph import _openvino; _openvino()\n"
        "from openvino.tools.ovc import telemetry_utils; print(telemetry_utils.tm.__name__)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "openvino.tools.ovc.telemetry_stub"


def test_the_engine_is_one_that_there_is(call, scans, tmp_path):
    ended = call("segment-dir", scans, tmp_path / "out", "--engine", "abacus")
    assert ended.status == 2
    assert "--engine is abacus; it must be auto or openvino or keras." in ended.err
    assert OpenVinoEngine(None).name == "openvino"
