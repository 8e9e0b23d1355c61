import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from busicli.errors import InputError
from busicli.inference.choose import choose_engine
from busicli.inference.engines import KerasEngine
from busicli.inference.export import exported
from busicli.inference.openvino import export_graph, open_graph
from busicli.models.weights import load_model, read_card
from tests.inference.engine_requests import OPENVINO


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


def test_a_card_of_another_size_than_its_graph_is_refused_at_load(shipped):
    folder, card = shipped
    smaller = replace(card, preprocess=replace(card.preprocess, size_px=96))
    with pytest.raises(InputError, match=r"\(192, 192, 1\), .+ but its card says .* 96 x 96"):
        choose_engine(OPENVINO, folder, smaller)


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
