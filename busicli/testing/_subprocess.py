"""The process that checks a plugin on another backend of Keras.

Run as `python -m busicli.testing._subprocess FOLDER`, with KERAS_BACKEND set. The folder holds the
request, a network's numbers and scans. The first failure, or the predictions, are written into it.
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from busicli.testing.candidate import Candidate, plain_answers
from busicli.testing.output_checks import (
    alone_as_among_others,
    finite,
    half_precision,
    output,
    sizes,
)
from busicli.testing.run import results
from busicli.testing.serialization_checks import fill
from busicli.testing.training_checks import gradients, learning

PORTABLE = (sizes, half_precision, output, finite, alone_as_among_others, learning, gradients)
"""Checks whose result can differ on another backend."""


def main(folder: Path) -> None:
    """Check the plugin of the folder's request."""
    request = json.loads((folder / "request.json").read_text())
    asked = Path(request["asked"]) if request["is_file"] else request["asked"]
    plugins = [Path(file) for file in request["plugins"]]
    candidate = Candidate.of(asked, plugins, request["options"])
    failed = (f"{r.name}: {r.detail}" for r in results(candidate, PORTABLE) if r.passed is False)
    first = next(failed, "")
    (folder / "failed.txt").write_text(first, encoding="utf-8")
    if first:
        return
    model = candidate.fresh()
    fill(model, load_file(folder / "numbers.safetensors"))
    np.save(folder / "answers.npy", plain_answers(model, np.load(folder / "scans.npy")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
