"""`tuned_settings.json`: what a cross-validation chose, for weights that are trained on every
scan.
"""

from dataclasses import asdict
from pathlib import Path

from busicli.errors import InputError
from busicli.io.files import parse_json, write_json
from busicli.settings import TunedSettings

TUNED_SETTINGS = "tuned_settings.json"


def write_tuned_settings(folder: Path, chosen: TunedSettings) -> None:
    """Write them whole."""
    write_json(folder / TUNED_SETTINGS, asdict(chosen))


def read_tuned_settings(folder: Path) -> TunedSettings:
    """What `write_tuned_settings` wrote; InputError where there is none."""
    try:
        return TunedSettings.from_dict(parse_json((folder / TUNED_SETTINGS).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{folder} holds no {TUNED_SETTINGS}; make it with busicli eval --folds N."
        ) from error
