"""Checks on the installed backends of Keras, each in its own process."""

import json
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from busicli.models.keras_backend import load_keras
from busicli.models.weights import serialize_weights
from busicli.parallel.subprocesses import last_line, run_python
from busicli.testing.candidate import Candidate, difference, plain_answers
from busicli.testing.result import CheckError, NotTriedError, need

ALIKE = 1e-3
"""How much the output may differ between backends."""


def on_tensorflow(candidate: Candidate) -> str:
    """It builds, predicts and learns on TensorFlow."""
    return _on("tensorflow", candidate)


def on_jax(candidate: Candidate) -> str:
    """It builds, predicts and learns on JAX."""
    return _on("jax", candidate)


def on_torch(candidate: Candidate) -> str:
    """It builds, predicts and learns on PyTorch."""
    return _on("torch", candidate)


def _on(backend: str, candidate: Candidate) -> str:
    if load_keras().backend.backend() == backend:
        return "in use: the other checks ran on it"
    if find_spec(backend) is None:
        raise NotTriedError(f"{backend} is not installed.")
    return on_another(backend, candidate)


def on_another(backend: str, candidate: Candidate) -> str:
    """Build, fill, run and train it in a process whose Keras uses that backend.

    Filled with the same numbers it must give the same output as in this process.
    """
    model = candidate.network
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_file(serialize_weights(model), folder / "numbers.safetensors")
        np.save(folder / "scans.npy", candidate.scans)
        request = {
            "is_file": isinstance(candidate.asked, Path),
            "asked": str(candidate.asked),
            "plugins": [str(file) for file in candidate.plugins],
            "options": candidate.options,
        }
        (folder / "request.json").write_text(json.dumps(request))
        _run(backend, folder)
        failed = (folder / "failed.txt").read_text(encoding="utf-8")
        need(not failed, f"with KERAS_BACKEND={backend}, {failed}")
        found = np.load(folder / "answers.npy")
    change = difference(found, plain_answers(model, candidate.scans))
    need(
        change <= ALIKE,
        f"on {backend} its output differs by {change:.2g}, and {ALIKE:g} is allowed; "
        "use only layers and operations of Keras.",
    )
    return f"differences up to {change:.1g}"


def _run(backend: str, folder: Path) -> None:
    try:
        ended = run_python(
            ["-m", "busicli.testing._subprocess", str(folder)], {"KERAS_BACKEND": backend}
        )
    except subprocess.TimeoutExpired as error:
        raise CheckError(
            f"on {backend} it did not end within {error.timeout:.0f} s; check with smaller options."
        ) from error
    need(
        ended.returncode == 0,
        f"on {backend} it ended with status {ended.returncode} ({last_line(ended.stderr)}); "
        f"for the traceback run KERAS_BACKEND={backend} busicli --debug models check.",
    )
