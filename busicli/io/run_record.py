"""What a run over scans was made with and how it ended: the record in `run.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from busicli.errors import InputError
from busicli.io.checksums import add_checksum, verify_checksum
from busicli.settings import ConfidenceSettings, Precision, PreprocessSettings, TunedSettings
from busicli.settings.values import check_values, from_plain
from busicli.types import Spacing

Names = Literal["keep", "hash"]
_NOT_RECORDED = "presence_scores"
"""Of the tuned settings: it decides no result, and is long."""
_WRONG = AttributeError, InputError, KeyError, TypeError, ValueError
"""What reading raises where values are of another shape or kind."""
_TUNED = tuple(f.name for f in fields(TunedSettings) if f.name != _NOT_RECORDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsUsed:
    """The weights of a run."""

    name: str
    card_sha256: str
    files: Mapping[str, str]
    """SHA-256 of each file beside the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineUsed:
    """What ran the network."""

    name: str
    precision: Precision
    version: str
    """Of the library, with the backend of Keras."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """All that decides the results of a run, whatever the scans."""

    weights: WeightsUsed
    preprocess: PreprocessSettings
    tuned: TunedSettings
    engine: EngineUsed
    plugins: Mapping[str, str]
    """SHA-256 of each plugin file that was given, and of the one that Keras built from."""
    views: str
    """As `--views`."""
    max_false_masks: float | None
    """As `--max-false-masks`; the tuned settings hold the threshold that follows from it."""
    outputs: tuple[str, ...]
    """Kinds of files that are written for each scan."""
    report: bool
    """Whether the page is written."""
    names: Names
    max_pixels: int
    pixel_spacing: Spacing | None
    deidentify: bool
    keep_identifiers: bool
    versions: Mapping[str, str]
    """Of busicli and of the packages that its results depend on."""

    @property
    def confidence(self) -> ConfidenceSettings | None:
        """How masks are trusted; None where the weights give no confidence."""
        return self.tuned.confidence

    def to_json(self) -> dict[str, Any]:
        """As it stands in `run.json`, the tuned settings side by side with the others."""
        document = asdict(self)
        tuned = document.pop("tuned")
        return {**document, **{name: tuned[name] for name in _TUNED}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The settings of a document that may hold more; InputError where it lacks some."""
        try:
            values = {f.name: document[f.name] for f in fields(cls) if f.name != "tuned"}
            tuned = {name: document[name] for name in _TUNED}
            settings = from_plain(cls, {**values, "tuned": tuned})
            check_values(settings)
        except _WRONG as error:
            raise _another_version() from error
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """Inputs by what became of them."""

    ok: int
    failed: int
    skipped: int
    inputs: int
    pending: int
    """Not reached, as the run was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What stands in `run.json`."""

    settings: RunSettings
    counts: RunCounts
    start: str
    """UTC, ISO 8601, as `end`."""
    end: str
    exit_status: int
    id: str = ""
    """Names the results in this folder, in reviews too; it stays when they are made again."""
    parts: int | None = None
    """How many parts were merged; None for a run in one."""

    def to_json(self) -> dict[str, Any]:
        """The document of `run.json`, with its checksum."""
        parts = {} if self.parts is None else {"parts": self.parts}
        return add_checksum(
            {
                "id": self.id,
                **self.settings.to_json(),
                **parts,
                "counts": asdict(self.counts),
                "start": self.start,
                "end": self.end,
                "exit_status": self.exit_status,
            }
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The record of a document; InputError where it is damaged or of another version."""
        try:
            document = verify_checksum(document)
        except InputError as error:
            raise _another_version() from error
        names = [f.name for f in fields(cls) if f.name in document]
        values = {name: document[name] for name in names}
        try:
            record = from_plain(cls, {**values, "settings": RunSettings.from_json(document)})
            check_values(record)
        except _WRONG as error:
            raise _another_version() from error
        return record


def _another_version() -> InputError:
    return InputError("run.json is damaged or of another version; run the same command again.")
