"""What a worker of a cluster checks before it makes a mask; tests/parallel runs real clusters."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from busicli.batch.cluster import Sent, do_task, packed
from busicli.batch.request import SegmentRequest
from busicli.batch.run import list_inputs
from busicli.batch.worker import scan_worker
from busicli.errors import BusicliError
from busicli.models.weights import locate_shipped
from tests.made_weights import change_card, read_document


@pytest.fixture
def weights(tmp_path) -> Path:
    return Path(shutil.copytree(locate_shipped("improved-unet")[0], tmp_path / "weights"))


def sent(weights: Path, scans: Path) -> Sent:
    """A task for one phantom, as the program sends it now."""
    scan = scans / "benign" / "phantom-03.png"
    out = weights.parent / "out"
    request = SegmentRequest(
        scans=(scan,), out=out, weights=str(weights), outputs=("masks",), jobs=1, report=False
    )
    settings = scan_worker(request).settings
    return Sent(request=request, settings=settings, entries=list_inputs(request), earlier=[None])


def test_a_live_worker_takes_weights_that_were_replaced(weights, scans):
    (before,) = do_task(packed(sent(weights, scans)))
    assert len(before.lesions) == 1
    postprocess = read_document(weights)["postprocess"]
    change_card(weights, postprocess={**postprocess, "min_presence": 1.0})  # no lesion is certain
    (after,) = do_task(packed(sent(weights, scans)))
    assert after.lesions == ()
    assert after.masks[0].sha256 != before.masks[0].sha256


def test_a_worker_of_other_weights_or_versions_refuses(weights, scans):
    task = sent(weights, scans)
    change_card(weights, tta=True)
    with pytest.raises(
        BusicliError, match="has other engine, tta, weights than the program that sends"
    ):
        do_task(packed(task))
    other = {**task.settings.versions, "busicli": "0.0.0"}
    task = replace(task, settings=replace(task.settings, versions=other))
    with pytest.raises(BusicliError, match="has other versions of busicli; install the same"):
        do_task(packed(task))
    versions, _ = packed(task)
    with pytest.raises(BusicliError, match="has other versions of busicli"):
        do_task((versions, b"what another version pickled"))


def test_results_hold_for_one_plugin_file_and_one_engine(weights, scans, tmp_path):
    plugin = tmp_path / "own.py"
    plugin.write_text(
        "from busicli.models.architecture import Architecture\n"
        "ARCHITECTURE = Architecture(name='own', summary='s', source='s', build=lambda *_: None)\n"
    )
    request = replace(sent(weights, scans).request, plugins=(plugin,))
    before = scan_worker(request).settings
    plugin.write_text(plugin.read_text() + "# changed\n")
    after = scan_worker(request).settings
    assert list(before.plugins) == ["own.py"]
    assert before.plugins != after.plugins
    assert replace(before, plugins={}) == replace(after, plugins={})
    keras = scan_worker(replace(request, engine="keras", plugins=())).settings
    assert list(keras.plugins) == ["improved_unet.py"]
    assert keras.engine.version.endswith(" on tensorflow")
    assert before.engine.version[:4].isdigit()
