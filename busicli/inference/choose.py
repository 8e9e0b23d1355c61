"""Which engine runs a weights folder."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from busicli.errors import InputError
from busicli.inference.engines import Engine, KerasEngine, with_flip_tta
from busicli.inference.graph_cache import cache_folder
from busicli.inference.openvino import (
    CONSTANTS,
    GRAPH,
    LEAST_DICE,
    LEAST_MEAN_DICE,
    has_bfloat16,
    have_openvino,
    masks_agree,
    open_graph,
    openvino_version,
)
from busicli.models.card import Card
from busicli.models.keras_backend import keras_version
from busicli.models.registry import of_file
from busicli.models.weights import load_model, read_checked, read_familiar
from busicli.settings import Precision

EngineName = Literal["auto", "openvino", "keras"]
PrecisionName = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """Which engine to use."""

    name: EngineName = "auto"
    """`auto` is the exported graph on OpenVINO, else Keras."""
    precision: PrecisionName = "auto"
    """`auto` is bfloat16 where the processor supports it and the weights' masks were measured to
    stay the same, else float32."""
    streams: int = 1
    """Scans to compute at a time, one core each; OpenVINO alone takes this number."""
    tta: bool | None = None
    """Whether to use flip test-time augmentation; None: as the card says."""


def choose_engine(
    request: EngineRequest, folder: Path, card: Card, plugins: Sequence[Path] = ()
) -> tuple[Engine, str]:
    """The engine and, where it is not the first choice, a sentence that says why.

    Raises InputError where the requested engine or precision cannot be used.
    """
    engine, note = _plain_engine(request, folder, card, plugins)
    return with_flip_tta(engine, card.requested_tta(request.tta)), note


def _plain_engine(
    request: EngineRequest, folder: Path, card: Card, plugins: Sequence[Path]
) -> tuple[Engine, str]:
    for file in plugins:  # a missing file is an error even if no network is built
        of_file(file)
    lacking = _lacking(card)
    if request.name == "openvino" and lacking:
        raise InputError(f"the engine openvino cannot be used: {lacking}; use --engine keras.")
    if request.name == "keras" or lacking:
        if request.precision == "bfloat16":
            raise InputError(
                "Keras computes in float32 here; use --precision float32, or weights with an "
                "exported graph and --engine openvino."
            )
        note = f"{lacking}: running on Keras, which is slower." if request.name == "auto" else ""
        return keras_engine(folder, card, plugins), note
    files = {part: read_checked(folder, card, part) for part in card.files}  # unused ones too
    precision = _precision(request.precision, card)
    engine = open_graph(
        files,
        size_px=card.preprocess.size_px,
        precision=precision,
        streams=request.streams,
        familiar=read_familiar(folder, card),
        cached=cache_folder(os.environ),
    )
    return engine, ""


def keras_engine(folder: Path, card: Card, plugins: Sequence[Path] = ()) -> KerasEngine:
    """The reference engine of a weights folder."""
    model = load_model(folder, card, plugins=plugins)
    return KerasEngine(model, familiar=read_familiar(folder, card))


def is_keras(engine: Engine) -> bool:
    """Whether Keras runs the network, which a plugin then built."""
    return engine.name.startswith("keras")


def engine_version(engine: Engine) -> str:
    """The version of the engine's library; of Keras with its backend, whose masks may differ."""
    return keras_version() if is_keras(engine) else openvino_version()


def _lacking(card: Card) -> str:
    """What OpenVINO needs and lacks; empty where it can run."""
    if GRAPH not in card.files or CONSTANTS not in card.files:
        return f"the weights {card.name} have no exported graph"
    return "" if have_openvino() else "openvino is not installed"


def _precision(wanted: PrecisionName, card: Card) -> Precision:
    compared = card.graph.get("bfloat16")
    alike = compared is not None and masks_agree(compared)
    if wanted == "auto":
        return "bfloat16" if alike and has_bfloat16() else "float32"
    if wanted == "bfloat16" and not alike:
        raise InputError(
            f"the masks of {card.name} were not measured to stay the same in bfloat16 (Dice with "
            f"those in float32 of {LEAST_MEAN_DICE} on average and {LEAST_DICE} each); "
            "use --precision float32."
        )
    return wanted
