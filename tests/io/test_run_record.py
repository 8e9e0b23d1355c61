"""The record of a run goes to run.json and comes back the same."""

import json

import pytest

from busicli.errors import InputError
from busicli.io.run_record import RunRecord, RunSettings
from busicli.types import Spacing
from tests.made_results import run_record

RECORD = run_record(pixel_spacing=Spacing(row_mm=0.1, column_mm=0.2))


def test_a_record_comes_back_the_same():
    assert RunRecord.from_json(json.loads(json.dumps(RECORD.to_json()))) == RECORD


def test_settings_stand_beside_each_other_and_presence_scores_are_left_out():
    document = RECORD.settings.to_json()
    assert {"postprocess", "confidence", "tta", "views", "outputs"} <= set(document)
    assert not {"tuned", "presence_scores"} & set(document)


@pytest.mark.parametrize("name", ["weights", "outputs", "counts", "start"])
def test_a_record_that_lacks_something_is_refused(name):
    document = RECORD.to_json()
    del document[name]
    with pytest.raises(InputError, match=r"run\.json is damaged or of another version"):
        RunRecord.from_json(document)


def test_settings_alone_are_enough_for_a_part():
    assert RunSettings.from_json(RECORD.to_json()) == RECORD.settings
