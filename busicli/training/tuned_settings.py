"""`choices.json`: what a cross-validation chose, for weights that are trained on every scan."""

import json
from dataclasses import asdict
from pathlib import Path

from busicli.errors import InputError
from busicli.io.files import write_json
from busicli.settings import Choices

CHOICES = "choices.json"


def write_choices(folder: Path, chosen: Choices) -> None:
    """Write them whole."""
    write_json(folder / CHOICES, asdict(chosen))


def read_choices(folder: Path) -> Choices:
    """What `write_choices` wrote; InputError where there is none."""
    try:
        return Choices.from_dict(json.loads((folder / CHOICES).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{folder} holds no {CHOICES}; make it with busicli eval --folds N."
        ) from error
