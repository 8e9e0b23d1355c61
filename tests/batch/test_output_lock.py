"""OUT while a run holds it."""

import shutil

import pytest

from busicli.batch.request import Callbacks, SegmentRequest
from busicli.batch.run import segment_batch
from busicli.errors import BusicliError
from tests.segmented import copied


def test_results_removed_while_running_are_an_error_and_made_again(scans, tmp_path):
    source, out = copied(scans, tmp_path / "scans", 1, 2, 3), tmp_path / "out"

    def segment(on_result):
        calls = Callbacks(
            on_note=lambda _: None,
            on_start=lambda _: None,
            on_result=on_result,
            stop_status=lambda: 0,
        )
        return segment_batch(SegmentRequest(scans=source, out=out, jobs=1), calls)

    with pytest.raises(BusicliError, match="was removed or replaced while busicli wrote into it"):
        segment(lambda _: shutil.rmtree(out, ignore_errors=True))
    assert segment(lambda _: None).exit_status == 0
    assert len(list((out / "masks").iterdir())) == 3
