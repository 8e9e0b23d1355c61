"""The card of weights: what they are and how they must be used. All of it is checked when read."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from busicli.errors import InputError
from busicli.imaging.confidence import FEATURES
from busicli.io.checksums import CHECKSUM, add_checksum, verify_checksum
from busicli.io.escaping import percent_escape
from busicli.io.files import parse_json
from busicli.settings import (
    ConfidenceSettings,
    PostprocessSettings,
    PreprocessSettings,
    PresenceScores,
    TunedSettings,
)
from busicli.settings.record import check
from busicli.settings.values import check_values, from_plain

_OLD_NAME = "mirror"
"""Of a setting of busicli 0.1, in every card that it wrote."""
_LONGEST = 200
_WRONG = ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError
"""What reading raises where values are of other shapes than a card's."""
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What weights are and how they must be used."""

    name: str
    architecture: str
    options: dict[str, Any]
    preprocess: PreprocessSettings
    postprocess: PostprocessSettings
    training: dict[str, Any]
    """Data with citation and fingerprint, settings, epochs, versions, time."""
    scores: dict[str, Any]
    """Figures by split, each with its protocol."""
    training_scans: list[list[str]]
    """pixels_sha256 and perceptual hash of every scan trained on."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file beside the card."""
    confidence: ConfidenceSettings | None = None
    """How masks are trusted; None where nothing was there to learn it from."""
    graph: dict[str, dict[str, float]] = field(default_factory=dict)
    """How alike the exported graph's masks are to the network's, by precision; empty without."""
    tta: bool = False
    """Whether each scan's map is the mean of its own and its mirror image's."""
    class_temperature: float = 1.0
    """What calibrates the class probabilities; 1 where nothing was there to learn it from."""
    malignant_from: float = 0.5
    """Share of malignancy at or above which a lesion is called malignant."""
    novel_from: float | None = None
    """Novelty at or above which a scan is unlike the training scans; None where none is known."""
    presence_scores: PresenceScores = field(default_factory=PresenceScores)
    """Out-of-fold presence, from which an operating point is chosen; empty without folds."""

    @property
    def tuned(self) -> TunedSettings:
        """All that was chosen on scans that the network had not trained on."""
        return TunedSettings(**{f.name: getattr(self, f.name) for f in fields(TunedSettings)})

    def requested_tta(self, asked: bool | None) -> bool:
        """Whether to average with the mirrored image's map: as asked for, else as was chosen."""
        return self.tta if asked is None else asked

    def with_tuned(self, tuned: TunedSettings) -> Self:
        """The card with other choices."""
        return replace(self, **{f.name: getattr(tuned, f.name) for f in fields(TunedSettings)})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from a card's JSON document and check every value.

        Raises InputError for a wrong one; TypeError, ValueError or KeyError for a wrong shape.
        """
        card = from_plain(cls, values)
        check_values(card)
        card._check()
        return card

    def _check(self) -> None:
        check(0 < len(self.name) <= _LONGEST, "its name", self.name, f"1 to {_LONGEST} characters")
        plain = self.name.isprintable() and not {*"/\\"} & {*self.name}
        plain = plain and self.name not in (".", "..")
        check(plain, "its name", percent_escape(self.name), "a plain name")  # it names folders
        check_values(self.tuned)
        for name, sha256 in self.files.items():
            check(bool(_FILE.fullmatch(name)), "a file", name, "a plain name")
            check(bool(_SHA256.fullmatch(sha256)), f"the hash of {name}", sha256, "a SHA-256")
        for precision, alike in self.graph.items():
            check({"mean", "least"} <= set(alike), "the graph", precision, "compared")
        pairs = all(len(hashes) == 2 for hashes in self.training_scans)
        check(pairs, "a training scan", "another number of hashes", "two hashes")
        features = len(self.confidence.weights) if self.confidence else len(FEATURES)
        check(features == len(FEATURES), "the number of weights", features, str(len(FEATURES)))


def card_text(card: Card) -> bytes:
    """The bytes of `card.json`, with a checksum."""
    return (json.dumps(add_checksum(asdict(card)), indent=1, ensure_ascii=False) + "\n").encode()


def parse_card(text: bytes) -> tuple[Card, bool]:
    """The card of such bytes, and whether they held a checksum, which older cards lack.

    Raises InputError where anything in it is not as it must be, or the checksum does not agree.
    """
    try:
        values = parse_json(text)
        if not isinstance(values, dict) or _OLD_NAME in values:
            raise InputError("it is of busicli 0.1, whose settings had other names.")
        sealed = CHECKSUM in values
        return Card.from_dict(verify_checksum(values) if sealed else values), sealed
    except _WRONG as error:
        raise InputError(f"it is no card ({type(error).__name__}).") from error
