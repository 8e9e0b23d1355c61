"""Weights: a folder of numbers with a card that says what they are, checked before it is parsed."""

import gzip
import json
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse_numbers
from safetensors.numpy import save as numbers_to_bytes

from busicli.errors import InputError
from busicli.imaging.novelty import Familiar
from busicli.io.files import atomic_write, parse_json, sha256_bytes
from busicli.models.architecture import Architecture
from busicli.models.card import Card, card_text, parse_card
from busicli.models.features import with_features
from busicli.models.keras_backend import load_keras
from busicli.models.registry import find
from busicli.models.trial import check_network, sentence_of_build
from busicli.settings import Precision

if TYPE_CHECKING:
    import keras

NUMBERS = "model.safetensors.gz"
"""Packed, which saves a quarter: the exported graph holds most of them a second time."""
LARGEST_NUMBERS = 2**30
"""Bytes to which that file may unpack."""
FAMILIAR = "familiar.safetensors"
"""Distribution of the training scans' features; absent where the architecture declares none."""
ENCODER = "encoder.safetensors"
CARD = "card.json"
PINS = "pins.json"
"""SHA-256 of each shipped card, so that a changed card is refused."""
RUN_WEIGHTS = "weights"
"""The folder of finished weights in that of their training run."""
DEFAULT_WEIGHTS = "improved-unet"
"""Those that ship and are taken where none are named."""
MAX_CARD_BYTES = 100_000_000
SHIPPED = "busicli.shipped"
"""The package that the top-level folder `weights/` becomes."""


def build_model(
    architecture: Architecture,
    size_px: int,
    options: Mapping[str, Any],
    *,
    precision: Precision = "float32",
) -> "keras.Model":
    """The untrained network for (size, size, 3) scans; layers compute in `precision`."""
    keras = load_keras()
    architecture.check_size(size_px)
    check_network(architecture, size_px, options)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else "mixed_bfloat16")
    try:
        with sentence_of_build(architecture, options):
            checked = architecture.checked_options(dict(options))
            return architecture.build((size_px, size_px, 3), **checked)
    finally:
        keras.config.set_dtype_policy(before)


def save_weights(
    folder: Path, model: "keras.Model", card: Card, familiar: Familiar | None = None
) -> str:
    """Write numbers, then the card with their hashes; returns the card's SHA-256."""
    numbers = numbers_to_bytes(serialize_weights(model))
    files = {NUMBERS: gzip.compress(numbers, mtime=0)}  # the same bytes at any time
    if familiar is not None:
        arrays = {"mean": familiar.mean, "whitening": familiar.whitening}
        files[FAMILIAR] = numbers_to_bytes(arrays)
    return write_files(folder, replace(card, files={}), files)


def serialize_weights(model: "keras.Model") -> dict[str, NDArray[Any]]:
    """A model's numbers by name, as they are stored.

    Kernels are in half precision, as numbers that bfloat16 holds too: the file is half as large,
    and an engine that computes in bfloat16 has no rounding of its own to add. Everything else
    stays float32. A model filled with them answers as what is read back will.
    """
    ops = load_keras().ops
    numbers = {}
    for key, variable in zip(_keys(model.weights), model.weights, strict=True):
        kernel = len(variable.shape) > 1
        value = ops.cast(variable.value, "bfloat16") if kernel else variable.value
        array = ops.convert_to_numpy(ops.cast(value, "float32"))
        numbers[key] = np.array(array, np.float16 if kernel else np.float32, order="C")
    return numbers


def write_files(folder: Path, card: Card, files: Mapping[str, bytes]) -> str:
    """Write further files of a weights folder, then the card that names them by their hashes."""
    for name, data in files.items():
        atomic_write(folder / name, data)
    hashes = {name: sha256_bytes(data) for name, data in files.items()}
    text = card_text(replace(card, files=card.files | hashes))
    atomic_write(folder / CARD, text)
    return sha256_bytes(text)


def read_card(folder: Path, *, pinned_sha256: str | None = None) -> Card:
    """The card of a weights folder, its hash checked first where one is pinned."""
    return open_card(folder, pinned_sha256=pinned_sha256)[0]


def open_card(folder: Path, *, pinned_sha256: str | None = None) -> tuple[Card, bytes]:
    """As `read_card`, with the bytes that it was read from."""
    text = _read_card_text(folder, pinned_sha256)
    try:
        card, sealed = parse_card(text)
    except InputError as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"the card of {folder.name} is damaged or of another version: {reason}; get the "
            "weights again, or train them again."
        ) from error
    known = sealed or pinned_sha256 or sha256_bytes(text) in _pins().values()
    if not known and card.name in shipped_names():
        raise InputError(
            f"the card of {folder.name} is not the one of the {card.name} that ship; get the "
            "weights again, or pin your own: --weights-sha256."
        )
    return card, text


def _read_card_text(folder: Path, pinned_sha256: str | None) -> bytes:
    path = folder / CARD
    if not path.is_file():
        raise InputError(
            f"{folder} holds no {CARD}; name a weights folder, such as runs/NAME/weights, or "
            f"weights that ship: {', '.join(shipped_names())}."
        )
    with path.open("rb") as file:
        text = file.read(MAX_CARD_BYTES)
    if pinned_sha256 is not None and sha256_bytes(text) != pinned_sha256:
        raise InputError(
            f"the card of {folder.name} has SHA-256 {sha256_bytes(text)[:12]}…, not the "
            f"{pinned_sha256[:12]}… that was pinned; get the weights again from their source."
        )
    return text


def load_model(folder: Path, card: Card, *, plugins: Sequence[Path] = ()) -> "keras.Model":
    """The network with its numbers: built by the plugin, filled from a checked file of numbers.

    Its last output are its features where the weights know those of their training scans.
    """
    architecture = find(card.architecture, plugins)
    model = build_model(architecture, card.preprocess.size_px, card.options)
    load_state(model, read_numbers(folder, card), folder.name)
    return with_features(model, architecture.feature_layers if FAMILIAR in card.files else ())


def read_checked(folder: Path, card: Card, name: str) -> bytes:
    """A file of a weights folder, if it is the one that the card names by its hash."""
    return _read_whole(folder, name, card.files.get(name))


def _read_whole(folder: Path, name: str, sha256: str | None) -> bytes:
    path = folder / name
    if not path.is_file():
        raise InputError(f"{folder.name} lacks {name}; get the weights again from their source.")
    data = path.read_bytes()
    if sha256_bytes(data) != sha256:
        raise InputError(
            f"{name} of {folder.name} is not the file that its card names; "
            "it was changed or cut short: get the weights again from their source."
        )
    return data


def read_encoder(folder: Path, *, pinned_sha256: str | None) -> dict[str, np.ndarray[Any, Any]]:
    """The checked arrays of a folder of pre-trained weights, by the paths of their variables."""
    text = _read_card_text(folder, pinned_sha256)
    try:
        wanted = parse_json(text)["files"][ENCODER]
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"the card of {folder.name} names no {ENCODER}; get it again.") from error
    data = _read_whole(folder, ENCODER, wanted)
    try:
        return parse_numbers(data)
    except SafetensorError as error:
        raise InputError(f"{ENCODER} of {folder.name} holds no arrays; get it again.") from error


def read_numbers(folder: Path, card: Card) -> dict[str, np.ndarray[Any, Any]]:
    """The checked numbers of a weights folder by key; nothing is parsed before the hash agrees."""
    try:
        return parse_numbers(_inflated(read_checked(folder, card, NUMBERS)))
    except (SafetensorError, zlib.error) as error:
        raise InputError(f"{NUMBERS} of {folder.name} holds no numbers; get it again.") from error


def _inflated(data: bytes) -> bytes:
    """What gzip has packed, at most `LARGEST_NUMBERS`; zlib.error where it is damaged or larger."""
    gzip_alone = 16 + zlib.MAX_WBITS
    unpacking = zlib.decompressobj(gzip_alone)
    found = unpacking.decompress(data, LARGEST_NUMBERS)
    if not unpacking.eof:
        raise zlib.error("cut short or too large")
    return found


def read_familiar(folder: Path, card: Card) -> Familiar | None:
    """The checked distribution of the training scans' features; None where the card names none."""
    if FAMILIAR not in card.files:
        return None
    try:
        arrays = parse_numbers(read_checked(folder, card, FAMILIAR))
        return Familiar(mean=arrays["mean"], whitening=arrays["whitening"])
    except (SafetensorError, KeyError) as error:
        raise InputError(f"{FAMILIAR} of {folder.name} is incomplete; get it again.") from error


def load_state(model: "keras.Model", numbers: Mapping[str, Any], name: str) -> None:
    """Put numbers into a network.

    Raises InputError, naming the first layer that differs, where they belong to another network.
    """
    keys = _keys(model.weights)
    needed = {key: tuple(v.shape) for key, v in zip(keys, model.weights, strict=True)}
    came = {key: tuple(array.shape) for key, array in numbers.items()}
    for key in sorted(needed.keys() | came.keys()):  # each begins with its place
        if needed.get(key) != came.get(key):
            raise InputError(
                f"the weights {name} do not fit the model {model.name}: its first difference is "
                f"{key.partition('.')[2]}, of shape {came.get(key, 'none')} in the weights and "
                f"{needed.get(key, 'none')} in the model; use the plugin and the options that "
                "made them."
            )
    for key, variable in zip(keys, model.weights, strict=True):
        variable.assign(np.asarray(numbers[key], np.float32))


def shipped_names() -> list[str]:
    """Names of the weights that come with busicli."""
    root = package_files(SHIPPED)
    return sorted(d.name for d in root.iterdir() if d.is_dir() and d.joinpath(NUMBERS).is_file())


def resolve_weights(weights: str | Path) -> tuple[Path, str | None]:
    """The folder of weights and the card hash pinned for it, or None.

    Text without a separator is the name of shipped weights, whatever the current folder holds.
    Other text and every Path is a folder of weights, or of the training run that they are in.
    Raises InputError for a name that does not ship.
    """
    if isinstance(weights, str) and is_name(weights):
        if weights not in shipped_names():
            raise InputError(
                f"no weights named {weights} ship with busicli; name a folder with its separator, "
                f"such as ./{weights}, or one of: {', '.join(shipped_names())}."
            )
        return locate_shipped(weights)
    folders = (Path(weights), Path(weights, RUN_WEIGHTS))
    return next((folder for folder in folders if (folder / CARD).is_file()), folders[0]), None


def is_name(weights: str) -> bool:
    """Whether text names weights that ship, not a folder: it holds no separator.

    >>> [is_name(text) for text in ("improved-unet", "./mine", "runs/mine", "..")]
    [True, False, False, False]
    """
    return not ({os.sep, os.altsep} & set(weights)) and weights not in (os.curdir, os.pardir)


def locate_shipped(name: str) -> tuple[Path, str]:
    """The folder of weights that come with busicli, and the card hash pinned for it."""
    folder = Path(str(package_files(SHIPPED)))
    return folder / name, _pins().get(name, "not pinned")


def _pins() -> dict[str, str]:
    """The card hashes of all weights that ship, by name."""
    pins: dict[str, str] = json.loads(package_files(SHIPPED).joinpath(PINS).read_bytes())
    return pins


def _keys(variables: Sequence["keras.Variable"]) -> list[str]:
    """A stable key a variable: its place and its path, without the counters of automatic names."""
    keys = []
    for index, variable in enumerate(variables):
        parts = variable.path.split("/")
        keys.append(f"{index:04d}." + ".".join(re.sub(r"_\d+$", "", part) for part in parts))
    return keys
