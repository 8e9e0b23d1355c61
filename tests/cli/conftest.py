import pytest


@pytest.fixture
def segment(call, study):
    """`segment-dir` with the study's weights."""

    def do(*args, stdin: bytes = b""):
        return call("segment-dir", *args, "--weights", study.weights, stdin=stdin)

    return do
