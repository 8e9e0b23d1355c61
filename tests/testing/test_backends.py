import pytest

from busicli.testing import (
    Candidate,
    CheckError,
    NotTriedError,
    backends,
)
from busicli.testing.backends import on_another
from tests.testing.made_plugins import BY_NAME


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_backend_that_is_absent_is_said_to_be(plugin, monkeypatch, backend):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(NotTriedError, match=rf"^{backend} is not installed\.$"):
        BY_NAME[f"on_{backend}"](Candidate.of(plugin()))


ELSEWHERE = 'if os.environ.get("KERAS_BACKEND") == "tensorflow": '
"""True in the process that tries another backend, which here is the same one."""


def test_a_sound_plugin_passes_in_a_process_of_its_own(plugin):
    found = on_another("tensorflow", Candidate.of(plugin(), options={"filters": 2}))
    assert found.startswith("differences up to ")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            "x = layers.Rescaling(2, dtype='float32')(x)",
            "with KERAS_BACKEND=tensorflow, output: its output lies between",
        ),
        ("x = layers.Rescaling(0.5, dtype='float32')(x)", "on tensorflow its output differs by"),
        ("os._exit(9)", r"on tensorflow it ended with status 9 \("),
    ],
)
def test_what_goes_wrong_on_another_backend_is_caught(plugin, monkeypatch, fault, sentence):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    file = plugin("return Model", f"{ELSEWHERE}{fault}\n    return Model")
    with pytest.raises(CheckError, match=sentence):
        on_another("tensorflow", Candidate.of(file))
