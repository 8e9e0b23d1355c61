"""Weights whose card says something else, as if they had been made so."""

import json
from pathlib import Path
from typing import Any

from busicli.io.checksums import CHECKSUM, add_checksum


def read_document(folder: Path) -> dict[str, Any]:
    """The card's values, without its checksum."""
    document = json.loads((folder / "card.json").read_text())
    return {name: value for name, value in document.items() if name != CHECKSUM}


def change_card(folder: Path, **values: Any) -> None:
    """Replace some of the card's values."""
    document = add_checksum({**read_document(folder), **values})
    (folder / "card.json").write_text(json.dumps(document))
