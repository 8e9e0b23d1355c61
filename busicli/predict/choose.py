"""Which engine runs a weights folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from busicli.errors import InputError
from busicli.predict.engines import Engine, KerasEngine
from busicli.predict.graph import CONSTANTS, GRAPH, have_openvino, open_graph
from busicli.weights import Card, load_model, read_checked

EngineName = Literal["auto", "openvino", "keras"]


def choose_engine(
    name: EngineName, folder: Path, card: Card, plugins: Sequence[Path] = ()
) -> tuple[Engine, str]:
    """The engine asked for and, where another than the first choice was taken, why.

    `auto` is the exported graph on OpenVINO, else Keras. Raises InputError where an engine that was
    named cannot be had.
    """
    lacking = _lacking(card)
    if name == "openvino" and lacking:
        raise InputError(f"the engine openvino cannot be used: {lacking}; take --engine keras.")
    if name == "keras" or lacking:
        note = f"{lacking}: running on Keras, which is slower." if name == "auto" else ""
        return KerasEngine(load_model(folder, card, plugins=plugins)), note
    files = {part: read_checked(folder, card, part) for part in card.files}  # also those not used
    return open_graph(files), ""


def _lacking(card: Card) -> str:
    """What OpenVINO needs and is not there, or nothing."""
    if GRAPH not in card.files or CONSTANTS not in card.files:
        return f"the weights {card.name} have no exported graph"
    return "" if have_openvino() else "openvino is not installed"
