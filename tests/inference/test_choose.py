import shutil
from dataclasses import replace

import numpy as np
import pytest

from busicli.errors import InputError
from busicli.inference.choose import EngineRequest, choose_engine
from busicli.inference.engines import KerasEngine
from busicli.inference.export import agreement
from busicli.inference.openvino import has_bfloat16, masks_agree
from busicli.settings import PostprocessSettings
from tests.inference.engine_requests import AUTO, OPENVINO


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


def test_the_engine_is_one_that_there_is(call, scans, tmp_path):
    ended = call("segment-dir", scans, tmp_path / "out", "--engine", "abacus")
    assert ended.status == 2
    assert "'--engine': " in ended.err
    ended = call("segment-dir", scans, tmp_path / "out", "--precision", "float8")
    assert ended.status == 2
    assert "'--precision': " in ended.err
