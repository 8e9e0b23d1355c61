import json

import pytest

from tests.evaluation.made_masks import rows


@pytest.fixture
def score(call, tmp_path):
    """Score `pred` against `ref`: how it ended, its metrics, its rows by case."""

    def scored(*options):
        ended = call("eval", "--predictions", "pred", "--reference", "ref", "--out", "o", *options)
        if ended.status:
            return ended, {}, {}
        out = tmp_path / "o"
        return ended, json.loads((out / "metrics.json").read_text()), rows(out)

    return scored


@pytest.fixture(scope="package")
def crossed(prepared, run, training, tmp_path_factory):
    """Two folds trained and scored, in a folder of their own."""
    folder = tmp_path_factory.mktemp("folds")
    data = ("--data", prepared.data)
    train = run("train", "--folds", 2, "--name", "cv", *data, *training, cwd=folder)
    score = run("eval", "--folds", 2, *data, cwd=folder)
    return folder, train, score
